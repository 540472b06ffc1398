/* upstream.h - UpstreamTrafficSettings: which one rules a Service, and what it says about calls to it. */
#pragma once
#include "mesh/diag.h"

/* Limits of one sidecar towards one upstream cluster. Zeroed: none. */
struct mesh_connection {
    struct opt_int max_connections, max_pending, max_requests, max_retries;
    struct opt_int max_requests_per_connection; /* HTTP */
    int64_t connect_timeout_ns;
};
struct mesh_upstream {
    struct str title;
    int64_t created;
    struct str host;    /* as written */
    struct str service; /* "ns/name" when the host is the full name of a Service of its own namespace; else empty */
    struct mesh_connection connection;
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
