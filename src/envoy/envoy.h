/* envoy.h - plan → Envoy resources. Pure: equal plans give equal bytes. */
#pragma once
#include "plan/egress.h"
#include "plan/plan.h"

/* The order, and the numbers, of enum xds_type. */
enum envoy_type { ENVOY_CLUSTER, ENVOY_ENDPOINT, ENVOY_LISTENER, ENVOY_ROUTE };

/* A resource before it is shared: name, bytes, who decided it. `type` has the values of enum xds_type. */
struct envoy_resource {
    int64_t type;
    struct str name, bytes, origin;
    struct strs clusters; /* LDS and RDS: clusters named */
};
struct envoy_resources {
    struct envoy_resource *v;
    size_t n;
};
struct envoy_bundle {                 /* the value of the cells below */
    struct envoy_resources resources; /* by (type, name) */
};
extern const struct table envoy_bundle_table;

/* Cells over the plan cells of the same key (plan.h): what the pipeline observes. */
extern const struct cell_kind envoy_outbound_cell;  /* plan_outbound_cell: clusters and routes of one Service */
extern const struct cell_kind envoy_listeners_cell; /* members of "ear:" sets: the listeners of one Service */
extern const struct cell_kind envoy_endpoints_cell; /* plan_endpoints_cell: its CLAs */
extern const struct cell_kind envoy_inbound_cell;   /* plan_inbound_cell: inbound listener, routes, local clusters */
/* plan_egress_cell, "<key>" or "<key>|<plan_view.log>": listeners by port, routes, clusters */
extern const struct cell_kind envoy_egress_cell;
extern const struct cell_kind envoy_base_cell; /* plan_view.log: capture listener, its clusters, what is called */

const struct envoy_bundle *envoy_outbound(struct cell *c, struct str key);
const struct envoy_bundle *envoy_endpoints(struct cell *c, struct str key);
const struct envoy_bundle *envoy_inbound(struct cell *c, struct str workload);
const struct envoy_bundle *envoy_egress(struct cell *c, struct str key);
const struct envoy_bundle *envoy_listeners(struct cell *c, struct str member);
const struct envoy_bundle *envoy_base(struct cell *c, struct str log);

/* The functions behind the cells: |out| is zeroed; everything it points to lives in |a| or belongs to the plan. */
void envoy_encode_outbound(struct arena *a, const struct plan_outbound *p, struct envoy_bundle *out);
void envoy_encode_listeners(struct arena *a, const struct plan_outbound *p, const struct plan_hop *hop,
                            struct envoy_bundle *out);
void envoy_encode_endpoints(struct arena *a, const struct plan_endpoints *p, struct envoy_bundle *out);
void envoy_encode_inbound(struct arena *a, const struct plan_inbound *p, const struct plan_hop *hop,
                          struct envoy_bundle *out);
void envoy_encode_base(struct arena *a, const struct plan_base *p, const struct plan_hop *hop,
                       struct envoy_bundle *out);
void envoy_encode_egress(struct arena *a, const struct plan_egress *p, const struct plan_hop *hop,
                         struct envoy_bundle *out);

/* Readable JSON in protobuf's own mapping, messages inside an Any spelt out: what the golden tests keep and what a
 * static bootstrap of Envoy takes. Two blanks of indentation, fields in number order. An Any of an unknown type keeps
 * its bytes in base64.
 *   {"clusters": [...], "endpoints": [...], "listeners": [...], "routes": [...]}, a kind without members left out. */
void envoy_bundle_to_json(const struct envoy_bundle *b, struct buf *out);
/* One resource; bytes that do not parse give the JSON null. */
void envoy_resource_to_json(const struct envoy_resource *r, struct buf *out);
/* "type.googleapis.com/envoy.config.cluster.v3.Cluster" … */
struct str envoy_type_url(int64_t type);
