/* validate.c - /validate: an object is held against its kind's table, and against what only the mesh can know.
 *
 * A schema cannot see other objects: that one is needed once, or that a change is none that is allowed. */
#include "admit/review.h"
#include "kinds/ingress_backend.h"
#include "kinds/mesh_root_certificate.h"
#include "kinds/traffic_target.h"
#include "kinds/upstream_traffic_setting.h"

enum { MAX_NAMED = 5 };

struct check {
    const struct admit_world *w;
    const struct admit_request *r;
    struct arena *a;
    struct admit_answer *out;
    const struct object *now, *old; /* old: NULL unless it is an update */
};

static bool refuse(struct check *c, int code, struct str why)
{
    return admit_deny(c->out, code, str_fmt(c->a, "%.*s: %.*s", STR_FMT(object_title(c->a, c->now)), STR_FMT(why)));
}

/* ---- the kind's own rules -------------------------------------------------------------------------------- */

static struct str problem_text(struct arena *a, const struct problem *p)
{
    if (!p->path.n) return p->text;
    return str_fmt(a, "%.*s: %.*s", STR_FMT(p->path), STR_FMT(p->text));
}

static struct str errors_text(struct arena *a, struct problems probs)
{
    struct strs all = {0};
    size_t more = 0;
    for (each(p, probs)) {
        if (!p->is_error) continue;
        if (all.n < MAX_NAMED)
            list_push(a, &all, problem_text(a, p));
        else
            more++;
    }
    struct str text = str_join(a, all, S("; "));
    return more ? str_fmt(a, "%.*s; and %zu more", STR_FMT(text), more) : text;
}

static struct object *decode(const struct admit_request *r, const json_t *doc, struct arena *a,
                             struct admit_answer *out)
{
    struct problems probs = {0};
    struct object *o = object_of_json(doc, a, &probs);
    if (!o) {
        struct str name = r->name.n ? r->name : S("(unnamed)");
        admit_deny(out, 422,
                   str_fmt(a, "%.*s %.*s: %.*s", STR_FMT(r->kind), STR_FMT(name), STR_FMT(errors_text(a, probs))));
        return NULL;
    }
    for (each(p, o->problems)) list_push(a, &out->warnings, str_dup(a, problem_text(a, p)));
    return o;
}

/* ---- rules that look beyond the object ------------------------------------------------------------------- */

static bool check_target(struct check *c)
{
    const struct traffic_target *t = traffic_target_of(c->now);
    if (str_eq(t->spec.destination.ns, c->now->meta.ns)) return true;
    return refuse(c, 403,
                  str_fmt(c->a,
                          "spec.destination.namespace is \"%.*s\": a TrafficTarget stands in the namespace of its "
                          "destination",
                          STR_FMT(t->spec.destination.ns)));
}

/* Another object of the kind in the same namespace; NULL at the end. */
static const struct object *next_other(struct check *c, size_t *it)
{
    struct str key = object_key(c->a, c->now), k;
    void *o;
    while (map_next(&c->w->objects[c->now->kind], it, &k, &o)) {
        const struct object *other = o;
        if (!str_eq(k, key) && str_eq(other->meta.ns, c->now->meta.ns)) return other;
    }
    return NULL;
}

/* The first in byte order, so that every replica names the same. */
static const struct object *first_of(const struct object *x, const struct object *y)
{
    return !x || str_cmp(y->meta.name, x->meta.name) < 0 ? y : x;
}

static bool claims(const struct object *o, const struct ingress_target *t)
{
    const struct ingress_backend *b = ingress_backend_of(o);
    for (each(x, b->spec.backends))
        if (str_eq(x->name, t->name) && x->port.number == t->port.number) return true;
    return false;
}

static bool check_ingress(struct check *c)
{
    const struct ingress_backend *b = ingress_backend_of(c->now);
    for (each(t, b->spec.backends)) {
        const struct object *o, *taken = NULL;
        for (size_t it = 0; (o = next_other(c, &it));)
            if (claims(o, t)) taken = first_of(taken, o);
        if (taken)
            return refuse(c, 409,
                          str_fmt(c->a,
                                  "backend %.*s, port %lld is already opened by IngressBackend %.*s: add the sources "
                                  "there",
                                  STR_FMT(t->name), (long long)t->port.number, STR_FMT(taken->meta.name)));
    }
    return true;
}

static bool check_upstream(struct check *c)
{
    const struct upstream_traffic_setting *s = upstream_traffic_setting_of(c->now);
    const struct object *o, *taken = NULL;
    for (size_t it = 0; (o = next_other(c, &it));)
        if (str_eq_nocase(upstream_traffic_setting_of(o)->spec.host, s->spec.host)) taken = first_of(taken, o);
    if (!taken) return true;
    return refuse(c, 409,
                  str_fmt(c->a, "host %.*s already has the UpstreamTrafficSetting %.*s: change that one",
                          STR_FMT(s->spec.host), STR_FMT(taken->meta.name)));
}

/* ---- roots ----------------------------------------------------------------------------------------------- */

static bool same_root(const struct mesh_root_certificate *x, const struct mesh_root_certificate *y)
{
    struct mesh_root_certificate copy = *y;
    copy.spec.role = x->spec.role;
    return table_equal(&mesh_root_certificate_table, x, &copy);
}

static bool check_root_change(struct check *c)
{
    const struct mesh_root_certificate *now = mesh_root_certificate_of(c->now), *old = mesh_root_certificate_of(c->old);
    if (!old) return true;
    if (!same_root(old, now))
        return refuse(c, 403,
                      S("provider, trustDomain and spiffeEnabled cannot be changed: create another "
                        "MeshRootCertificate"));
    bool skips = (old->spec.role == ROOT_ACTIVE && now->spec.role == ROOT_INACTIVE) ||
                 (old->spec.role == ROOT_INACTIVE && now->spec.role == ROOT_ACTIVE);
    return !skips || refuse(c, 403, S("a role goes from active to inactive, or back, by way of passive"));
}

/* Roots that are used: one active; or two, of which at least one is active. */
static bool check_root_set(struct check *c)
{
    size_t active = 0, used = 0;
    const struct object *o = c->now;
    for (size_t it = 0; o; o = next_other(c, &it)) {
        int role = mesh_root_certificate_of(o)->spec.role;
        active += role == ROOT_ACTIVE;
        used += role != ROOT_INACTIVE;
    }
    if (used > 2) return refuse(c, 403, S("at most two MeshRootCertificates are in use: make one inactive first"));
    return active || refuse(c, 403, S("no MeshRootCertificate would be active: nobody could sign"));
}

static bool check_root(struct check *c) { return check_root_change(c) && check_root_set(c); }

/* ---- all ------------------------------------------------------------------------------------------------- */

static bool (*const checks[KIND_COUNT])(struct check *) = {
    [KIND_TRAFFIC_TARGET] = check_target,
    [KIND_INGRESS_BACKEND] = check_ingress,
    [KIND_UPSTREAM_TRAFFIC_SETTING] = check_upstream,
    [KIND_MESH_ROOT_CERTIFICATE] = check_root,
};

static bool is_stated_kind(const struct admit_request *r, const struct object *o)
{
    const struct kind_info *i = kind_info(o->kind);
    return str_is(r->kind, i->name) && str_is(r->group, i->group);
}

void admit_validate(const struct admit_world *w, const struct admit_request *r, struct arena *a,
                    struct admit_answer *out)
{
    out->allowed = true;
    if (!str_is(r->operation, "CREATE") && !str_is(r->operation, "UPDATE")) return;
    if (!r->object) return (void)admit_deny(out, 422, S("the request carries no object"));
    struct object *now = decode(r, r->object, a, out);
    if (!now) return;
    struct admit_answer ignored = {0};
    struct object *old = r->old ? decode(r, r->old, a, &ignored) : NULL;
    struct check c = {w, r, a, out, now, old};
    if (!is_stated_kind(r, now))
        admit_deny(out, 422, S("the object is of another kind than the request says"));
    else if (checks[now->kind])
        checks[now->kind](&c);
    object_unref(now);
    if (old) object_unref(old);
}
