/* review.h - AdmissionReview (admission.k8s.io/v1) as bytes in and bytes out, without a socket.
 *
 * Whoever can reach the webhooks can send anything: every input is decided, and no answer holds a secret. */
#pragma once
#include "admit/admit.h"
#include "admit/world.h"

enum { ADMIT_MAX_BODY = 3 << 20, ADMIT_MAX_DEPTH = 64 };

/* What is asked. Everything points into the parsed document. */
struct admit_request {
    struct str uid, operation; /* "CREATE", "UPDATE", "DELETE", "CONNECT" */
    struct str ns, name;
    struct str group, version, kind;
    const json_t *object, *old; /* NULL when absent */
};
/* What is answered. Texts live in the arena of the request. */
struct admit_answer {
    bool allowed;
    int code;             /* when not allowed: the HTTP status that the user's client sees; 0: 403 */
    struct str message;   /* when not allowed: one sentence, what is wrong and what to do */
    json_t *patch;        /* a JSON Patch, owned; NULL or empty: none */
    struct strs warnings; /* shown to the user by kubectl; cut at 256 bytes each, 16 at most */
};
/* |reason| for the user; always false, so that it can be returned. */
bool admit_deny(struct admit_answer *out, int code, struct str reason);

/* Pure: the same world and request give the same answer; dry runs and reinvocations included. */
void admit_mutate(const struct admit_world *w, const struct admit_request *r, struct arena *a,
                  struct admit_answer *out);
void admit_validate(const struct admit_world *w, const struct admit_request *r, struct arena *a,
                    struct admit_answer *out);

/* The whole exchange: returns the HTTP status; |reply| (in |a|) is the JSON to send. 200 with a response for every
 * well-formed review, denials included; 400 with {"error": …} for what is none. |kind| gets the object's kind, or
 * STR_NULL, and |allowed| the decision, for metrics. */
int admit_review(const struct admit_world *w, enum admit_hook hook, struct str body, struct arena *a, struct str *reply,
                 struct str *kind, bool *allowed);
