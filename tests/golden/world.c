#include "golden/world.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/names.h"
#include "kinds/endpoint_slice.h"
#include "kinds/pod.h"
#include "kinds/service.h"
#include "mesh/platform.h"

struct world {
    struct sheet *sheet;
    struct store *store;
    struct map slices;    /* Service key → its slice is derived */
    struct map derived;   /* "<Kind>/<key>" of Namespaces and ServiceAccounts made here */
    struct map pods;      /* pod key → workload (malloc'ed) */
    struct map counts;    /* workload → number of pods */
    struct map addresses; /* "<Kind>/<key>" → number */
    intptr_t next_address;
    void (*on_key)(void *arg, const struct cell_kind *k, struct str key, bool on);
    void *arg;
};

static const struct cell_kind *const outbound_sides[] = {&plan_outbound_cell, &plan_endpoints_cell};

static void watch(struct world *w, const struct cell_kind *k, struct str key, bool on)
{
    (on ? sheet_observe : sheet_unobserve)(w->sheet, k, key);
    if (w->on_key) w->on_key(w->arg, k, key, on);
}

static void on_change(void *arg, enum kind k, struct str key, const struct object *old, const struct object *now)
{
    struct world *w = arg;
    struct arena *a SCOPED_ARENA = arena_new();
    if (!old == !now) return;
    watch(w, &mesh_diag_cell, mesh_diag_key(a, k, key), now != NULL);
    if (k == KIND_POD) watch(w, &mesh_pod_cell, key, now != NULL);
    if (k == KIND_SERVICE) watch(w, &plan_member_cell, key, now != NULL);
}

void world_on_key(struct world *w, void (*fn)(void *arg, const struct cell_kind *k, struct str key, bool on), void *arg)
{
    w->on_key = fn;
    w->arg = arg;
    fn(arg, &plan_base_cell, STR_NULL, true);
}

struct world *world_new(void)
{
    struct world *w = xcalloc(1, sizeof *w);
    w->sheet = sheet_new();
    w->store = store_new(w->sheet);
    mesh_platform_set(w->sheet, &mesh_platform_local);
    store_on_change(w->store, on_change, w);
    watch(w, &plan_base_cell, STR_NULL, true);
    watch(w, &plan_hop_cell, STR_NULL, true);
    return w;
}

void world_free(struct world *w)
{
    void *v;
    for (size_t it = 0; map_next(&w->pods, &it, NULL, &v);) free(v);
    sheet_free(w->sheet);
    store_free(w->store);
    map_release(&w->slices);
    map_release(&w->derived);
    map_release(&w->pods);
    map_release(&w->counts);
    map_release(&w->addresses);
    free(w);
}

struct sheet *world_sheet(struct world *w) { return w->sheet; }
struct store *world_store(struct world *w) { return w->store; }

/* ---- manifests ------------------------------------------------------------------------------------------- */

static json_t *child(json_t *o, const char *name)
{
    json_t *c = json_object_get(o, name);
    if (!c) json_object_set_new(o, name, c = json_object());
    return c;
}

static struct str text_at(const json_t *o, const char *a, const char *b)
{
    return str_of(json_string_value(json_object_get(json_object_get(o, a), b)));
}

/* The same object has the same address however often it is put. */
static const char *address_for(struct world *w, struct arena *a, const char *kind, struct str ns, struct str name)
{
    struct str id = str_fmt(a, "%s/%.*s/%.*s", kind, STR_FMT(ns), STR_FMT(name));
    intptr_t n = (intptr_t)map_get(&w->addresses, id);
    if (!n) map_put(&w->addresses, id, (void *)(n = ++w->next_address));
    const char *fmt = strcmp(kind, "Pod") ? "10.96.%d.%d" : "10.244.%d.%d";
    return str_fmt(a, fmt, (int)(n >> 8), (int)(n & 255)).p;
}

static bool is_plain(const json_t *doc)
{
    const json_t *notes = json_object_get(json_object_get(doc, "metadata"), "annotations");
    return str_is(str_of(json_string_value(json_object_get(notes, ANNOTATION_INJECT))), "disabled");
}

static void complete_pod(struct world *w, json_t *doc, struct arena *a)
{
    struct str ns = text_at(doc, "metadata", "namespace"), name = text_at(doc, "metadata", "name");
    json_t *meta = child(doc, "metadata"), *status = child(doc, "status");
    if (!json_object_get(status, "podIP"))
        json_object_set_new(status, "podIP", json_string(address_for(w, a, "Pod", ns, name)));
    if (!json_object_get(meta, "uid"))
        json_object_set_new(meta, "uid", json_string(str_fmt(a, "uid-%.*s", STR_FMT(name)).p));
    if (!is_plain(doc)) json_object_set_new(child(meta, "labels"), LABEL_PROXY_UUID, json_string("u"));
    if (json_object_get(doc, "spec")) return;
    json_t *c = json_pack("[{s:s,s:s}]", "name", "main", "image", "i");
    json_object_set_new(child(doc, "spec"), "containers", c);
}

static void complete_service(struct world *w, json_t *doc, struct arena *a)
{
    struct str ns = text_at(doc, "metadata", "namespace"), name = text_at(doc, "metadata", "name");
    json_t *spec = child(doc, "spec");
    if (json_object_get(spec, "clusterIP") || json_object_get(spec, "externalName")) return;
    json_object_set_new(spec, "clusterIP", json_string(address_for(w, a, "Service", ns, name)));
}

static void derive_object(struct world *w, const char *kind, const char *ns, struct str name, json_t *labels)
{
    struct arena *a SCOPED_ARENA = arena_new();
    json_t *doc = json_pack("{s:s,s:s,s:{s:s%,s:o}}", "apiVersion", "v1", "kind", kind, "metadata", "name", name.p,
                            name.n, "labels", labels);
    if (ns) json_object_set_new(json_object_get(doc, "metadata"), "namespace", json_string(ns));
    struct problems probs = {0};
    struct object *o = object_of_json(doc, a, &probs);
    if (!o) abort();
    struct str key = object_key(a, o);
    if (store_peek(w->store, o->kind, key))
        object_unref(o);
    else
        store_put(w->store, o);
    json_decref(doc);
}

static void derive_surroundings(struct world *w, const struct object *o)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (!o->meta.ns.n) return;
    if (!store_peek(w->store, KIND_NAMESPACE, o->meta.ns) && !str_is(o->meta.ns, NAME_SYSTEM_NAMESPACE))
        derive_object(w, "Namespace", NULL, o->meta.ns, json_pack("{s:s}", LABEL_MONITORED_BY, NAME_MESH));
    if (o->kind == KIND_POD)
        derive_object(w, "ServiceAccount", str_c(a, o->meta.ns), kube_pod_service_account(kube_pod_of(o)),
                      json_object());
}

static void tell(const struct problems *probs, struct str title, struct buf *out)
{
    for (size_t i = 0; out && i < probs->n; i++) {
        const struct problem *p = &probs->v[i];
        buf_fmt(out, "problem: %.*s %s %.*s: %.*s\n", STR_FMT(title), p->is_error ? "error" : "warning",
                STR_FMT(p->path), STR_FMT(p->text));
    }
}

bool world_put(struct world *w, const json_t *given, struct buf *problems)
{
    struct arena *a SCOPED_ARENA = arena_new();
    json_t *doc = json_deep_copy(given);
    struct str kind = str_of(json_string_value(json_object_get(doc, "kind")));
    json_t *meta = child(doc, "metadata");
    if (!json_object_get(meta, "namespace") && !str_is(kind, "Namespace"))
        json_object_set_new(meta, "namespace", json_string("default"));
    if (str_is(kind, "Pod")) complete_pod(w, doc, a);
    if (str_is(kind, "Service")) complete_service(w, doc, a);
    struct problems probs = {0};
    struct object *o = object_of_json(doc, a, &probs);
    struct str title = str_fmt(a, "%.*s %.*s", STR_FMT(kind), STR_FMT(text_at(doc, "metadata", "name")));
    tell(o ? &o->problems : &probs, title, problems);
    if (o) store_put(w->store, o);
    json_decref(doc);
    return o != NULL;
}

bool world_load(struct world *w, struct str yaml, struct buf *problems, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct nodes docs = {0};
    if (!node_parse(a, yaml, "in.yaml", &node_limits_default, &docs, err)) return false;
    for (size_t i = 0; i < docs.n; i++) {
        json_t *doc = node_to_json(docs.v[i]);
        world_put(w, doc, problems);
        json_decref(doc);
    }
    return true;
}

void world_remove(struct world *w, enum kind k, const char *key) { store_remove(w->store, k, str_of(key)); }

/* ---- EndpointSlices, as a platform makes them ------------------------------------------------------------ */

static bool has_given_slice(struct world *w, const struct object *service, struct arena *a)
{
    struct strs keys = store_keys(w->store, KIND_ENDPOINT_SLICE, a);
    for (each(k, keys)) {
        const struct object *o = store_peek(w->store, KIND_ENDPOINT_SLICE, *k);
        if (!str_eq(o->meta.ns, service->meta.ns) || str_starts(o->meta.name, S("derived-"))) continue;
        if (str_eq(kvs_get(o->meta.labels, S(LABEL_SERVICE_NAME)), service->meta.name)) return true;
    }
    return false;
}

static int64_t container_port(const struct kube_pod *p, struct str name)
{
    for (size_t i = 0; i < p->spec.containers.n; i++)
        for (size_t j = 0; j < p->spec.containers.v[i].ports.n; j++)
            if (str_eq(p->spec.containers.v[i].ports.v[j].name, name)) return p->spec.containers.v[i].ports.v[j].port;
    return 0;
}

/* One slice per pod: pods may give a named port different numbers. */
static json_t *slice_of(const struct object *service, const struct object *pod, struct arena *a)
{
    const struct kube_service *s = kube_service_of(service);
    const struct kube_pod *p = kube_pod_of(pod);
    json_t *ports = json_array();
    for (each(sp, s->spec.ports)) {
        struct int_or_str t = kube_service_target_port(sp);
        int64_t number = t.s.n ? container_port(p, t.s) : t.i;
        if (number)
            json_array_append_new(ports, json_pack("{s:s%,s:I}", "name", sp->name.n ? sp->name.p : "", sp->name.n,
                                                   "port", (json_int_t)number));
    }
    bool ready = p->status.conditions.n == 0 || kube_pod_condition(p, S("Ready"));
    json_t *endpoint = json_pack("{s:[s%],s:{s:b},s:{s:s,s:s%,s:s%}}", "addresses", p->status.pod_ip.p,
                                 p->status.pod_ip.n, "conditions", "ready", ready, "targetRef", "kind", "Pod", "name",
                                 pod->meta.name.p, pod->meta.name.n, "namespace", pod->meta.ns.p, pod->meta.ns.n);
    struct str name = str_fmt(a, "derived-%.*s-%.*s", STR_FMT(service->meta.name), STR_FMT(pod->meta.name));
    return json_pack("{s:s,s:s,s:{s:s,s:s%,s:{s:s%}},s:s,s:[o],s:o}", "apiVersion", "discovery.k8s.io/v1", "kind",
                     "EndpointSlice", "metadata", "name", name.p, "namespace", service->meta.ns.p, service->meta.ns.n,
                     "labels", LABEL_SERVICE_NAME, service->meta.name.p, service->meta.name.n, "addressType", "IPv4",
                     "endpoints", endpoint, "ports", ports);
}

static void derive_slices(struct world *w, struct str service_key, struct map *wanted, struct arena *a)
{
    const struct object *service = store_peek(w->store, KIND_SERVICE, service_key);
    if (has_given_slice(w, service, a)) return;
    struct strs pods = store_keys(w->store, KIND_POD, a);
    for (each(k, pods)) {
        const struct object *pod = store_peek(w->store, KIND_POD, *k);
        bool fits = str_eq(pod->meta.ns, service->meta.ns) && !kube_pod_is_finished(kube_pod_of(pod)) &&
                    labels_match(kube_service_of(service)->spec.selector, pod->meta.labels);
        if (!fits) continue;
        json_t *doc = slice_of(service, pod, a);
        world_put(w, doc, NULL);
        struct str name = text_at(doc, "metadata", "name");
        map_put(wanted, key_of(a, service->meta.ns, name), w);
        json_decref(doc);
    }
}

static void drop_slices(struct world *w, const struct map *wanted, struct arena *a)
{
    struct strs keys = store_keys(w->store, KIND_ENDPOINT_SLICE, a);
    for (each(k, keys)) {
        struct str ns, name;
        key_split(*k, &ns, &name);
        if (str_starts(name, S("derived-")) && !map_get(wanted, *k)) store_remove(w->store, KIND_ENDPOINT_SLICE, *k);
    }
}

static void derive(struct world *w)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct map wanted = {0};
    static const enum kind kinds[] = {KIND_POD, KIND_SERVICE};
    for (size_t i = 0; i < 2; i++) {
        struct strs keys = store_keys(w->store, kinds[i], a);
        for (each(k, keys)) derive_surroundings(w, store_peek(w->store, kinds[i], *k));
    }
    struct strs services = store_keys(w->store, KIND_SERVICE, a);
    for (each(k, services)) derive_slices(w, *k, &wanted, a);
    drop_slices(w, &wanted, a);
    map_release(&wanted);
}

/* ---- settling: what the pipeline does -------------------------------------------------------------------- */

static void workload_count(struct world *w, struct str workload, int by)
{
    intptr_t was = (intptr_t)map_get(&w->counts, workload), now = was + by;
    if (now)
        map_put(&w->counts, workload, (void *)now);
    else
        map_del(&w->counts, workload);
    if (was && now) return;
    watch(w, &plan_view_cell, workload, now > 0);
    watch(w, &plan_inbound_cell, workload, now > 0);
}

static void pod_changed(struct world *w, struct str key, const struct mesh_pod *p)
{
    char *was = map_del(&w->pods, key);
    if (p && p->in_mesh) {
        map_put(&w->pods, key, xstrndup(p->workload.p, p->workload.n));
        workload_count(w, p->workload, 1);
    }
    if (was) workload_count(w, str_of(was), -1);
    free(was);
}

static void apply(struct world *w, const struct sheet_delta *d)
{
    for (each(c, d->cells))
        if (c->kind == &mesh_pod_cell) pod_changed(w, c->key, c->value);
    for (each(s, d->sets))
        if (str_starts(s->set, S("base|"))) watch(w, &plan_hop_cell, s->member, s->added);
    for (each(s, d->sets))
        for (size_t i = 0; str_starts(s->set, S("out:")) && i < 2; i++)
            watch(w, outbound_sides[i], s->member, s->added);
    for (each(s, d->sets)) {
        struct str log = s->member;
        if (str_starts(s->set, S("egress:"))) watch(w, &plan_egress_cell, str_cut(&log, '|'), s->added);
    }
}

void world_settle(struct world *w)
{
    derive(w);
    do {
        struct arena *a SCOPED_ARENA = arena_new();
        struct sheet_delta d = {0};
        if (!sheet_run(w->sheet, 0, a, &d)) abort();
        apply(w, &d);
    } while (sheet_is_dirty(w->sheet));
}

struct strs world_workloads(const struct world *w, struct arena *a) { return map_keys(&w->counts, a); }

struct strs world_parts(const struct world *w, struct arena *a)
{
    struct strs out = {0}, workloads = world_workloads(w, a);
    for (each(k, workloads)) {
        const struct plan_view *v = sheet_value(w->sheet, &plan_view_cell, *k);
        for (size_t i = 0; v && i < v->parts.n; i++)
            if (str_starts(v->parts.v[i], S("out:")) || str_starts(v->parts.v[i], S("egress:")))
                list_push(a, &out, v->parts.v[i]);
    }
    return strs_sort_unique(out);
}

struct strs world_logs(const struct world *w, struct arena *a)
{
    struct strs out = {0}, workloads = world_workloads(w, a);
    list_push(a, &out, S(""));
    for (each(k, workloads)) {
        const struct plan_view *v = sheet_value(w->sheet, &plan_view_cell, *k);
        if (v) list_push(a, &out, v->log.n ? v->log : S(""));
    }
    return strs_sort_unique(out);
}

/* ---- text ------------------------------------------------------------------------------------------------ */

static void section(struct world *w, const char *title, const struct cell_kind *k, struct str key, struct buf *out)
{
    const void *v = sheet_value(w->sheet, k, key);
    buf_fmt(out, "%s %.*s%s\n", title, STR_FMT(key), v ? "" : " (absent)");
    if (v) table_dump(k->value, v, 1, out);
}

static void dump_workloads(struct world *w, struct arena *a, struct buf *out)
{
    struct strs workloads = world_workloads(w, a);
    for (each(k, workloads)) {
        section(w, "view", &plan_view_cell, *k, out);
        section(w, "inbound", &plan_inbound_cell, *k, out);
    }
}

/* Listeners of those whom another Telemetry rules than the mesh's. */
static void dump_ears(struct world *w, struct arena *a, struct str part, struct buf *out)
{
    struct strs logs = world_logs(w, a);
    for (each(log, logs)) {
        struct str rest = str_sub(part, 4, part.n);
        struct str set = str_fmt(a, "ear:%.*s|%.*s", STR_FMT(rest), STR_FMT(*log));
        struct strs members = sheet_set(w->sheet, set, a);
        if (!log->n || !members.n) continue;
        buf_fmt(out, "part %.*s\n", STR_FMT(set));
        for (each(m, members)) buf_fmt(out, "  %.*s\n", STR_FMT(*m));
    }
}

static void dump_parts(struct world *w, struct arena *a, struct buf *out)
{
    struct strs parts = world_parts(w, a), keys = {0}, egress = {0};
    for (each(p, parts)) {
        struct strs members = sheet_set(w->sheet, *p, a);
        bool is_egress = str_starts(*p, S("egress:"));
        buf_fmt(out, "part %.*s\n", STR_FMT(*p));
        for (each(m, members)) {
            buf_fmt(out, "  %.*s\n", STR_FMT(*m));
            list_push(a, is_egress ? &egress : &keys, *m);
        }
        dump_ears(w, a, *p, out);
    }
    keys = strs_sort_unique(keys);
    egress = strs_sort_unique(egress);
    for (each(k, egress)) {
        struct str log = *k;
        section(w, "egress", &plan_egress_cell, str_cut(&log, '|'), out);
    }
    for (each(k, keys)) {
        section(w, "outbound", &plan_outbound_cell, *k, out);
        section(w, "endpoints", &plan_endpoints_cell, *k, out);
    }
}

/* What is done at every hop, where that is anything. */
static void dump_hop(struct world *w, struct str log, struct buf *out)
{
    struct buf b SCOPED_BUF = {0};
    const void *v = sheet_value(w->sheet, &plan_hop_cell, log);
    if (v) table_dump(&plan_hop_table, v, 1, &b);
    if (b.n) buf_fmt(out, "hop %.*s\n%.*s", STR_FMT(log), (int)b.n, b.p);
}

static void dump_diags(struct world *w, struct arena *a, struct buf *out)
{
    for (int k = 0; k < KIND_COUNT; k++) {
        struct strs keys = store_keys(w->store, (enum kind)k, a);
        for (each(key, keys)) {
            const struct mesh_diag_list *l =
                sheet_value(w->sheet, &mesh_diag_cell, mesh_diag_key(a, (enum kind)k, *key));
            for (size_t i = 0; l && i < l->diags.n; i++)
                buf_fmt(out, "diag: %.*s E%04lld %s: %.*s\n", STR_FMT(l->diags.v[i].object),
                        (long long)l->diags.v[i].code, l->diags.v[i].is_error ? "error" : "remark",
                        STR_FMT(l->diags.v[i].text));
        }
    }
}

void world_dump(struct world *w, struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    dump_diags(w, a, out);
    section(w, "base", &plan_base_cell, STR_NULL, out);
    struct strs logs = world_logs(w, a);
    for (each(log, logs)) dump_hop(w, *log, out);
    dump_workloads(w, a, out);
    dump_parts(w, a, out);
}
