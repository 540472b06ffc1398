/* upstream.h - UpstreamTrafficSettings: which one rules a Service, and what it says about calls to it. */
#pragma once
#include "kinds/upstream_traffic_setting.h"
#include "mesh/diag.h"

struct mesh_upstream {
    struct str title;
    int64_t created;
    struct str service; /* "ns/name" when the host is the full name of a Service of its own namespace; else empty */
    struct upstream_traffic_setting_spec spec; /* as written, defaults applied */
    struct mesh_diags diags;
};
extern const struct table mesh_upstream_table;
/* One UpstreamTrafficSetting by itself; key "ns/name". */
extern const struct cell_kind mesh_upstream_object_cell;
/* The one that rules Service "ns/name": the oldest whose host is its full name, of its namespace. */
extern const struct cell_kind mesh_upstream_cell;

/* NULL: none rules it. */
const struct mesh_upstream *mesh_upstream(struct cell *c, struct str service);
/* By its own key "ns/name", as an Egress refers to it; NULL: absent. */
const struct mesh_upstream *mesh_upstream_named(struct cell *c, struct str key);
