/* retry.h - Retries: how the calls of an account to a Service are repeated. */
#pragma once
#include "mesh/diag.h"

/* When and how often. */
struct mesh_repeat {
    struct str on;      /* Envoy's conditions in byte order, joined by ','; never empty */
    int64_t n;          /* at most so many repetitions */
    int64_t per_try_ns; /* 0: no limit */
    int64_t backoff_ns; /* before the first repetition; up to ten times as long before later ones */
};
struct mesh_retry {
    bool valid; /* false: counts as absent */
    struct str title;
    int64_t created;
    struct str source;        /* "ns/sa" */
    struct strs destinations; /* "ns/service" in byte order */
    struct mesh_repeat repeat;
    struct mesh_diags diags;
};
extern const struct table mesh_retry_table;
extern const struct cell_kind mesh_retry_cell; /* key "ns/name" */
const struct mesh_retry *mesh_retry(struct cell *c, struct str key);

/* How an account repeats its calls; of several Retries for one Service the oldest rules. Empty while the MeshConfig's
 * enableRetryPolicy is off. */
struct mesh_retried {
    struct str service, title; /* "ns/name"; the Retry's title */
    struct mesh_repeat repeat;
};
struct mesh_retries {
    LIST(struct mesh_retried) services; /* in byte order */
};
extern const struct table mesh_retries_table;
extern const struct cell_kind mesh_retries_cell; /* key "ns/sa" of the caller */
const struct mesh_retries *mesh_retries(struct cell *c, struct str account);
