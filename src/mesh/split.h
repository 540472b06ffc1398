/* split.h - TrafficSplits: which one rules a Service, and how. */
#pragma once
#include "mesh/diag.h"

struct mesh_split_backend {
    struct str service; /* "ns/name" */
    int64_t weight;     /* > 0 */
};
struct mesh_split {
    struct str title, root; /* root: "ns/name"; empty: cannot be honoured */
    int64_t created;
    LIST(struct mesh_split_backend) backends; /* in byte order of the Service; weights of a repeated one added */
    struct mesh_diags diags;
};
extern const struct table mesh_split_table;
/* One TrafficSplit by itself; key "ns/name". */
extern const struct cell_kind mesh_split_object_cell;
/* The split that rules root "ns/service": the oldest that names it. */
extern const struct cell_kind mesh_split_cell;
const struct mesh_split *mesh_split(struct cell *c, struct str root);

/* Roots whose ruling split has "ns/service" among its backends. */
struct mesh_roots {
    struct strs roots; /* "ns/name" in byte order */
};
extern const struct table mesh_roots_table;
extern const struct cell_kind mesh_roots_cell;
const struct mesh_roots *mesh_roots(struct cell *c, struct str service);

/* "bookstore", "bookstore.ns", "bookstore.ns.svc", … ".svc.cluster", ".svc.cluster.local" → name; false when the name
 * is none of these or lies in another namespace than |ns|. |name| points into |text|. */
bool split_service_name(struct str text, struct str ns, struct str *name);
