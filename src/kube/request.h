/* request.h - the requests there are, as values: pure, nothing is sent.
 *
 *     struct kube_request r = kube_apply(a, ref, object, KUBE_MANAGER, true);
 *     kube_call_start(client, &r, done, arg);
 *
 * Everything lives in |a|; json is only read. kubernetes.md 1.1 and 1.7 have the rules. */
#pragma once
#include "kube/client.h"

/* Names an API's collection or object. */
struct kube_ref {
    const char *group;   /* NULL or "": core */
    const char *version; /* "v1" */
    const char *plural;  /* "pods" */
    struct str ns;       /* empty: cluster-scoped, or all namespaces */
    struct str name;     /* empty: the collection */
    const char *sub;     /* "status"; NULL: none */
};
/* "/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUB", names percent-encoded. */
const char *kube_path(struct arena *a, struct kube_ref ref);
/* |text| percent-encoded for a query's value or a path's segment. */
struct str kube_escape(struct arena *a, struct str text);

struct kube_request kube_get(struct arena *a, struct kube_ref ref);
/* One page; |query| is NULL or further parameters ("labelSelector=a%3Db"), |go_on| empty for the first. */
struct kube_request kube_list(struct arena *a, struct kube_ref ref, const char *query, int limit, struct str go_on);
/* POST to the collection: 409 AlreadyExists when it is there. |ref|.name is not used. */
struct kube_request kube_create(struct arena *a, struct kube_ref ref, const json_t *object);
/* PUT: |object| carries metadata.resourceVersion, and 409 Conflict says that somebody was faster. */
struct kube_request kube_replace(struct arena *a, struct kube_ref ref, const json_t *object);
/* Server-side apply: |object| has apiVersion, kind, name and all fields that |manager| wants to own, and no
 * managedFields. Creates what is absent. 409 Conflict names who owns a field, unless |force|. */
struct kube_request kube_apply(struct arena *a, struct kube_ref ref, const json_t *object, const char *manager,
                               bool force);
enum kube_patch { KUBE_PATCH_MERGE, KUBE_PATCH_JSON, KUBE_PATCH_STRATEGIC /* not for custom resources */ };
struct kube_request kube_patch(struct arena *a, struct kube_ref ref, enum kube_patch how, const json_t *patch);
/* |uid| and |version| are preconditions (409 when they no longer hold), empty: none. Dependents are deleted in the
 * background. */
struct kube_request kube_delete(struct arena *a, struct kube_ref ref, struct str uid, struct str version);

/* ---- TokenReview (authentication.k8s.io/v1) ---- */
struct kube_request kube_token_review(struct arena *a, struct str token, const char *audience);
struct kube_reviewed {
    struct str ns, account, pod, uid /* of the pod */, node;
};
/* Reads the answer's TokenReview. False with err when the token is refused: not authenticated, not meant for
 * |audience| (a server that knows no audiences counts as a refusal), not a service account's, or not bound to a pod.
 * Texts in |a|. */
MUST bool kube_token_review_read(const json_t *review, const char *audience, struct arena *a, struct kube_reviewed *out,
                                 struct err *err);

/* ---- Lease (coordination.k8s.io/v1) ---- */
struct kube_lease {
    struct str ns, name;
    struct str version; /* metadata.resourceVersion; empty: to be created */
    struct str holder;  /* empty: free */
    int64_t duration_s, transitions;
    int64_t acquired_us, renewed_us; /* microseconds since 1970; 0: never */
};
struct kube_ref kube_lease_ref(struct str ns, struct str name);
/* POST when |version| is empty, else PUT with it. */
struct kube_request kube_lease_write(struct arena *a, const struct kube_lease *l);
/* False with err when it is no Lease. Texts in |a|. Whether it has run out is told by how long the caller has seen it
 * unchanged on its own monotonic clock, never by the times in it. */
MUST bool kube_lease_read(const json_t *lease, struct arena *a, struct kube_lease *out, struct err *err);
