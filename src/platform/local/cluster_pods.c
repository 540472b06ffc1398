/* cluster_pods.c - which pods there are; how one comes and goes. */
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/names.h"
#include "inject/inject.h"
#include "kinds/mesh_config.h"
#include "platform/local/cluster.h"
#include "platform/local/net.h"

/* ---- objects as documents ---- */

/* The controller's roots, as the ConfigMap that sidecars mount; NULL until it has made them. */
static json_t *trust(struct cluster *c)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf text SCOPED_BUF = {0};
    struct err err = {0};
    const char *path = str_fmt(a, "%s/trust/ca.pem", c->opt.state->controller).p;
    if (access(path, F_OK) < 0) path = str_fmt(a, "%s/ca.pem", c->opt.state->controller).p;
    if (access(path, F_OK) < 0 || !file_read(path, 1 << 20, &text, &err)) return NULL;
    return json_pack("{s:{s:o}}", "data", "ca.pem", doc_str(buf_view(&text)));
}

static json_t *lookup(void *arg, enum kind kind, struct str ns, struct str name)
{
    struct cluster *c = arg;
    struct arena *a SCOPED_ARENA = arena_new();
    const struct object *o = store_peek(c->store, kind, key_of(a, ns, name));
    if (o) return table_to_json(kind_info(kind)->table, o->body);
    const json_t *made = made_get(c->made, kind, ns, name);
    if (made) return json_incref((json_t *)made);
    return kind == KIND_CONFIG_MAP && str_is(name, "osm-trust") ? trust(c) : NULL;
}

struct lookup cluster_lookup(struct cluster *c) { return (struct lookup){lookup, c}; }

/* ---- entries ---- */

static struct entry *entry_new(struct cluster *c, const struct pod_plan *plan)
{
    struct arena *a = arena_new();
    struct entry *e = arena_make(a, struct entry);
    *e = (struct entry){.arena = a,
                        .ns = str_dup(a, plan->ns),
                        .name = str_dup(a, plan->name),
                        .owner = str_dup(a, plan->owner),
                        .revision = str_dup(a, plan->revision),
                        .ordinal = plan->ordinal,
                        .serial = ++c->serial};
    e->key = key_of(a, plan->ns, plan->name);
    map_put(&c->entries, e->key, e);
    return e;
}

static void entry_drop(struct cluster *c, struct entry *e)
{
    made_drop(c->made, KIND_POD, e->ns, e->name);
    map_del(&c->entries, e->key);
    arena_free(e->arena);
}

static void tell(struct cluster *c, const struct entry *e, const char *what)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (c->opt.tell) c->opt.tell(c->opt.arg, str_fmt(a, "pod %.*s %s", STR_FMT(e->key), what).p);
}

void cluster_pod_changed(void *cluster, struct pod *p)
{
    struct cluster *c = cluster;
    struct entry *e = map_get(&c->entries, pod_key(p));
    made_copy(c->made, KIND_POD, e->ns, e->name, pod_document(p));
    if (c->node) node_report(c->node, pod_document(p));
    if (e->was_ready != pod_is_ready(p)) {
        e->was_ready = !e->was_ready;
        tell(c, e, e->was_ready ? "is ready" : "is not ready");
    }
    cluster_touch(c);
}

void cluster_pod_gone(void *cluster, struct pod *p)
{
    struct cluster *c = cluster;
    struct entry *e = map_get(&c->entries, pod_key(p));
    unsigned n = pod_number(p);
    if (n != NET_HOST) c->used[n / 8] &= (unsigned char)~(1u << n % 8);
    if (c->node) node_gone(c->node, e->ns, e->name, doc_text(pod_document(p), "metadata.uid"));
    pod_free(p);
    tell(c, e, "is gone");
    entry_drop(c, e);
    cluster_touch(c);
}

void cluster_pods_release(struct cluster *c)
{
    size_t it = 0;
    void *value;
    while (map_next(&c->entries, &it, NULL, &value)) {
        struct entry *e = value;
        pod_free(e->pod);
        arena_free(e->arena);
    }
    map_release(&c->entries);
    it = 0;
    while (map_next(&c->addresses, &it, NULL, &value)) free(value);
    map_release(&c->addresses);
    map_release(&c->jobs);
}

/* ---- making one ---- */

/* Addresses are not used again before all others were. */
static unsigned take_number(struct cluster *c)
{
    for (unsigned i = 0; i < NET_POD_LAST; i++) {
        unsigned n = c->next_number;
        c->next_number = n < NET_POD_LAST ? n + 1 : NET_POD_FIRST;
        if (c->used[n / 8] & 1u << n % 8) continue;
        c->used[n / 8] |= (unsigned char)(1u << n % 8);
        return n;
    }
    return 0;
}

static struct str new_uuid(struct arena *a)
{
    unsigned char b[16];
    if (RAND_bytes(b, sizeof b) != 1) abort();
    b[6] = (unsigned char)((b[6] & 15) | 64);
    b[8] = (unsigned char)((b[8] & 63) | 128);
    return str_fmt(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
                   b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static struct inject_settings settings(struct cluster *c, struct arena *a)
{
    const struct object *o = store_peek(c->store, KIND_MESH_CONFIG, S(NAME_SYSTEM_NAMESPACE "/" NAME_MESH_CONFIG));
    struct mesh_config *installed = arena_make(a, struct mesh_config);
    mesh_config_installed(a, installed);
    const struct mesh_config *m = o ? o->body : installed;
    const struct sidecar_settings *s = &m->spec.sidecar;
    const struct traffic_settings *t = &m->spec.traffic;
    return (struct inject_settings){
        .image = s->envoy_image.n ? s->envoy_image : S("osm"),
        .init_image = s->init_image,
        .controller = str_fmt(a, "%s:%d", NET_OUTER_ADDRESS, PORT_XDS),
        .log_level = s->log_level,
        .drain = S("1s"), /* the application has ended before: nothing is left to wait for */
        .generation = S("1"),
        .local_proxy_mode = s->local_proxy_mode == PROXY_POD_IP ? S("PodIP") : S("Localhost"),
        .privileged_init = s->privileged_init,
        .resources = s->resources,
        .outbound_ports = t->out_ports_exclude,
        .inbound_ports = t->in_ports_exclude,
        .outbound_ranges = t->out_ranges_exclude,
        .outbound_include_ranges = t->out_ranges_include,
        .interfaces = t->interfaces_exclude};
}

/* The namespace's labels and annotations, of the manifests or of ours. */
static struct kvs pairs(struct arena *a, const json_t *map)
{
    LIST(struct kv) out = {0};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)map, key, value)
        list_push(a, &out, ((struct kv){str_dup(a, str_of(key)), str_dup(a, str_of(json_string_value(value)))}));
    return (struct kvs){out.v, out.n};
}

static void describe_namespace(struct cluster *c, struct inject_input *in, struct arena *a)
{
    const struct object *o = store_peek(c->store, KIND_NAMESPACE, in->ns);
    const json_t *made = o ? NULL : made_get(c->made, KIND_NAMESPACE, STR_NULL, in->ns);
    in->ns_known = o || made;
    in->ns_labels = o ? o->meta.labels : pairs(a, doc_at(made, "metadata.labels"));
    in->ns_annotations = o ? o->meta.annotations : pairs(a, doc_at(made, "metadata.annotations"));
}

static bool inject(struct cluster *c, json_t *doc, struct str ns, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct inject_input in = {.pod = doc, .ns = ns, .uuid = new_uuid(a)};
    describe_namespace(c, &in, a);
    struct inject_decision d = inject_decide(&in, a);
    if (d.action == INJECT_SKIP) return true;
    if (d.action == INJECT_REFUSE) return err_set(err, "%.*s", STR_FMT(d.reason));
    if (!c->opt.envoy) return err_set(err, "it needs a sidecar, but Envoy was not found");
    struct inject_settings set = settings(c, a);
    json_t *patch SCOPED_JSON = NULL;
    return inject_patch(&in, &set, a, &patch, err) && patch_apply(doc, patch, err);
}

/* What an API server fills in. */
static bool complete(struct cluster *c, const struct pod_plan *plan, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    json_t *doc = plan->doc;
    struct problems probs = {0};
    doc_put(doc, "apiVersion", json_string("v1"));
    doc_put(doc, "kind", json_string("Pod"));
    doc_put(doc, "metadata.name", doc_str(plan->name));
    doc_put(doc, "metadata.namespace", doc_str(plan->ns));
    json_object_del(doc, "status");
    struct object *o = object_of_json(doc, a, &probs);
    const struct problem *first = o ? NULL : &probs.v[0];
    if (first) return err_set(err, "%.*s %.*s", STR_FMT(first->path), STR_FMT(first->text));
    object_unref(o);
    struct str account = doc_text(doc, "spec.serviceAccountName");
    if (!account.n) account = doc_text(doc, "spec.serviceAccount");
    if (!account.n) account = S("default");
    account = str_dup(a, account);
    if (!store_peek(c->store, KIND_SERVICE_ACCOUNT, key_of(a, plan->ns, account)) &&
        !made_get(c->made, KIND_SERVICE_ACCOUNT, plan->ns, account))
        return err_set(err, "there is no ServiceAccount %.*s/%.*s", STR_FMT(plan->ns), STR_FMT(account));
    doc_put(doc, "spec.serviceAccountName", doc_str(account));
    doc_put(doc, "spec.nodeName", json_string("local"));
    doc_put(doc, "metadata.uid", doc_str(new_uuid(a)));
    doc_put(doc, "metadata.creationTimestamp", doc_str(time_text(a, clock_unix_s())));
    return inject(c, doc, plan->ns, err);
}

/* A pod that cannot be stands among the objects all the same, with the reason. */
static void refuse(struct cluster *c, const struct pod_plan *refused, const struct err *why)
{
    struct arena *scratch SCOPED_ARENA = arena_new();
    struct pod_plan named = *refused, *plan = &named;
    ptrdiff_t slash = str_rfind(plan->owner, '/');
    /* One entry per workload: a pod's own name would be another one in each round. */
    if (slash >= 0 && plan->ordinal < 0) plan->name = str_sub(plan->owner, (size_t)slash + 1, plan->owner.n);
    struct entry *e = map_get(&c->entries, key_of(scratch, plan->ns, plan->name));
    if (e && e->pod) return json_decref(plan->doc);
    if (!e) e = entry_new(c, plan);
    e->round = c->round_number;
    struct str before = doc_text(made_get(c->made, KIND_POD, e->ns, e->name), "status.message");
    if (!str_is(before, why->text)) {
        log_warn("pod %.*s cannot be started: %s", STR_FMT(e->key), why->text);
        struct arena *a SCOPED_ARENA = arena_new();
        tell(c, e, str_fmt(a, "cannot be started: %s", why->text).p);
    }
    doc_put(plan->doc, "status",
            json_pack("{s:s, s:s, s:s}", "phase", "Pending", "reason", "Refused", "message", why->text));
    made_set(c->made, KIND_POD, e->ns, e->name, plan->doc);
}

void cluster_make_pod(struct cluster *c, const struct pod_plan *plan)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct entry *e = map_get(&c->entries, key_of(a, plan->ns, plan->name));
    if (e && e->pod) return json_decref(plan->doc);
    if (!complete(c, plan, &err)) return refuse(c, plan, &err);
    if (e) entry_drop(c, e);
    cluster_start_pod(c, plan);
}

void cluster_start_pod(struct cluster *c, const struct pod_plan *plan)
{
    unsigned number = doc_flag(plan->doc, "spec.hostNetwork", false) ? NET_HOST : take_number(c);
    struct entry *e = entry_new(c, plan);
    e->pod = pod_new(&c->host, plan->doc, number);
    pod_advance(e->pod);
}

/* ---- rounds ---- */

void cluster_bare_pods(struct cluster *c)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs keys = store_keys(c->store, KIND_POD, a);
    for (each(k, keys)) {
        const struct object *o = store_peek(c->store, KIND_POD, *k);
        const struct entry *e = map_get(&c->entries, *k);
        char hex[33];
        hash128_hex(o->hash, hex);
        if (e && e->pod && !str_is(e->revision, hex)) pod_delete(e->pod); /* the edited one follows when it is gone */
        if (e && e->pod) continue;
        struct pod_plan plan = {.doc = json_deep_copy(o->raw),
                                .ns = o->meta.ns,
                                .name = o->meta.name,
                                .revision = str_of(hex),
                                .ordinal = -1};
        cluster_make_pod(c, &plan);
    }
}

static bool has_owner(struct cluster *c, const struct entry *e)
{
    if (!e->owner.n) return store_peek(c->store, KIND_POD, e->key);
    struct str kind_name, key = e->owner;
    enum kind kind;
    kind_name = str_cut(&key, '/');
    return kind_lookup(kind_name, &kind) && store_peek(c->store, kind, key);
}

void cluster_drop_orphans(struct cluster *c)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs keys = map_keys(&c->entries, a);
    for (each(k, keys)) {
        struct entry *e = map_get(&c->entries, *k);
        if (e->pod && !has_owner(c, e)) pod_delete(e->pod);
        if (!e->pod && e->round != c->round_number) entry_drop(c, e);
    }
}
