/* workload.h - pods, the workloads they belong to, and what an account stands behind.
 *
 * A workload is what its pods share: namespace, service account, Services behind which they stand, and pod
 * settings. Its key is readable: "<ns>/<sa>/<service,service>/<proxy generation>", and "/<Telemetry>" where one of
 * the namespace chooses the pod by its labels. */
#pragma once
#include "mesh/diag.h"

struct mesh_pod {
    struct str ns, name, uid;
    struct str account; /* "ns/sa" */
    struct str spiffe_id;
    struct str owner;      /* "Deployment/bookbuyer"; "Pod/<name>" without one */
    struct str zone;       /* its label topology.kubernetes.io/zone; may be empty */
    struct strs addresses; /* its own, as its status says; none unless in the mesh */
    bool in_mesh;          /* a proxy may speak for it */
    struct str why;        /* why it is, or is not; one clause */
    struct strs services;  /* names, in byte order: those whose selector fits */
    struct str workload;   /* its workload's key; empty when not in the mesh */
};
extern const struct table mesh_pod_table;
extern const struct cell_kind mesh_pod_cell; /* key "ns/name" */
const struct mesh_pod *mesh_pod(struct cell *c, struct str key);

struct workload {
    struct str ns, sa, generation, telemetry;
    struct str account; /* "ns/sa" */
    struct strs services;
};
/* Takes a key apart; false when it is none. Strings point into |key|, lists into |a|. */
MUST bool workload_parse(struct arena *a, struct str key, struct workload *out);

/* Services behind which pods of an account stand. */
struct mesh_account {
    struct strs services; /* "ns/name" in byte order */
};
extern const struct table mesh_account_table;
extern const struct cell_kind mesh_account_cell; /* key "ns/sa" */
const struct mesh_account *mesh_account(struct cell *c, struct str account);
