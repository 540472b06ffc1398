#include "kinds/together.h"

#include "base/errcode.h"
#include "kinds/ingress_backend.h"
#include "kinds/mesh_root_certificate.h"
#include "kinds/traffic_target.h"
#include "kinds/upstream_traffic_setting.h"

struct beside {
    const struct object *now, *old;
    const struct neighbours *n;
    struct arena *a;
};

static const struct problem *broken(const struct beside *b, int code, struct str path, struct str text)
{
    struct problem *p = arena_make(b->a, struct problem);
    *p = (struct problem){.is_error = true, .path = path, .text = text, .code = code};
    return p;
}

/* The first in byte order, so that everybody names the same. */
static const struct object *first_of(const struct object *x, const struct object *y)
{
    return !x || str_cmp(y->meta.name, x->meta.name) < 0 ? y : x;
}

static const struct problem *check_target(const struct beside *b)
{
    struct str why = traffic_target_misplaced(b->now, b->a);
    return why.n ? broken(b, E_TARGET_NAMESPACE, S("spec.destination.namespace"), why) : NULL;
}

static bool claims(const struct object *o, const struct ingress_target *t)
{
    const struct ingress_backend *i = ingress_backend_of(o);
    for (each(x, i->spec.backends))
        if (str_eq(x->name, t->name) && x->port.number == t->port.number) return true;
    return false;
}

static const struct problem *check_ingress(const struct beside *b)
{
    const struct ingress_backend *i = ingress_backend_of(b->now);
    for (size_t at = 0; at < i->spec.backends.n; at++) {
        const struct ingress_target *t = &i->spec.backends.v[at];
        const struct object *o, *taken = NULL;
        for (size_t it = 0; (o = b->n->next(b->n->arg, b->now, &it));)
            if (claims(o, t)) taken = first_of(taken, o);
        if (taken)
            return broken(b, E_CONFLICT, str_fmt(b->a, "spec.backends[%zu]", at),
                          str_fmt(b->a,
                                  "backend %.*s, port %lld is already opened by IngressBackend %.*s: add the sources "
                                  "there",
                                  STR_FMT(t->name), (long long)t->port.number, STR_FMT(taken->meta.name)));
    }
    return NULL;
}

static const struct problem *check_upstream(const struct beside *b)
{
    const struct upstream_traffic_setting *s = upstream_traffic_setting_of(b->now);
    const struct object *o, *taken = NULL;
    for (size_t it = 0; (o = b->n->next(b->n->arg, b->now, &it));)
        if (str_eq_nocase(upstream_traffic_setting_of(o)->spec.host, s->spec.host)) taken = first_of(taken, o);
    if (!taken) return NULL;
    return broken(b, E_CONFLICT, S("spec.host"),
                  str_fmt(b->a, "host %.*s already has the UpstreamTrafficSetting %.*s: change that one",
                          STR_FMT(s->spec.host), STR_FMT(taken->meta.name)));
}

/* ---- roots ----------------------------------------------------------------------------------------------- */

static bool same_root(const struct mesh_root_certificate *x, const struct mesh_root_certificate *y)
{
    struct mesh_root_certificate copy = *y;
    copy.spec.role = x->spec.role;
    return table_equal(&mesh_root_certificate_table, x, &copy);
}

static const struct problem *check_root_change(const struct beside *b)
{
    const struct mesh_root_certificate *now = mesh_root_certificate_of(b->now), *old = mesh_root_certificate_of(b->old);
    if (!old) return NULL;
    if (!same_root(old, now))
        return broken(b, E_BAD_OBJECT, S("spec"),
                      S("provider, trustDomain and spiffeEnabled cannot be changed: create another "
                        "MeshRootCertificate"));
    bool skips = (old->spec.role == ROOT_ACTIVE && now->spec.role == ROOT_INACTIVE) ||
                 (old->spec.role == ROOT_INACTIVE && now->spec.role == ROOT_ACTIVE);
    if (!skips) return NULL;
    return broken(b, E_ROOT_ROLES, S("spec.role"),
                  S("a role goes from active to inactive, or back, by way of passive"));
}

/* Roots that are used: one active; or two, of which at least one is active. */
static const struct problem *check_root_set(const struct beside *b)
{
    size_t active = 0, used = 0;
    const struct object *o = b->now;
    for (size_t it = 0; o; o = b->n->next(b->n->arg, b->now, &it)) {
        int role = mesh_root_certificate_of(o)->spec.role;
        active += role == ROOT_ACTIVE;
        used += role != ROOT_INACTIVE;
    }
    if (used > 2)
        return broken(b, E_ROOTS_MANY, S("spec.role"),
                      S("at most two MeshRootCertificates are in use: make one inactive first"));
    if (active) return NULL;
    return broken(b, E_ROOT_ROLES, S("spec.role"), S("no MeshRootCertificate would be active: nobody could sign"));
}

static const struct problem *check_root(const struct beside *b)
{
    const struct problem *p = check_root_change(b);
    return p ? p : check_root_set(b);
}

static const struct problem *(*const checks[KIND_COUNT])(const struct beside *) = {
    [KIND_TRAFFIC_TARGET] = check_target,
    [KIND_INGRESS_BACKEND] = check_ingress,
    [KIND_UPSTREAM_TRAFFIC_SETTING] = check_upstream,
    [KIND_MESH_ROOT_CERTIFICATE] = check_root,
};

const struct problem *together_check(const struct object *now, const struct object *old, const struct neighbours *n,
                                     struct arena *a)
{
    return checks[now->kind] ? checks[now->kind](&(struct beside){now, old, n, a}) : NULL;
}
