#include "base/names.h"
#include "envoy/encode.h"

static void add_field(struct arena *a, PbStruct *s, const char *name, struct str value)
{
    if (value.n) PB_ADD(a, s, fields, encode_struct_field(a, str_of(name), value));
}

/* What the caller's statistics say of the other end. Equal for all pods of a workload, so that Envoy keeps it once. */
static PbMetadata *metadata(struct arena *a, struct str workload)
{
    struct str name = workload, kind = str_cut(&name, '/');
    PbStruct *s = NEW(a, Struct);
    add_field(a, s, "kind", kind);
    add_field(a, s, "name", name);
    PbMetadataEntry *entry = NEW(a, MetadataEntry);
    entry->key = METADATA_OSM;
    entry->value = s;
    PbMetadata *m = NEW(a, Metadata);
    PB_ADD(a, m, filter_metadata, entry);
    return m;
}

static PbLbEndpoint *endpoint(struct arena *a, const struct plan_endpoint *p)
{
    PbEndpoint *ep = NEW(a, Endpoint);
    struct str ns, pod;
    key_split(p->pod, &ns, &pod);
    ep->address = encode_address(a, p->address, p->port);
    ep->hostname = pb_str(a, pod); /* only a label of statistics */
    PbLbEndpoint *m = NEW(a, LbEndpoint);
    PB_ONE(m, endpoint, ep);
    if (p->workload.n) m->metadata = metadata(a, p->workload);
    return m;
}

struct zone {
    struct str name;
    PbLocalityEndpoints *endpoints;
};

static PbLocalityEndpoints *locality(struct arena *a, struct str zone)
{
    PbLocalityEndpoints *m = NEW(a, LocalityEndpoints);
    if (!zone.n) return m;
    m->locality = NEW(a, Locality);
    m->locality->zone = pb_str(a, zone);
    return m;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct zone *)a)->name, ((const struct zone *)b)->name);
}

PbAssignment *encode_endpoints(struct arena *a, struct str cluster, const struct plan_endpoint *v, size_t n)
{
    PbAssignment *m = NEW(a, Assignment);
    m->cluster_name = pb_str(a, cluster);
    LIST(struct zone) zones = {0};
    for (const struct plan_endpoint *p = v; p < v + n; p++) {
        PbLocalityEndpoints *in = NULL;
        for (each(z, zones))
            if (str_eq(z->name, p->zone)) in = z->endpoints;
        if (!in) {
            in = locality(a, p->zone);
            list_push(a, &zones, ((struct zone){p->zone, in}));
        }
        PB_ADD(a, in, lb_endpoints, endpoint(a, p));
    }
    list_sort(&zones, by_name);
    for (each(z, zones)) PB_ADD(a, m, endpoints, z->endpoints);
    return m;
}

void encode_assignment(struct encoder *e, const struct plan_assignment *p)
{
    PbAssignment *m = encode_endpoints(e->a, p->cluster, p->endpoints.v, p->endpoints.n);
    encode_resource(e, &m->base,
                    (struct envoy_resource){.type = ENVOY_ENDPOINT, .name = p->cluster, .origin = p->origin});
}
