#include "cli/place.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "base/names.h"
#include "cli/api.h"
#include "kube/pod.h"
#include "kube/request.h"

bool place_option(struct place *p, int c, const char *arg)
{
    if (c == PLACE_KUBECONFIG)
        p->kube.kubeconfig = arg;
    else if (c == PLACE_CONTEXT)
        p->kube.context = arg;
    else if (c == PLACE_NAMESPACE)
        p->ns = arg;
    else
        return false;
    return true;
}

const char *place_namespace(const struct place *p) { return p->ns ? p->ns : NAME_SYSTEM_NAMESPACE; }

struct controllers {
    struct arena *a;
    struct kube_client *client; /* NULL: this machine's */
    struct str ns;
    struct strs pods;
};

/* ---- finding them ---- */

bool kube_pod_is_ready(const json_t *pod)
{
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(pod, "status"), "conditions"), i,
                       c) if (str_is(json_text(c, "type"), "Ready")) return str_is(json_text(c, "status"), "True");
    return false;
}

static bool answers(const json_t *pod)
{
    return kube_pod_is_ready(pod) && !json_object_get(json_object_get(pod, "metadata"), "deletionTimestamp");
}

static bool find(struct controllers *c, struct err *err)
{
    struct kube_answer x;
    struct kube_ref ref = {.version = "v1", .plural = "pods", .ns = c->ns};
    struct kube_request r = kube_list(c->a, ref, "labelSelector=app%3Dosm-controller", 100, STR_NULL);
    const json_t *items, *pod;
    size_t i;
    if (!kube_fetch(c->client, &r, c->a, &x, err)) return false;
    items = json_object_get(x.json, "items");
    json_array_foreach(items, i, pod) if (answers(pod))
        list_push(c->a, &c->pods, json_text(json_object_get(pod, "metadata"), "name"));
    if (c->pods.n) return true;
    if (json_array_size(items))
        return err_set(err, "no pod of the control plane in namespace %.*s is ready: osm verify control-plane-health",
                       STR_FMT(c->ns));
    return err_set(err,
                   "there is no control plane in namespace %.*s: osm mesh list shows where one is (--osm-namespace)",
                   STR_FMT(c->ns));
}

struct controllers *controllers_open(const struct place *p, struct err *err)
{
    struct controllers *c = xcalloc(1, sizeof *c);
    c->a = arena_new();
    c->ns = str_of(place_namespace(p));
    if (kube_place_is_local(&p->kube)) return c;
    c->client = kube_connect(&p->kube, c->a, err);
    if (c->client && find(c, err)) return c;
    controllers_close(c);
    return NULL;
}

void controllers_close(struct controllers *c)
{
    if (!c) return;
    kube_client_free(c->client);
    arena_free(c->a);
    free(c);
}

struct kube_client *controllers_client(struct controllers *c) { return c->client; }

/* ---- asking ---- */

static json_t *ask_pod(struct controllers *c, struct str pod, const char *path, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct kube_port_request r = {.ns = c->ns, .pod = pod, .port = PORT_VERBS, .path = path, .max_answer = 256 << 20};
    struct http_text answer;
    if (!kube_port_get(c->client, &r, a, &answer, err)) return NULL;
    json_t *value = json_loadb(answer.body.p ? answer.body.p : "", answer.body.n, JSON_REJECT_DUPLICATES, NULL);
    if (!value)
        return ERR_NULL(err, "pod %.*s/%.*s answered %d and no JSON", STR_FMT(c->ns), STR_FMT(pod), answer.status);
    if (answer.status == 200) return value;
    err_set(err, "%.*s", STR_FMT(json_text(value, "error")));
    json_decref(value);
    return NULL;
}

json_t *controllers_get(struct controllers *c, const char *path, struct err *err)
{
    return c->client ? ask_pod(c, c->pods.v[0], path, err) : api_get(path, err);
}

json_t *place_get(const struct place *p, const char *path, struct err *err)
{
    struct controllers *c = controllers_open(p, err);
    json_t *value = c ? controllers_get(c, path, err) : NULL;
    controllers_close(c);
    return value;
}

/* ---- one status of all ---- */

static struct str pod_key(struct arena *a, const json_t *pod)
{
    return key_of(a, json_text(pod, "namespace"), json_text(pod, "name"));
}

/* Served by this one: what the other says of the pod's proxy holds. */
static bool serves(const json_t *pod)
{
    struct str proxy = json_text(pod, "proxy");
    return str_is(proxy, "pending") || str_is(proxy, "accepted");
}

static void take_proxies(json_t *all, const json_t *other)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct map served = {0};
    json_t *pod;
    size_t i;
    json_array_foreach(json_object_get(other, "pods"), i, pod) if (serves(pod)) map_put(&served, pod_key(a, pod), pod);
    json_array_foreach(json_object_get(all, "pods"), i, pod)
    {
        const json_t *there = map_get(&served, pod_key(a, pod));
        if (there && !str_is(json_text(pod, "proxy"), "accepted"))
            json_object_set(pod, "proxy", json_object_get(there, "proxy"));
    }
    map_release(&served);
}

/* Refusals are the only diagnostics in which controllers differ. */
static void take_diagnostics(json_t *all, const json_t *other)
{
    json_t *mine = json_object_get(all, "diagnostics"), *d, *have;
    size_t i, k;
    json_array_foreach(json_object_get(other, "diagnostics"), i, d)
    {
        bool is_known = false;
        json_array_foreach(mine, k, have) is_known = is_known || json_equal(d, have);
        if (!is_known) json_array_append(mine, d);
    }
}

static void count_again(json_t *all, bool is_published)
{
    json_t *proxies = json_object_get(all, "proxies"), *pod;
    int64_t connected = 0, accepted = 0;
    bool ready = true;
    size_t i;
    json_array_foreach(json_object_get(all, "pods"), i, pod)
    {
        connected += serves(pod);
        accepted += str_is(json_text(pod, "proxy"), "accepted");
        ready = ready && json_flag(pod, "ready");
    }
    is_published = is_published && accepted == json_number(proxies, "expected");
    json_object_set_new(proxies, "connected", json_integer(connected));
    json_object_set_new(proxies, "accepted", json_integer(accepted));
    json_object_set_new(all, "accepted", json_boolean(is_published));
    json_object_set_new(all, "ready", json_boolean(is_published && ready));
}

static bool add_status(struct controllers *c, struct str pod, const char *path, json_t *all, bool *published,
                       struct err *err)
{
    json_t *other = ask_pod(c, pod, path, err);
    if (!other) return false;
    take_proxies(all, other);
    take_diagnostics(all, other);
    json_array_extend(json_object_get(all, "changes"), json_object_get(other, "changes"));
    if (json_object_get(all, "edges"))
        json_array_extend(json_object_get(all, "edges"), json_object_get(other, "edges"));
    *published = *published && json_flag(other, "published");
    json_decref(other);
    return true;
}

json_t *controllers_status(struct controllers *c, bool edges, struct err *err)
{
    const char *path = edges ? "/v1/status?edges=1" : "/v1/status";
    json_t *all = controllers_get(c, path, err);
    bool published = json_flag(all, "published");
    if (!all || c->pods.n < 2) return all;
    for (size_t i = 1; i < c->pods.n; i++)
        if (!add_status(c, c->pods.v[i], path, all, &published, err)) {
            json_decref(all);
            return NULL;
        }
    count_again(all, published);
    return all;
}
