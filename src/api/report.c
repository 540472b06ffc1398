#include "api/report.h"

#include "base/map.h"
#include "base/names.h"
#include "kinds/namespace.h"
#include "kinds/pod.h"
#include "mesh/diag.h"
#include "mesh/ingress.h"
#include "mesh/platform.h"
#include "mesh/service.h"
#include "mesh/settings.h"
#include "mesh/workload.h"

static json_t *text(struct str s) { return json_stringn(s.p ? s.p : "", s.n); }

static void put_text(json_t *o, const char *name, struct str s) { json_object_set_new(o, name, text(s)); }

static json_t *texts(struct strs l)
{
    json_t *all = json_array();
    for (size_t i = 0; i < l.n; i++) json_array_append_new(all, text(l.v[i]));
    return all;
}

/* ---- pods ---- */

struct pod_count {
    int64_t expected, connected, accepted, unready;
    struct map proxies; /* by node id: the first of them by address */
};

static void map_proxies(const struct report_input *in, struct pod_count *n)
{
    for (each(p, in->xds->proxies))
        if (!map_get(&n->proxies, p->node_id)) map_put(&n->proxies, p->node_id, p);
}

static struct str proxy_state(const struct report_input *in, const struct mesh_pod *m, struct pod_count *n)
{
    if (!m || !m->in_mesh) return S("-");
    const struct xds_proxy_status *p = map_get(&n->proxies, m->uid);
    n->expected++;
    if (!p) return S("not connected");
    n->connected++;
    if (p->accepted < in->xds->revision) return S("pending");
    n->accepted++;
    return S("accepted");
}

static struct str waiting_reason(const struct kube_pod *p)
{
    for (each(c, p->status.init_containers))
        if (c->state.waiting && c->state.waiting->reason.n) return c->state.waiting->reason;
    for (each(c, p->status.containers))
        if (c->state.waiting && c->state.waiting->reason.n) return c->state.waiting->reason;
    return STR_NULL;
}

static struct str pod_status_word(const struct object *o, const struct kube_pod *p)
{
    static const char *const phases[] = {"not started", "Pending", "Running", "Succeeded", "Failed", "Unknown"};
    if (o->meta.deleted) return S("Terminating");
    if (p->status.reason.n) return p->status.reason;
    struct str why = waiting_reason(p);
    return why.n ? why : str_of(phases[p->status.phase]);
}

static bool status_is_ready(const struct kube_pod *p, struct str container)
{
    for (each(c, p->status.init_containers))
        if (str_eq(c->name, container)) return c->ready;
    for (each(c, p->status.containers))
        if (str_eq(c->name, container)) return c->ready;
    return false;
}

/* "2/2": containers and native sidecars, as kubectl counts. */
static struct str ready_of(const struct kube_pod *p, struct arena *a)
{
    size_t ready = 0, all = 0;
    for (each(c, p->spec.init_containers)) {
        if (!kube_container_is_sidecar(c)) continue;
        all++;
        ready += status_is_ready(p, c->name);
    }
    for (each(c, p->spec.containers)) {
        all++;
        ready += status_is_ready(p, c->name);
    }
    return str_fmt(a, "%zu/%zu", ready, all);
}

static json_t *pod_json(const struct report_input *in, const struct object *o, struct str key, struct pod_count *n)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const struct kube_pod *p = o->body;
    const struct mesh_pod *m = sheet_value(in->sheet, &mesh_pod_cell, key);
    int64_t restarts = 0;
    for (each(c, p->status.containers)) restarts += c->restart_count;
    for (each(c, p->status.init_containers)) restarts += c->restart_count;
    bool is_ready = kube_pod_condition(p, S("Ready")) || p->status.phase == KUBE_POD_SUCCEEDED;
    n->unready += !is_ready;
    json_t *j = json_object();
    put_text(j, "namespace", o->meta.ns);
    put_text(j, "name", o->meta.name);
    put_text(j, "account", kube_pod_service_account(p));
    put_text(j, "status", pod_status_word(o, p));
    put_text(j, "containersReady", ready_of(p, a));
    json_object_set_new(j, "ready", json_boolean(is_ready));
    json_object_set_new(j, "restarts", json_integer(restarts));
    put_text(j, "address", p->status.pod_ip);
    json_object_set_new(j, "inMesh", json_boolean(m && m->in_mesh));
    put_text(j, "why", m ? m->why : STR_NULL);
    json_object_set_new(j, "services", texts(m ? m->services : (struct strs){0}));
    put_text(j, "proxy", proxy_state(in, kube_pod_is_finished(p) ? NULL : m, n));
    return j;
}

static json_t *pods_json(const struct report_input *in, struct pod_count *n)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs keys = store_keys(in->store, KIND_POD, a);
    json_t *all = json_array();
    for (size_t i = 0; i < keys.n; i++)
        json_array_append_new(all, pod_json(in, store_peek(in->store, KIND_POD, keys.v[i]), keys.v[i], n));
    return all;
}

/* ---- diagnostics ---- */

static void add_diag(json_t *all, const struct source_problem *p)
{
    struct arena *a SCOPED_ARENA = arena_new();
    json_t *j = json_object();
    put_text(j, "code", str_fmt(a, "E%04d", p->code));
    put_text(j, "object", p->object);
    put_text(j, "where", p->where);
    put_text(j, "text", p->text);
    json_object_set_new(j, "error", json_boolean(p->is_error));
    json_array_append_new(all, j);
}

static void object_diags(const struct report_input *in, enum kind k, struct str key, json_t *all)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const struct mesh_diag_list *l = sheet_value(in->sheet, &mesh_diag_cell, mesh_diag_key(a, k, key));
    const struct object *o = store_peek(in->store, k, key);
    if (!l || !o) return;
    struct str where = o->file.n ? str_fmt(a, "%.*s:%u", STR_FMT(o->file), o->line) : STR_NULL;
    for (each(d, l->diags))
        add_diag(
            all,
            &(struct source_problem){
                .code = (int)d->code, .where = where, .object = d->object, .text = d->text, .is_error = d->is_error});
}

static json_t *diagnostics_json(const struct report_input *in)
{
    struct arena *a SCOPED_ARENA = arena_new();
    json_t *all = json_array();
    for (each(p, in->problems)) add_diag(all, p);
    for (int k = 0; k < KIND_COUNT; k++) {
        struct strs keys = store_keys(in->store, (enum kind)k, a);
        for (size_t i = 0; i < keys.n; i++) object_diags(in, (enum kind)k, keys.v[i], all);
    }
    for (each(r, in->xds->refusals)) {
        struct str text = str_fmt(a, "the Envoy of %.*s refuses %.*s %.*s: %.*s", STR_FMT(r->node),
                                  STR_FMT(r->type_name), STR_FMT(r->resource), STR_FMT(r->text));
        add_diag(all, &(struct source_problem){
                          .code = E_PROXY_REFUSED, .object = r->origin, .text = text, .is_error = true});
    }
    return all;
}

/* ---- the status of policies ---- */

static void ingress_status(const struct report_input *in, struct str key, json_t *all)
{
    const struct mesh_ingress_status *s = sheet_value(in->sheet, &mesh_ingress_status_cell, key);
    struct str ns, name;
    if (!s) return;
    key_split(key, &ns, &name);
    json_t *j = json_object();
    put_text(j, "kind", str_of(kind_info(KIND_INGRESS_BACKEND)->name));
    put_text(j, "namespace", ns);
    put_text(j, "name", name);
    put_text(j, "status", s->committed ? S("committed") : S("error"));
    put_text(j, "reason", s->reason);
    json_array_append_new(all, j);
}

static json_t *policies_json(const struct report_input *in)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs keys = store_keys(in->store, KIND_INGRESS_BACKEND, a);
    json_t *all = json_array();
    for (each(k, keys)) ingress_status(in, *k, all);
    return all;
}

/* ---- changes ---- */

/* The newest first. */
static json_t *changes_json(const struct report_input *in)
{
    json_t *all = json_array();
    for (size_t i = in->xds->changes.n; i > 0; i--) {
        const struct xds_change_status *c = &in->xds->changes.v[i - 1];
        json_array_append_new(
            all, json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:f, s:o}", "revision", (json_int_t)c->revision, "time",
                           (json_int_t)c->at_s, "objects", texts(c->causes), "objectsChanged", (json_int_t)c->n_causes,
                           "expected", (json_int_t)c->expected, "accepted", (json_int_t)c->accepted, "refused",
                           (json_int_t)c->refused, "lastMs", (double)c->last_ns / 1e6, "waiting", texts(c->waiting)));
    }
    return all;
}

/* ---- the whole ---- */

static json_t *mesh_json(const struct report_input *in)
{
    const struct mesh_settings *s = sheet_value(in->sheet, &mesh_settings_cell, STR_NULL);
    const struct mesh_platform *p = sheet_value(in->sheet, &mesh_platform_cell, STR_NULL);
    if (!p) p = &mesh_platform_local;
    return json_pack("{s:s%, s:b, s:b, s:s%, s:s}", "name", p->mesh.p, p->mesh.n, "permissive", s && s->permissive,
                     "egress", s && s->egress, "namespace", p->system_ns.p, p->system_ns.n, "version", OSM_VERSION);
}

static json_t *objects_json(const struct report_input *in)
{
    struct arena *a SCOPED_ARENA = arena_new();
    json_t *j = json_object();
    for (int k = 0; k < KIND_COUNT; k++) {
        size_t n = store_keys(in->store, (enum kind)k, a).n;
        if (n) json_object_set_new(j, kind_info((enum kind)k)->name, json_integer((json_int_t)n));
    }
    return j;
}

json_t *report_json(const struct report_input *in)
{
    struct pod_count n = {0};
    map_proxies(in, &n);
    json_t *pods = pods_json(in, &n);
    map_release(&n.proxies);
    bool published = in->xds->revision >= in->revision, accepted = n.accepted == n.expected && published;
    return json_pack("{s:b, s:b, s:b, s:I, s:o, s:o, s:{s:I, s:I, s:I}, s:o, s:o, s:o, s:o}", "ready",
                     accepted && n.unready == 0, "accepted", accepted, "published", published, "revision",
                     (json_int_t)in->revision, "mesh", mesh_json(in), "objects", objects_json(in), "proxies",
                     "expected", (json_int_t)n.expected, "connected", (json_int_t)n.connected, "accepted",
                     (json_int_t)n.accepted, "pods", pods, "policies", policies_json(in), "diagnostics",
                     diagnostics_json(in), "changes", changes_json(in));
}

static json_t *namespace_json(const struct report_input *in, struct str name, struct strs pods)
{
    const struct object *o = store_peek(in->store, KIND_NAMESPACE, name);
    int64_t n = 0;
    for (size_t i = 0; i < pods.n; i++) {
        struct str ns, pod;
        const struct mesh_pod *m = sheet_value(in->sheet, &mesh_pod_cell, pods.v[i]);
        key_split(pods.v[i], &ns, &pod);
        n += str_eq(ns, name) && m && m->in_mesh;
    }
    struct str mesh = kvs_get(o->meta.labels, S(LABEL_MONITORED_BY));
    json_t *j = json_object();
    put_text(j, "name", name);
    put_text(j, "mesh", mesh);
    put_text(j, "injection", kvs_get(o->meta.annotations, S(ANNOTATION_INJECT)));
    json_object_set_new(j, "ignored", json_boolean(kvs_get(o->meta.labels, S(LABEL_IGNORE)).p != NULL));
    json_object_set_new(j, "pods", json_integer(n));
    return j;
}

json_t *report_namespaces(const struct report_input *in)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs names = store_keys(in->store, KIND_NAMESPACE, a), pods = store_keys(in->store, KIND_POD, a);
    json_t *all = json_array();
    for (size_t i = 0; i < names.n; i++) json_array_append_new(all, namespace_json(in, names.v[i], pods));
    return all;
}
