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

PbAssignment *encode_endpoints(struct arena *a, struct str cluster, const struct plan_endpoint *v, size_t n)
{
    PbAssignment *m = NEW(a, Assignment);
    m->cluster_name = pb_str(a, cluster);
    if (!n) return m;
    PbLocalityEndpoints *all = NEW(a, LocalityEndpoints);
    for (const struct plan_endpoint *p = v; p < v + n; p++) PB_ADD(a, all, lb_endpoints, endpoint(a, p));
    PB_ADD(a, m, endpoints, all);
    return m;
}

void encode_assignment(struct encoder *e, const struct plan_assignment *p)
{
    PbAssignment *m = encode_endpoints(e->a, p->cluster, p->endpoints.v, p->endpoints.n);
    encode_resource(e, &m->base,
                    (struct envoy_resource){.type = ENVOY_ENDPOINT, .name = p->cluster, .origin = p->origin});
}
