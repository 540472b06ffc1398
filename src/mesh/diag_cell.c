/* The diagnostics of one object, gathered from the cells that decided about it. */
#include "base/names.h"
#include "kinds/endpoint_slice.h"
#include "kinds/pod.h"
#include "mesh/access.h"
#include "mesh/egress.h"
#include "mesh/endpoint.h"
#include "mesh/ingress.h"
#include "mesh/platform.h"
#include "mesh/retry.h"
#include "mesh/service.h"
#include "mesh/settings.h"
#include "mesh/split.h"
#include "mesh/telemetry.h"
#include "mesh/upstream.h"
#include "mesh/workload.h"

struct subject_of_diag {
    struct cell *c;
    const struct object *o;
    struct str key;
    struct arena *a;
    struct mesh_diags *out;
};

static bool share_port(const struct mesh_service *s, const struct mesh_service *t)
{
    for (size_t i = 0; i < s->ports.n; i++)
        if (mesh_service_port(t, s->ports.v[i].port)) return true;
    return false;
}

/* Of Services with one cluster address and port the older listens. */
static void address_conflicts(const struct subject_of_diag *d, const struct mesh_service *s)
{
    for (size_t i = 0; i < s->addresses.n; i++) {
        struct str address = s->addresses.v[i];
        struct strs all = store_index(d->c, INDEX_SERVICES_BY_ADDRESS, address);
        for (each(other, all)) {
            const struct mesh_service *t = str_eq(*other, d->key) ? NULL : mesh_service(d->c, *other);
            if (t && share_port(s, t) && mesh_is_older(t->created, *other, s->created, d->key))
                diag_error(d->a, d->out, E_CONFLICT,
                           "Service %.*s has the address %.*s and a port of this one, and is older: it gets the calls",
                           STR_FMT(*other), STR_FMT(address));
        }
    }
}

static void service_diags(const struct subject_of_diag *d)
{
    const struct mesh_service *s = mesh_service(d->c, d->key);
    if (!s || !mesh_has_namespace(d->c, s->ns)) return;
    diag_append(d->a, d->out, s->diags.v, s->diags.n);
    address_conflicts(d, s);
    const struct mesh_endpoints *e = s->has_selector ? mesh_endpoints(d->c, d->key) : NULL;
    if (e && e->outside.n)
        diag_remark(d->a, d->out, E_NOT_IN_MESH, "no proxy is behind %.*s: not among the Service's endpoints",
                    STR_FMT(str_join(d->a, e->outside, S(", "))));
}

static void target_diags(const struct subject_of_diag *d)
{
    const struct mesh_target *t = mesh_target(d->c, d->key);
    if (t) diag_append(d->a, d->out, t->diags.v, t->diags.n);
}

/* A port may give way for some of its accounts and hold for others; what is said is the same. */
static void egress_conflicts(const struct subject_of_diag *d, const struct mesh_egress *e)
{
    for (each(account, e->sources)) {
        const struct mesh_egress_grants *g = mesh_egress_grants(d->c, *account);
        for (size_t i = 0; i < g->conflicts.n; i++)
            if (str_eq(g->conflicts.v[i].egress, d->key))
                diag_error(d->a, d->out, E_EGRESS_CONFLICT, "%.*s", STR_FMT(g->conflicts.v[i].text));
    }
}

static void egress_diags(const struct subject_of_diag *d)
{
    const struct mesh_egress *e = mesh_egress(d->c, d->key);
    const struct mesh_settings *set = mesh_settings(d->c);
    if (!e) return;
    diag_append(d->a, d->out, e->diags.v, e->diags.n);
    if (set->egress)
        diag_remark(d->a, d->out, E_NOT_ENFORCED,
                    "the MeshConfig's traffic.enableEgress is on, so everything outside the mesh may be called: this "
                    "limits nothing");
    else if (!set->egress_policies)
        diag_error(d->a, d->out, E_NOT_ENFORCED,
                   "the MeshConfig's featureFlags.enableEgressPolicy is off: it allows nothing");
    egress_conflicts(d, e);
}

static void backend_diags(const struct subject_of_diag *d, const struct mesh_service *root, struct str name)
{
    const struct mesh_service *b = mesh_service(d->c, name);
    if (!b || !b->in_mesh) {
        diag_error(d->a, d->out, E_ABSENT, "backend %.*s is no Service of the mesh: the others share its part",
                   STR_FMT(name));
        return;
    }
    if (!root || root == b) return;
    if (b->headless)
        diag_error(d->a, d->out, E_ABSENT,
                   "backend %.*s is headless, which a split cannot call: the others share its part", STR_FMT(name));
    for (each(p, root->ports))
        if (!mesh_service_port(b, p->port))
            diag_error(d->a, d->out, E_ABSENT, "backend %.*s has no port %lld: the others share its part there",
                       STR_FMT(name), (long long)p->port);
}

static void split_diags(const struct subject_of_diag *d)
{
    const struct mesh_split *s = sheet_read(d->c, &mesh_split_object_cell, d->key);
    if (!s) return;
    diag_append(d->a, d->out, s->diags.v, s->diags.n);
    if (!s->root.n) return;
    const struct mesh_split *ruling = mesh_split(d->c, s->root);
    if (ruling && !str_eq(ruling->title, s->title))
        diag_error(d->a, d->out, E_SPLIT_CONFLICT, "%.*s rules Service %.*s and is older: this one does nothing",
                   STR_FMT(ruling->title), STR_FMT(s->root));
    const struct mesh_service *root = mesh_service(d->c, s->root);
    if (!root)
        diag_error(d->a, d->out, E_ABSENT, "Service %.*s, whose calls it splits, is not there", STR_FMT(s->root));
    for (each(b, s->backends)) backend_diags(d, root, b->service);
}

static void upstream_diags(const struct subject_of_diag *d)
{
    const struct mesh_upstream *u = mesh_upstream_named(d->c, d->key);
    if (!u) return;
    diag_append(d->a, d->out, u->diags.v, u->diags.n);
    if (!u->service.n) return;
    const struct mesh_upstream *ruling = mesh_upstream(d->c, u->service);
    if (ruling && !str_eq(ruling->title, u->title))
        diag_error(d->a, d->out, E_CONFLICT, "%.*s rules Service %.*s and is older: this one does nothing",
                   STR_FMT(ruling->title), STR_FMT(u->service));
    const struct mesh_service *s = mesh_service(d->c, u->service);
    if (!s || !s->in_mesh)
        diag_error(d->a, d->out, E_ABSENT, "Service %.*s is not in the mesh: nothing is limited", STR_FMT(u->service));
}

static void ingress_diags(const struct subject_of_diag *d)
{
    const struct mesh_ingress_status *s = sheet_read(d->c, &mesh_ingress_status_cell, d->key);
    if (s) diag_append(d->a, d->out, s->diags.v, s->diags.n);
}

static void retried_diags(const struct subject_of_diag *d, const struct mesh_retry *r, struct str service)
{
    const struct mesh_service *s = mesh_service(d->c, service);
    const struct mesh_retries *all = mesh_retries(d->c, r->source);
    if (!s || !s->in_mesh)
        diag_error(d->a, d->out, E_ABSENT, "Service %.*s is not in the mesh: calls to it are not repeated",
                   STR_FMT(service));
    for (size_t i = 0; i < all->services.n; i++)
        if (str_eq(all->services.v[i].service, service) && !str_eq(all->services.v[i].title, r->title))
            diag_error(d->a, d->out, E_CONFLICT, "%.*s rules calls of %.*s to Service %.*s and is older",
                       STR_FMT(all->services.v[i].title), STR_FMT(r->source), STR_FMT(service));
}

static void retry_diags(const struct subject_of_diag *d)
{
    const struct mesh_retry *r = mesh_retry(d->c, d->key);
    if (!r) return;
    diag_append(d->a, d->out, r->diags.v, r->diags.n);
    if (!mesh_settings(d->c)->retry)
        diag_error(d->a, d->out, E_NOT_ENFORCED,
                   "the MeshConfig's featureFlags.enableRetryPolicy is off: nothing is repeated");
    for (size_t i = 0; r->valid && i < r->destinations.n; i++) retried_diags(d, r, r->destinations.v[i]);
}

/* What its runner says keeps it from running. */
static void run_diags(const struct subject_of_diag *d, const struct kube_pod *p)
{
    if (p->status.message.n) diag_error(d->a, d->out, E_POD_FAILED, "%.*s", STR_FMT(p->status.message));
    for (each(c, p->status.conditions))
        if (str_is(c->type, CONDITION_LIMITS) && str_is(c->status, "False"))
            diag_remark(d->a, d->out, E_NOT_ENFORCED, "%.*s", STR_FMT(c->message));
    for (each(c, p->status.init_containers))
        if (c->state.waiting && c->state.waiting->message.n)
            diag_error(d->a, d->out, E_POD_FAILED, "container %.*s: %.*s", STR_FMT(c->name),
                       STR_FMT(c->state.waiting->message));
    for (each(c, p->status.containers))
        if (c->state.waiting && c->state.waiting->message.n)
            diag_error(d->a, d->out, E_POD_FAILED, "container %.*s: %.*s", STR_FMT(c->name),
                       STR_FMT(c->state.waiting->message));
}

static void pod_diags(const struct subject_of_diag *d)
{
    if (kube_pod_of(d->o)) run_diags(d, kube_pod_of(d->o));
    const struct mesh_pod *p = mesh_pod(d->c, d->key);
    if (p && !p->in_mesh) diag_remark(d->a, d->out, E_NOT_IN_MESH, "not in the mesh: %.*s", STR_FMT(p->why));
}

static void slice_diags(const struct subject_of_diag *d)
{
    struct str name = kvs_get(d->o->meta.labels, S(LABEL_SERVICE_NAME));
    if (name.n && !store_get(d->c, KIND_SERVICE, key_of(d->a, d->o->meta.ns, name)))
        diag_remark(d->a, d->out, E_ABSENT, "Service %.*s/%.*s is not there", STR_FMT(d->o->meta.ns), STR_FMT(name));
}

static void settings_diags(const struct subject_of_diag *d)
{
    const struct mesh_platform *p = mesh_platform(d->c);
    if (!str_eq(d->o->meta.ns, p->system_ns) || !str_is(d->o->meta.name, NAME_MESH_CONFIG)) {
        diag_error(d->a, d->out, E_NOT_ENFORCED, "only MeshConfig %.*s/" NAME_MESH_CONFIG " is read",
                   STR_FMT(p->system_ns));
        return;
    }
    const struct mesh_settings *s = mesh_settings_all(d->c);
    diag_append(d->a, d->out, s->diags.v, s->diags.n);
}

static void telemetry_diags(const struct subject_of_diag *d) { mesh_telemetry_diags(d->c, d->a, d->o, d->out); }

static const struct {
    enum kind kind;
    void (*fn)(const struct subject_of_diag *d);
} by_kind[] = {
    {KIND_SERVICE, service_diags},
    {KIND_TRAFFIC_TARGET, target_diags},
    {KIND_TRAFFIC_SPLIT, split_diags},
    {KIND_POD, pod_diags},
    {KIND_ENDPOINT_SLICE, slice_diags},
    {KIND_MESH_CONFIG, settings_diags},
    {KIND_UPSTREAM_TRAFFIC_SETTING, upstream_diags},
    {KIND_INGRESS_BACKEND, ingress_diags},
    {KIND_TELEMETRY, telemetry_diags},
    {KIND_EGRESS, egress_diags},
    {KIND_RETRY, retry_diags},
};

static bool kind_of(struct str name, enum kind *out)
{
    for (int k = 0; k < KIND_COUNT; k++) {
        *out = (enum kind)k;
        if (str_is(name, kind_info(*out)->name)) return true;
    }
    return false;
}

/* The same thing said twice (a target that names a group in two rules) is said once. */
static void add_once(struct arena *a, struct mesh_diags *out, struct str title, const struct mesh_diag *d)
{
    for (each(have, *out))
        if (have->code == d->code && str_eq(have->text, d->text)) return;
    list_push(a, out, *d);
    out->v[out->n - 1].object = title;
}

static bool compute(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct mesh_diag_list *out = value;
    struct mesh_diags found = {0};
    struct str name = str_cut(&key, '/');
    enum kind k;
    if (!kind_of(name, &k)) return false;
    const struct object *o = store_get(c, k, key);
    if (!o) return false;
    struct subject_of_diag d = {c, o, key, a, &found};
    for (size_t i = 0; i < sizeof by_kind / sizeof *by_kind; i++)
        if (by_kind[i].kind == k) by_kind[i].fn(&d);
    if (kind_info(k)->flags & KIND_NOT_ENFORCED)
        diag_error(a, &found, E_NOT_ENFORCED,
                   "%s objects are read and checked, and not carried out yet: nothing is opened by them",
                   kind_info(k)->name);
    for (each(f, found)) add_once(a, &out->diags, object_title(a, o), f);
    return out->diags.n > 0;
}
const struct cell_kind mesh_diag_cell = {"diag", &mesh_diag_list_table, compute};
