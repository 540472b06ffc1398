/* node_pods.c - what the API is told of pods: their status, that they are bound here, that nothing is left of them. */
#include <stdlib.h>

#include "base/log.h"
#include "base/names.h"
#include "kinds/pod.h"
#include "platform/local/node_internal.h"

static struct kube_ref pod_ref(struct str ns, struct str name, const char *sub)
{
    return (struct kube_ref){.version = "v1", .plural = "pods", .ns = ns, .name = name, .sub = sub};
}

/* ---- calls that are made once ---- */

struct call {
    struct local_node *node;
    struct kube_call *call;
    char key[];
};

static void on_done(void *arg, const struct kube_answer *answer)
{
    struct call *c = arg;
    struct local_node *n = c->node;
    bool is_over = answer->is_ok || answer->status == 404 || answer->status == 409;
    if (!is_over) {
        log_warn("%s", answer->err.text);
        node_retry(n);
    }
    map_del(&n->calls, str_of(c->key));
    free(c);
}

static void call_once(struct local_node *n, struct str key, const struct kube_request *r)
{
    if (map_get(&n->calls, key)) return;
    struct call *c = xcalloc(1, sizeof *c + key.n + 1);
    c->node = n;
    memcpy(c->key, key.p, key.n);
    map_put(&n->calls, key, c);
    c->call = kube_call_start(n->opt.client, r, on_done, c);
}

bool node_has(const struct local_node *n, const struct object *pod)
{
    return str_is(kube_pod_of(pod)->spec.node_name, n->opt.name);
}

void node_bind(struct local_node *n, const struct object *pod)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (kube_pod_of(pod)->spec.node_name.n || pod->meta.deleted || kube_pod_is_finished(kube_pod_of(pod))) return;
    if (!str_is(doc_text(pod->raw, "spec.schedulerName"), "default-scheduler")) return;
    struct kube_ref ref = pod_ref(pod->meta.ns, pod->meta.name, "binding");
    json_t *o SCOPED_JSON =
        json_pack("{s:s, s:s, s:{s:o, s:o}, s:{s:s, s:s, s:s}}", "apiVersion", "v1", "kind", "Binding", "metadata",
                  "name", doc_str(pod->meta.name), "uid", doc_str(pod->meta.uid), "target", "apiVersion", "v1", "kind",
                  "Node", "name", n->opt.name);
    struct kube_request r = {.method = "POST", .path = kube_path(a, ref), .body = doc_line(a, o)};
    call_once(n, str_fmt(a, "bind %.*s", STR_FMT(pod->meta.uid)), &r);
}

/* ---- status ---- */

struct report {
    struct local_node *node;
    struct kube_call *call;
    struct arena *arena;
    struct str ns, name;
    json_t *sent, *next; /* sent: until it is answered */
};

static void report_free(struct report *r)
{
    kube_call_cancel(r->call);
    json_decref(r->sent);
    json_decref(r->next);
    arena_free(r->arena);
    free(r);
}

static void report_send(struct report *r);

static void on_reported(void *arg, const struct kube_answer *answer)
{
    struct report *r = arg;
    bool is_over = answer->is_ok || answer->status == 404 || answer->status == 409 || answer->status == 422;
    r->call = NULL;
    if (!answer->is_ok && answer->status != 404) log_warn("%s", answer->err.text);
    if (!is_over && !r->next) r->next = json_incref(r->sent);
    json_decref(r->sent);
    r->sent = NULL;
    if (!is_over)
        node_retry(r->node);
    else if (r->next)
        report_send(r);
}

static void report_send(struct report *r)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct kube_request q = kube_patch(a, pod_ref(r->ns, r->name, "status"), KUBE_PATCH_MERGE, r->next);
    r->sent = r->next;
    r->next = NULL;
    r->call = kube_call_start(r->node->opt.client, &q, on_reported, r);
}

/* The uid is a precondition; the condition is the scheduler's, whose word a merged list would lose. */
static json_t *patch_of(const json_t *doc)
{
    json_t *status = json_deep_copy(doc_at(doc, "status"));
    json_array_append_new(doc_at(status, "conditions"),
                          json_pack("{s:s, s:s, s:O*}", "type", "PodScheduled", "status", "True", "lastTransitionTime",
                                    doc_at(doc, "metadata.creationTimestamp")));
    json_object_set_new(status, "hostIPs", json_pack("[{s:o}]", "ip", doc_str(doc_text(status, "hostIP"))));
    return json_pack("{s:{s:o}, s:o}", "metadata", "uid", doc_str(doc_text(doc, "metadata.uid")), "status", status);
}

void node_report(struct local_node *n, const json_t *doc)
{
    struct str uid = doc_text(doc, "metadata.uid");
    struct report *r = map_get(&n->reports, uid);
    if (!r) {
        struct arena *a = arena_new();
        r = xcalloc(1, sizeof *r);
        *r = (struct report){.node = n,
                             .arena = a,
                             .ns = str_dup(a, doc_text(doc, "metadata.namespace")),
                             .name = str_dup(a, doc_text(doc, "metadata.name"))};
        map_put(&n->reports, uid, r);
    }
    json_decref(r->next);
    r->next = patch_of(doc);
    if (!r->call) report_send(r);
}

void node_gone(struct local_node *n, struct str ns, struct str name, struct str uid)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct report *r = map_del(&n->reports, uid);
    if (r) report_free(r);
    node_tokens_forget(n, uid);
    json_t *o SCOPED_JSON = json_pack("{s:s, s:s, s:i, s:{s:o}}", "apiVersion", "v1", "kind", "DeleteOptions",
                                      "gracePeriodSeconds", 0, "preconditions", "uid", doc_str(uid));
    struct kube_request q = {.method = "DELETE", .path = kube_path(a, pod_ref(ns, name, NULL)), .body = doc_line(a, o)};
    call_once(n, str_fmt(a, "delete %.*s", STR_FMT(uid)), &q);
}

void node_pods_retry(struct local_node *n)
{
    void *v;
    for (size_t it = 0; map_next(&n->reports, &it, NULL, &v);) {
        struct report *r = v;
        if (r->next && !r->call) report_send(r);
    }
}

void node_pods_release(struct local_node *n)
{
    void *v;
    for (size_t it = 0; map_next(&n->reports, &it, NULL, &v);) report_free(v);
    for (size_t it = 0; map_next(&n->calls, &it, NULL, &v);) {
        kube_call_cancel(((struct call *)v)->call);
        free(v);
    }
    map_release(&n->reports);
    map_release(&n->calls);
}
