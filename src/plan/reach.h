/* reach.h - the second half of an outbound key: which accounts behind a Service a caller may reach, and how. */
#pragma once
#include "mesh/access.h"
#include "mesh/endpoint.h"
#include "mesh/service.h"
#include "mesh/split.h"
#include "plan/plan.h"

struct reach {
    bool any;                       /* "*": permissive */
    bool outside;                   /* "-" */
    LIST(struct mesh_grant) grants; /* by account */
};

/* Takes "ns/svc|<reach>" apart. False when it is none. Texts point into |key|, lists into |a|. */
MUST bool reach_parse(struct arena *a, struct str key, struct str *service, struct reach *out);
struct str reach_text(struct arena *a, const struct reach *r);

/* The outbound key of Service |service| for a caller with |grants|; STR_NULL when it may reach nothing of it. A root
 * of a split is within reach when one of its backends is. Only what matters to this Service is in the key, so that
 * callers whose grants differ elsewhere share it. */
struct str reach_key(struct cell *c, struct arena *a, struct str service, const struct mesh_grants *grants);

/* Accounts behind |b| that answer port |p|, in byte order: of all of them those within reach. */
struct strs reach_accounts(struct arena *a, const struct reach *r, const struct mesh_backing *b,
                           const struct mesh_port *p);
/* May pods of |account| be called at target port |target| of a port of this protocol? */
bool reach_allows(const struct reach *r, struct str account, int64_t protocol, int64_t target);
