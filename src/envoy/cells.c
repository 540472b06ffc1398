#include "envoy/envoy.h"

static const struct field resource_fields[] = {
    FIELD(struct envoy_resource, type, "type", F_INT, .doc = "0 cluster, 1 endpoints, 2 listener, 3 route"),
    FIELD(struct envoy_resource, name, "name", F_STR, .doc = "name on the stream"),
    FIELD(struct envoy_resource, bytes, "bytes", F_BYTES, .doc = "the encoded message"),
    FIELD(struct envoy_resource, origin, "origin", F_STR, .doc = "objects that decided it"),
    FIELD(struct envoy_resource, clusters, "clusters", F_STRS, .doc = "clusters it names"),
};
static const struct table resource_table =
    TABLE("EnvoyResource", struct envoy_resource, resource_fields, .doc = "one resource");

static const struct field bundle_fields[] = {
    FIELD(struct envoy_bundle, resources, "resources", F_LIST, .sub = &resource_table, .doc = "by type and name"),
};
const struct table envoy_bundle_table =
    TABLE("EnvoyBundle", struct envoy_bundle, bundle_fields, .doc = "the resources of one plan cell");

static bool outbound(struct cell *c, struct str key, struct arena *a, void *out)
{
    const struct plan_outbound *p = plan_outbound(c, key);
    if (p) envoy_encode_outbound(a, p, out);
    return p;
}

static bool endpoints(struct cell *c, struct str key, struct arena *a, void *out)
{
    const struct plan_endpoints *p = plan_endpoints(c, key);
    if (p) envoy_encode_endpoints(a, p, out);
    return p;
}

static bool listeners(struct cell *c, struct str key, struct arena *a, void *out)
{
    struct str log, outbound = plan_ear_outbound(key, &log);
    const struct plan_outbound *p = plan_outbound(c, outbound);
    if (p) envoy_encode_listeners(a, p, plan_hop(c, log), out);
    return p;
}

static bool inbound(struct cell *c, struct str key, struct arena *a, void *out)
{
    const struct plan_inbound *p = plan_inbound(c, key);
    if (p) envoy_encode_inbound(a, p, plan_hop(c, plan_log_of(c, a, key)), out);
    return p;
}

static bool egress(struct cell *c, struct str key, struct arena *a, void *out)
{
    struct str log = key, plan = str_cut(&log, '|');
    const struct plan_egress *p = plan_egress(c, plan);
    if (p) envoy_encode_egress(a, p, plan_hop(c, log), out);
    return p;
}

static bool base(struct cell *c, struct str log, struct arena *a, void *out)
{
    const struct plan_base *p = plan_base(c);
    if (p) envoy_encode_base(a, p, plan_hop(c, log), out);
    return p;
}

const struct cell_kind envoy_outbound_cell = {"envoy.outbound", &envoy_bundle_table, outbound};
const struct cell_kind envoy_listeners_cell = {"envoy.listeners", &envoy_bundle_table, listeners};
const struct cell_kind envoy_endpoints_cell = {"envoy.endpoints", &envoy_bundle_table, endpoints};
const struct cell_kind envoy_inbound_cell = {"envoy.inbound", &envoy_bundle_table, inbound};
const struct cell_kind envoy_egress_cell = {"envoy.egress", &envoy_bundle_table, egress};
const struct cell_kind envoy_base_cell = {"envoy.base", &envoy_bundle_table, base};

const struct envoy_bundle *envoy_outbound(struct cell *c, struct str key)
{
    return sheet_read(c, &envoy_outbound_cell, key);
}

const struct envoy_bundle *envoy_endpoints(struct cell *c, struct str key)
{
    return sheet_read(c, &envoy_endpoints_cell, key);
}

const struct envoy_bundle *envoy_inbound(struct cell *c, struct str workload)
{
    return sheet_read(c, &envoy_inbound_cell, workload);
}

const struct envoy_bundle *envoy_egress(struct cell *c, struct str key)
{
    return sheet_read(c, &envoy_egress_cell, key);
}

const struct envoy_bundle *envoy_listeners(struct cell *c, struct str member)
{
    return sheet_read(c, &envoy_listeners_cell, member);
}

const struct envoy_bundle *envoy_base(struct cell *c, struct str log) { return sheet_read(c, &envoy_base_cell, log); }
