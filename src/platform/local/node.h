/* node.h - the local platform as a node of a Kubernetes API server: the pods bound to it are run here, and the API is
 * told what becomes of them. What a node without kubelet owes the API is kubernetes.md 8.4.
 *
 * Made for the tests on Kubernetes. Instead of a folder, watches keep the store: Pods, Services, EndpointSlices and
 * what volumes and variables are made of. Where the cluster has no scheduler, the node takes the pods that wait for the
 * default one. */
#pragma once
#include <event2/event.h>

#include "kube/client.h"
#include "platform/local/token.h"
#include "store/store.h"

struct node_options {
    struct event_base *base;
    struct store *store;
    struct kube_client *client; /* borrowed */
    const char *name;
    /* Something changed: objects, a token that a pod waited for. */
    void (*on_batch)(void *arg);
    void *arg;
};

struct local_node;

/* Starts watching and makes the Node object. */
struct local_node *node_new(const struct node_options *opt);
/* NULL is fine. */
void node_free(struct local_node *n);
/* Everything was seen once, and the API has the node. */
bool node_is_ready(const struct local_node *n);
/* Is |pod| bound to this node? */
bool node_has(const struct local_node *n, const struct object *pod);
/* Where pods find the API: KUBERNETES_SERVICE_HOST and so on; none while its Service is not known. */
struct kvs node_env(struct local_node *n);

/* A pod that waits for the default scheduler is bound to this node; others stay. */
void node_bind(struct local_node *n, const struct object *pod);
/* The pod of that document has another status. The newest is sent; what an answer still stands out for waits. */
void node_report(struct local_node *n, const json_t *doc);
/* Nothing of the pod is left here: its object may go. */
void node_gone(struct local_node *n, struct str ns, struct str name, struct str uid);

/* A token_issue_fn (token.h): by TokenRequest, bound to the pod. Fails until the API has answered, which on_batch
 * tells. |file| is empty: the API forgets tokens by itself. */
MUST bool node_token(void *node, const struct token_claims *claims, struct arena *a, struct str *text, struct str *file,
                     struct err *err);
