#include "platform/local/node.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "kinds/service.h"
#include "net/loop.h"
#include "platform/local/net.h"
#include "platform/local/node_internal.h"

/* ---- the Node object ---- */

static struct kube_ref node_ref(const struct local_node *n, const char *sub)
{
    return (struct kube_ref){.version = "v1", .plural = "nodes", .name = str_of(n->opt.name), .sub = sub};
}

static json_t *node_object(const struct local_node *n)
{
    return json_pack("{s:s, s:s, s:{s:s, s:{s:s, s:s, s:s}}, s:{s:s, s:[s]}}", "apiVersion", "v1", "kind", "Node",
                     "metadata", "name", n->opt.name, "labels", "kubernetes.io/hostname", n->opt.name,
                     "kubernetes.io/os", "linux", "kubernetes.io/arch", "amd64", "spec", "podCIDR", NET_POD_RANGE,
                     "podCIDRs", NET_POD_RANGE);
}

static json_t *node_status(const struct local_node *n)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str cpus = str_fmt(a, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    json_t *capacity = json_pack("{s:o, s:s, s:s}", "cpu", doc_str(cpus), "memory", "8Gi", "pods", "1000");
    return json_pack("{s:{s:[{s:s, s:s}, {s:s, s:s}], s:O, s:o, s:[{s:s, s:s, s:s}]}}", "status", "addresses", "type",
                     "InternalIP", "address", NET_OUTER_ADDRESS, "type", "Hostname", "address", n->opt.name, "capacity",
                     capacity, "allocatable", capacity, "conditions", "type", "Ready", "status", "True", "reason",
                     "Runs");
}

static void on_status(void *arg, const struct kube_answer *answer)
{
    struct local_node *n = arg;
    n->registering = NULL;
    n->is_registered = answer->is_ok;
    if (answer->is_ok) return;
    log_warn("the node's status is not taken: %s", answer->err.text);
    node_retry(n);
}

static void on_registered(void *arg, const struct kube_answer *answer)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct local_node *n = arg;
    n->registering = NULL;
    if (!answer->is_ok && !str_is(answer->reason, "AlreadyExists")) {
        log_warn("the node is not taken: %s", answer->err.text);
        node_retry(n);
        return;
    }
    json_t *status SCOPED_JSON = node_status(n);
    struct kube_request r = kube_patch(a, node_ref(n, "status"), KUBE_PATCH_STRATEGIC, status);
    n->registering = kube_call_start(n->opt.client, &r, on_status, n);
}

static void register_node(struct local_node *n)
{
    struct arena *a SCOPED_ARENA = arena_new();
    json_t *o SCOPED_JSON = node_object(n);
    struct kube_request r = kube_create(a, node_ref(n, NULL), o);
    n->registering = kube_call_start(n->opt.client, &r, on_registered, n);
}

/* ---- life ---- */

void node_retry(struct local_node *n) { event_add(n->retry, &(struct timeval){.tv_usec = NODE_RETRY_MS * 1000 - 1}); }

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct local_node *n = arg;
    if (!n->is_registered && !n->registering) register_node(n);
    node_pods_retry(n);
    n->opt.on_batch(n->opt.arg);
}

struct local_node *node_new(const struct node_options *opt)
{
    struct local_node *n = xcalloc(1, sizeof *n);
    n->opt = *opt;
    n->arena = arena_new();
    n->retry = evtimer_new(opt->base, on_retry, n);
    node_feeds_start(n);
    register_node(n);
    return n;
}

void node_free(struct local_node *n)
{
    if (!n) return;
    kube_call_cancel(n->registering);
    node_feeds_stop(n);
    node_pods_release(n);
    node_tokens_release(n);
    event_free(n->retry);
    arena_free(n->arena);
    free(n);
}

bool node_is_ready(const struct local_node *n)
{
    for (int i = 0; i < NODE_FEEDS; i++)
        if (!n->feeds[i].is_synced) return false;
    return n->is_registered;
}

struct kvs node_env(struct local_node *n)
{
    const struct object *o = store_peek(n->opt.store, KIND_SERVICE, S("default/kubernetes"));
    struct strs addresses = o ? kube_service_addresses(kube_service_of(o)) : (struct strs){0};
    if (n->env.n || !addresses.n) return n->env;
    LIST(struct kv) env = {0};
    list_push(n->arena, &env, ((struct kv){S("KUBERNETES_SERVICE_HOST"), str_dup(n->arena, addresses.v[0])}));
    list_push(n->arena, &env, ((struct kv){S("KUBERNETES_SERVICE_PORT"), S("443")}));
    list_push(n->arena, &env, ((struct kv){S("KUBERNETES_SERVICE_PORT_HTTPS"), S("443")}));
    return n->env = (struct kvs){env.v, env.n};
}
