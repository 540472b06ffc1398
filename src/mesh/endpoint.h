/* endpoint.h - who answers for a Service: its EndpointSlices joined with the pods they name. */
#pragma once
#include "mesh/diag.h"

struct mesh_endpoint_port {
    int64_t port, target; /* the Service's port number; the number at this address */
};
struct mesh_endpoint {
    struct str address;
    struct str pod;      /* "ns/name"; empty: no pod of the mesh */
    struct str account;  /* "ns/sa" of the pod */
    struct str workload; /* "Deployment/bookstore", for statistics */
    struct str zone;     /* of the pod's label, else as the slice says; empty: unknown */
    bool ready;          /* takes traffic */
    LIST(struct mesh_endpoint_port) ports;
};
struct mesh_endpoints {
    LIST(struct mesh_endpoint) endpoints; /* of the mesh; by address */
    struct strs outside;                  /* addresses behind which is no pod of the mesh; left out above */
};
extern const struct table mesh_endpoints_table;
extern const struct cell_kind mesh_endpoints_cell; /* key "ns/service" */
const struct mesh_endpoints *mesh_endpoints(struct cell *c, struct str key);

/* What of it changes seldom: whose pods these are, ready or not, and what a port's number is at them. */
struct mesh_targets {
    int64_t port;
    struct ints targets; /* ascending; several when pods give a port name different numbers */
};
struct mesh_backing {
    struct strs accounts; /* "ns/sa" in byte order */
    LIST(struct mesh_targets) ports;
};
extern const struct table mesh_backing_table;
extern const struct cell_kind mesh_backing_cell; /* key "ns/service"; absent when the Service is */
const struct mesh_backing *mesh_backing(struct cell *c, struct str key);
/* Empty when unknown. */
struct ints mesh_targets_of(const struct mesh_backing *b, int64_t port);
/* Does some port of the Service end there? NULL: no. */
bool mesh_is_target(const struct mesh_backing *b, int64_t target);
