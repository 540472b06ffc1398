/* outbound.h - what outbound and endpoints decide together about one Service and one reach. Private to the room. */
#pragma once
#include "mesh/upstream.h"
#include "plan/reach.h"

struct out_service {
    struct cell *c;
    struct arena *a;
    struct str key;           /* "ns/svc" */
    struct plan_retry *retry; /* the key has one: route configurations only */
    struct reach reach;
    const struct mesh_service *service;
    const struct mesh_backing *backing;   /* NULL when the Service is outside the mesh */
    const struct mesh_split *split;       /* or NULL */
    const struct mesh_upstream *upstream; /* or NULL */
};

/* False when there is nothing: no such Service, or it is on the other side of the mesh's border than the reach says. */
MUST bool out_service_init(struct out_service *o, struct cell *c, struct str key, struct arena *a);
/* "ns/svc|<n>" */
struct str out_cluster_name(struct arena *a, struct str service, int64_t port);
/* Does this Service have a cluster of its own for the port, for this reach? */
bool out_has_cluster(struct out_service *o, const struct mesh_port *p, struct strs *accounts);
/* Where calls to a port go: the Service itself, or the backends of its split. */
struct out_weights {
    LIST(struct plan_weight) clusters;
    int64_t denied;
};
/* |own|: name of the Service's own cluster, empty when it has none. */
struct out_weights out_weights_of(struct out_service *o, const struct mesh_port *p, struct str own);
