/* service.h - Services as the mesh sees them, and which namespaces are in it. */
#pragma once
#include "mesh/diag.h"

enum mesh_protocol { MESH_HTTP, MESH_GRPC, MESH_TCP, MESH_TCP_SERVER_FIRST };
static inline bool protocol_is_http(int64_t p) { return p == MESH_HTTP || p == MESH_GRPC; }

struct mesh_port {
    struct str name;
    int64_t port;   /* the Service's */
    int64_t target; /* the pod's; 0: named */
    struct str target_name;
    int64_t protocol; /* appProtocol, else the name's prefix, else HTTP */
};
struct mesh_service {
    struct str ns, name;
    int64_t created;
    bool in_mesh; /* its namespace is, and pods of the mesh can answer for it */
    bool headless, has_selector, publish_not_ready;
    struct kvs selector;
    struct strs addresses;        /* cluster IPs; empty when headless */
    LIST(struct mesh_port) ports; /* TCP only */
    struct mesh_diags diags;
};
extern const struct table mesh_service_table;
extern const struct cell_kind mesh_service_cell; /* key "ns/name"; absent also for ExternalName */

const struct mesh_service *mesh_service(struct cell *c, struct str key);
/* By the Service's port number; NULL when there is none. */
const struct mesh_port *mesh_service_port(const struct mesh_service *s, int64_t port);
/* Older by creation, then by name in byte order. */
bool mesh_is_older(int64_t created_a, struct str key_a, int64_t created_b, struct str key_b);

/* Is the namespace in the mesh? Its Namespace object carries the mesh's label. (The ignore label only keeps new pods
 * from being injected.) */
extern const struct cell_kind mesh_namespace_cell; /* key: name; absent: not in the mesh */
bool mesh_has_namespace(struct cell *c, struct str ns);
