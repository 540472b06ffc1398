#include "mesh/upstream.h"

#include "base/names.h"
#include "mesh/service.h"

static const struct field fields[] = {
    FIELD(struct mesh_upstream, title, "title", F_STR),
    FIELD(struct mesh_upstream, created, "created", F_INT),
    FIELD(struct mesh_upstream, service, "service", F_STR),
    FIELD(struct mesh_upstream, spec, "spec", F_INLINE, .sub = &upstream_traffic_setting_spec_table),
    FIELD(struct mesh_upstream, diags, "diags", F_LIST, .sub = &mesh_diag_table),
};
const struct table mesh_upstream_table = TABLE("Upstream", struct mesh_upstream, fields);

/* ---- what cannot be honoured ----------------------------------------------------------------------------- */

struct checking {
    struct cell *c;
    struct arena *a;
    struct mesh_upstream *out;
};

static const struct global_limit *global_of(const struct mesh_upstream *u)
{
    return u->spec.limit ? u->spec.limit->global : NULL;
}

/* A proxy calls it without the mesh's TLS, which a proxy at the other end would insist on. */
static void check_limit_service(const struct checking *k, const struct limit_service *s)
{
    struct str name, ns;
    if (!upstream_host_is_service(s->host, &name, &ns)) return;
    const struct mesh_service *m = mesh_service(k->c, key_of(k->a, ns, name));
    if (!m)
        diag_error(k->a, &k->out->diags, E_ABSENT,
                   "rateLimitService %.*s is not there: what failOpen says happens to the calls", STR_FMT(s->host));
    else if (m->in_mesh)
        diag_error(k->a, &k->out->diags, E_NOT_IN_MESH,
                   "rateLimitService %.*s is in the mesh and cannot be called by proxies: run it in a namespace "
                   "outside the mesh",
                   STR_FMT(s->host));
}

static void check_global(const struct checking *k)
{
    const struct global_limit *g = global_of(k->out);
    if (g && g->tcp) check_limit_service(k, &g->tcp->service);
    if (!g || !g->http) return;
    check_limit_service(k, &g->http->service);
    size_t n = g->http->descriptors.n;
    for (each(r, k->out->spec.routes)) n += r->limit ? r->limit->global.descriptors.n : 0;
    if (!n)
        diag_error(k->a, &k->out->diags, E_BAD_OBJECT,
                   "rateLimit.global.http has no descriptors, nor has any path: nothing is counted");
}

static void check_routes(const struct checking *k)
{
    const struct global_limit *g = global_of(k->out);
    for (each(r, k->out->spec.routes)) {
        if (r->limit && r->limit->global.descriptors.n && !(g && g->http))
            diag_error(k->a, &k->out->diags, E_BAD_OBJECT,
                       "path %.*s has descriptors, but there is no rateLimit.global.http that says who counts: it is "
                       "not limited by them",
                       STR_FMT(r->path));
        for (const struct http_route_setting *q = k->out->spec.routes.v; q < r; q++)
            if (str_eq(q->path, r->path))
                diag_error(k->a, &k->out->diags, E_DUPLICATE, "path %.*s is there twice: the first holds",
                           STR_FMT(r->path));
    }
}

static void check_balance(const struct checking *k)
{
    if (k->out->spec.balance.hash && k->out->spec.balance.prefer_zone)
        diag_error(k->a, &k->out->diags, E_CONFLICT,
                   "consistentHash and preferSameZone cannot both hold: consistentHash does");
}

/* Limits of calls are kept by the server's proxy, which only a Service of the mesh has. */
static void check_outside(const struct checking *k)
{
    if (k->out->spec.limit || k->out->spec.routes.n)
        diag_error(k->a, &k->out->diags, E_NOT_ENFORCED,
                   "host %.*s is no Service: rateLimit and httpRoutes are kept by a Service's own proxies and have no "
                   "effect; the name of one is <name>.<namespace>.svc.cluster.local",
                   STR_FMT(k->out->spec.host));
}

/* ---- one UpstreamTrafficSetting by itself ---------------------------------------------------------------- */

/* Limits of another namespace's Service would be somebody else's: only its own namespace may set them. */
static void set_service(const struct checking *k, struct str own)
{
    struct str name, ns;
    if (!upstream_host_is_service(k->out->spec.host, &name, &ns))
        check_outside(k);
    else if (str_eq(ns, own))
        k->out->service = key_of(k->a, ns, name);
    else
        diag_error(k->a, &k->out->diags, E_NOT_ENFORCED,
                   "host %.*s is a Service of another namespace: only an UpstreamTrafficSetting in namespace %.*s can "
                   "rule it",
                   STR_FMT(k->out->spec.host), STR_FMT(ns));
}

static bool compute_object(struct cell *c, struct str key, struct arena *a, void *value)
{
    const struct object *o = store_get(c, KIND_UPSTREAM_TRAFFIC_SETTING, key);
    const struct upstream_traffic_setting *u = upstream_traffic_setting_of(o);
    if (!u) return false;
    struct checking k = {c, a, value};
    k.out->title = object_title(a, o);
    k.out->created = o->meta.created;
    k.out->spec = u->spec;
    set_service(&k, o->meta.ns);
    check_global(&k);
    check_routes(&k);
    check_balance(&k);
    return true;
}
const struct cell_kind mesh_upstream_object_cell = {"upstream-object", &mesh_upstream_table, compute_object};

const struct mesh_upstream *mesh_upstream_named(struct cell *c, struct str key)
{
    return sheet_read(c, &mesh_upstream_object_cell, key);
}

/* ---- which one rules ------------------------------------------------------------------------------------- */

static bool compute_ruling(struct cell *c, struct str key, struct arena *a, void *value)
{
    (void)a;
    const struct mesh_upstream *best = NULL;
    struct strs candidates = store_index(c, INDEX_UPSTREAMS_BY_SERVICE, key);
    for (each(k, candidates)) {
        const struct mesh_upstream *u = mesh_upstream_named(c, *k);
        if (u && (!best || mesh_is_older(u->created, u->title, best->created, best->title))) best = u;
    }
    if (best) *(struct mesh_upstream *)value = *best;
    return best != NULL;
}
const struct cell_kind mesh_upstream_cell = {"upstream", &mesh_upstream_table, compute_ruling};

const struct mesh_upstream *mesh_upstream(struct cell *c, struct str service)
{
    return sheet_read(c, &mesh_upstream_cell, service);
}
