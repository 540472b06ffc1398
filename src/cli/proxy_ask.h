/* proxy_ask.h - one pod and the Envoy in it, on this machine or in a cluster. */
#pragma once
#include "cli/place.h"

struct proxy_pod {
    struct kube_client *client; /* NULL: this machine */
    const char *state;          /* of the mesh on this machine; NULL: the usual one */
    struct str ns, name;
};
/* Takes POD as users write it: NAME, NS/NAME, and in a cluster deploy/NAME, sts/NAME or ds/NAME, with NS/ before it or
 * not, which means the first pod of theirs. |ns| is the namespace when the word has none; NULL: that of the
 * kubeconfig's context. Texts in |a|. */
MUST bool proxy_pod_find(struct proxy_pod *p, const char *word, const char *ns, struct arena *a, struct err *err);
/* GET of |query| ("/stats?filter=x") from what the agent shows of the Envoy's admin. True with its body, in |a|. */
MUST bool proxy_get(const struct proxy_pod *p, const char *query, struct arena *a, struct str *body, struct err *err);
