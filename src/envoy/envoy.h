/* envoy.h - plan → Envoy resources. Pure: equal plans give equal bytes. */
#pragma once
#include "plan/plan.h"

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
struct envoy_bundle { /* the value of the cells below */
    struct envoy_resources resources; /* by (type, name) */
};
extern const struct table envoy_bundle_table;

/* Cells over the plan cells of the same key (plan.h): what the pipeline observes. */
extern const struct cell_kind envoy_outbound_cell;  /* plan_outbound_cell: clusters, listeners, routes of one Service */
extern const struct cell_kind envoy_endpoints_cell; /* plan_endpoints_cell: its CLAs */
extern const struct cell_kind envoy_inbound_cell;   /* plan_inbound_cell: inbound listener, routes, local clusters */
extern const struct cell_kind envoy_base_cell;      /* plan_base_cell: capture listener and its clusters */

const struct envoy_bundle *envoy_outbound(struct cell *c, struct str key);
