/* ingress.h - IngressBackends: who outside the mesh may call which Service's pods, at which of their ports.
 *
 * Where nobody is named or found, nobody may: an empty list is never anyone. */
#pragma once
#include "mesh/diag.h"

/* What one policy says of one port of the pods behind one Service. */
struct mesh_ingress_port {
    struct str service;       /* "ns/svc" */
    int64_t port;             /* the pods' */
    bool tls;                 /* https: the pod's own certificate */
    bool any_client;          /* https: callers need no certificate */
    struct strs server_names; /* https: lower-case SNI, "*.domain" included; empty: any */
    struct strs ranges;       /* callers' addresses: canonical CIDRs in byte order */
    bool any_address;         /* callers are named by certificate alone */
    struct strs principals;   /* https without any_client: names in certificates, in byte order; a URI or a DNS name */
    /* who says so */
    int64_t created;
    struct str policy; /* "ns/name" of the IngressBackend */
};
/* May anybody call? A port that nobody may call is listed all the same: its policy holds the place. */
bool mesh_ingress_is_open(const struct mesh_ingress_port *p);
/* Of two that speak of one port of one pod the older policy holds; then by policy, then by Service, in byte order. */
bool mesh_ingress_is_older(const struct mesh_ingress_port *a, const struct mesh_ingress_port *b);
/* Do both admit the same callers in the same way, so that it does not matter which of them holds? */
bool mesh_ingress_same(const struct mesh_ingress_port *a, const struct mesh_ingress_port *b);

/* One IngressBackend with its sources resolved. */
struct mesh_ingress_policy {
    LIST(struct mesh_ingress_port) ports; /* as written */
    struct mesh_diags diags;
};
extern const struct table mesh_ingress_policy_table;
extern const struct cell_kind mesh_ingress_policy_cell; /* key "ns/name" */
const struct mesh_ingress_policy *mesh_ingress_policy(struct cell *c, struct str key);

/* What holds for one Service: of several policies for one port the oldest. */
struct mesh_ingress {
    LIST(struct mesh_ingress_port) ports; /* by port */
};
extern const struct table mesh_ingress_table;
extern const struct cell_kind mesh_ingress_cell; /* key "ns/svc" */
const struct mesh_ingress *mesh_ingress(struct cell *c, struct str service);
/* Adds |p| to |all|, where the oldest holds a port; keeps the order by port. */
void mesh_ingress_claim(struct arena *a, struct mesh_ingress *all, const struct mesh_ingress_port *p);

/* The policy's status, as Kubernetes shows it. */
struct mesh_ingress_status {
    bool committed;    /* currentStatus committed, else error */
    struct str reason; /* one sentence */
    struct mesh_diags diags;
};
extern const struct table mesh_ingress_status_table;
extern const struct cell_kind mesh_ingress_status_cell; /* key "ns/name"; absent without the object */
