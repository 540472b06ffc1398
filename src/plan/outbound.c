#include "plan/outbound.h"

#include "base/names.h"
#include "mesh/platform.h"
#include "mesh/settings.h"
#include "mesh/workload.h"
#include "plan/common.h"
#include "plan/retry.h"

bool out_service_init(struct out_service *o, struct cell *c, struct str key, struct arena *a)
{
    *o = (struct out_service){.c = c, .a = a};
    if (!retry_key_parse(a, key, &key, &o->retry)) return false;
    if (!reach_parse(a, key, &o->key, &o->reach)) return false;
    o->service = mesh_service(c, o->key);
    if (!o->service || o->service->in_mesh == o->reach.outside) return false;
    if (o->reach.outside) return true;
    o->backing = mesh_backing(c, o->key);
    o->split = mesh_split(c, o->key);
    o->upstream = mesh_upstream(c, o->key);
    return true;
}

struct str out_cluster_name(struct arena *a, struct str service, int64_t port)
{
    return str_fmt(a, "%.*s|%lld", STR_FMT(service), (long long)port);
}

bool out_has_cluster(struct out_service *o, const struct mesh_port *p, struct strs *accounts)
{
    *accounts = reach_accounts(o->a, &o->reach, o->backing, p);
    return accounts->n > 0 || o->reach.any;
}

static struct str origin_of(struct out_service *o)
{
    if (!o->split) return str_fmt(o->a, "Service %.*s", STR_FMT(o->key));
    return str_fmt(o->a, "%.*s; Service %.*s", STR_FMT(o->split->title), STR_FMT(o->key));
}

static struct str with_upstream(struct out_service *o, struct str origin)
{
    if (!o->upstream) return origin;
    return str_fmt(o->a, "%.*s; %.*s", STR_FMT(o->upstream->title), STR_FMT(origin));
}

static bool has_timeouts(const struct out_service *o)
{
    struct plan_timeouts t = plan_timeouts_of(o->upstream);
    return t.request_ns || t.idle_ns;
}

/* ---- clusters -------------------------------------------------------------------------------------------- */

/* An empty list of names would admit every certificate: the placeholder is one that no ServiceAccount can have. */
static struct strs sans_of(struct out_service *o, struct strs accounts)
{
    struct strs out = {0};
    for (each(x, accounts)) list_push(o->a, &out, mesh_spiffe(o->c, o->a, *x));
    if (!out.n)
        list_push(o->a, &out, str_fmt(o->a, "spiffe://%.*s/nobody", STR_FMT(mesh_platform(o->c)->trust_domain)));
    return out;
}

static void add_cluster(struct out_service *o, const struct mesh_port *p, struct strs accounts, int64_t number,
                        struct plan_outbound *out)
{
    struct str name = out_cluster_name(o->a, o->key, number);
    for (each(have, out->clusters))
        if (str_eq(have->name, name)) return;
    struct plan_cluster *cl = list_add(o->a, &out->clusters);
    *cl = (struct plan_cluster){.name = name, .original_dst = o->service->headless, .protocol = p->protocol};
    cl->sni = plan_server_name(o->a, o->service->ns, o->service->name);
    cl->sans = sans_of(o, accounts);
    cl->connection = plan_connection_of(o->upstream);
    cl->balance = plan_balance_of(o->a, o->upstream);
    cl->origin = with_upstream(o, str_fmt(o->a, "Service %.*s", STR_FMT(o->key)));
}

/* ---- splits ---------------------------------------------------------------------------------------------- */

enum share { SHARE_DROPPED, SHARE_DENIED, SHARE_GIVEN };

/* Dropped: there is no such port in the mesh, so the others share its part. Denied: there is, and this caller may not
 * call it, which must not move its part to anybody else. */
static enum share share_of(struct out_service *o, struct str name, const struct mesh_port *p)
{
    const struct mesh_service *s = mesh_service(o->c, name);
    const struct mesh_port *q = s && s->in_mesh && !s->headless ? mesh_service_port(s, p->port) : NULL;
    if (!q || protocol_is_http(q->protocol) != protocol_is_http(p->protocol)) return SHARE_DROPPED;
    if (o->reach.any) return SHARE_GIVEN;
    return reach_accounts(o->a, &o->reach, mesh_backing(o->c, name), q).n ? SHARE_GIVEN : SHARE_DENIED;
}

struct out_weights out_weights_of(struct out_service *o, const struct mesh_port *p, struct str own)
{
    struct out_weights out = {0};
    if (!o->split && own.n) list_push(o->a, &out.clusters, ((struct plan_weight){own, 1}));
    for (size_t i = 0; o->split && i < o->split->backends.n; i++) {
        const struct mesh_split_backend *b = &o->split->backends.v[i];
        bool is_root = str_eq(b->service, o->key);
        enum share share = is_root ? (own.n ? SHARE_GIVEN : SHARE_DENIED) : share_of(o, b->service, p);
        struct str name = is_root ? own : out_cluster_name(o->a, b->service, p->port);
        if (share == SHARE_GIVEN) list_push(o->a, &out.clusters, ((struct plan_weight){name, b->weight}));
        if (share == SHARE_DENIED) out.denied += b->weight;
    }
    return out;
}

/* ---- listeners and routes -------------------------------------------------------------------------------- */

struct way { /* how calls to one port, or one target port when headless, go on */
    const struct mesh_port *port;
    int64_t number;
    struct out_weights weights;
    struct str route;
};

static struct way way_of(struct out_service *o, const struct mesh_port *p, int64_t number, bool has_cluster)
{
    struct str own = has_cluster ? out_cluster_name(o->a, o->key, number) : STR_NULL;
    struct way w = {p, number, out_weights_of(o, p, own), STR_NULL};
    if (protocol_is_http(p->protocol))
        w.route = str_fmt(o->a, "rds-outbound|%.*s|%lld", STR_FMT(o->key), (long long)number);
    return w;
}

static void add_route(struct out_service *o, const struct way *w, struct plan_outbound *out)
{
    if (!w->route.n) return;
    for (each(have, out->routes))
        if (str_eq(have->name, w->route)) return;
    struct plan_route_config *r = list_add(o->a, &out->routes);
    *r = (struct plan_route_config){.name = w->route, .denied = w->weights.denied};
    r->origin = has_timeouts(o) ? with_upstream(o, origin_of(o)) : origin_of(o);
    r->clusters.v = w->weights.clusters.v;
    r->clusters.n = w->weights.clusters.n;
    r->timeouts = plan_timeouts_of(o->upstream);
    r->retry = o->retry;
}

static void add_listener(struct out_service *o, const struct way *w, struct str address, struct plan_outbound *out)
{
    struct str name = str_fmt(o->a, "out|%.*s|%lld", STR_FMT(address), (long long)w->number);
    for (each(have, out->listeners))
        if (str_eq(have->name, name)) return;
    struct plan_listener *l = list_add(o->a, &out->listeners);
    *l = (struct plan_listener){.name = name,
                                .address = address,
                                .port = w->number,
                                .protocol = w->port->protocol,
                                .route_config = w->route,
                                .service = o->key,
                                .origin = origin_of(o)};
    if (w->route.n) return;
    l->clusters.v = w->weights.clusters.v;
    l->clusters.n = w->weights.clusters.n;
    l->denied = w->weights.denied;
    l->idle_ns = plan_timeouts_of(o->upstream).idle_ns;
}

/* Of Services with one address and port the oldest listens. */
static bool owns_address(struct out_service *o, struct str address, int64_t port)
{
    struct strs all = store_index(o->c, INDEX_SERVICES_BY_ADDRESS, address);
    for (each(other, all)) {
        const struct mesh_service *s = str_eq(*other, o->key) ? NULL : mesh_service(o->c, *other);
        if (s && mesh_service_port(s, port) && mesh_is_older(s->created, *other, o->service->created, o->key))
            return false;
    }
    return true;
}

static bool listens_at(struct cell *c, struct str service, const struct mesh_service *s, int64_t target)
{
    const struct mesh_backing *b = mesh_backing(c, service);
    for (size_t i = 0; i < s->ports.n; i++) {
        struct ints l = mesh_targets_of(b, s->ports.v[i].port);
        for (size_t t = 0; t < l.n; t++)
            if (l.v[t] == target) return true;
    }
    return false;
}

/* The same of headless Services over one pod. */
static bool owns_pod_port(struct out_service *o, const struct mesh_endpoint *e, int64_t target)
{
    const struct mesh_pod *p = mesh_pod(o->c, e->pod);
    for (size_t i = 0; p && i < p->services.n; i++) {
        struct str other = key_of(o->a, p->ns, p->services.v[i]);
        const struct mesh_service *s = str_eq(other, o->key) ? NULL : mesh_service(o->c, other);
        if (!s || !s->headless || !s->in_mesh || !listens_at(o->c, other, s, target)) continue;
        if (mesh_is_older(s->created, other, o->service->created, o->key)) return false;
    }
    return true;
}

static void plan_port(struct out_service *o, const struct mesh_port *p, struct plan_outbound *out)
{
    struct strs accounts;
    bool has_cluster = out_has_cluster(o, p, &accounts);
    struct way w = way_of(o, p, p->port, has_cluster);
    if (!has_cluster && !w.weights.clusters.n) return;
    if (has_cluster) add_cluster(o, p, accounts, p->port, out);
    add_route(o, &w, out);
    for (size_t i = 0; i < o->service->addresses.n; i++)
        if (owns_address(o, o->service->addresses.v[i], p->port)) add_listener(o, &w, o->service->addresses.v[i], out);
}

/* Headless: a client dials a pod's own address and target port. Pods that are not ready are listened for, too: names
 * decide who is called, and a listener that comes and goes with readiness would cut connections. */
static void plan_headless_port(struct out_service *o, const struct mesh_port *p, struct plan_outbound *out)
{
    struct strs accounts;
    bool has_cluster = out_has_cluster(o, p, &accounts);
    const struct mesh_endpoints *all = mesh_endpoints(o->c, o->key);
    for (size_t i = 0; i < all->endpoints.n; i++) {
        const struct mesh_endpoint *e = &all->endpoints.v[i];
        for (each(ep, e->ports)) {
            if (ep->port != p->port || !owns_pod_port(o, e, ep->target)) continue;
            struct way w = way_of(o, p, ep->target, has_cluster);
            bool is_split = o->split && w.weights.clusters.n;
            if (!is_split && !reach_allows(&o->reach, e->account, p->protocol, ep->target)) continue;
            if (has_cluster) add_cluster(o, p, accounts, ep->target, out);
            add_route(o, &w, out);
            add_listener(o, &w, e->address, out);
        }
    }
}

/* ---- Services outside the mesh --------------------------------------------------------------------------- */

static void plan_outside(struct out_service *o, struct plan_outbound *out)
{
    for (size_t i = 0; i < o->service->addresses.n; i++)
        for (size_t j = 0; j < o->service->ports.n; j++) {
            struct way w = {.port = &o->service->ports.v[j], .number = o->service->ports.v[j].port};
            if (!owns_address(o, o->service->addresses.v[i], w.number)) continue;
            add_listener(o, &w, o->service->addresses.v[i], out);
            struct plan_listener *l = &out->listeners.v[out->listeners.n - 1];
            l->passthrough = true;
            l->protocol = PLAN_TCP;
        }
}

static int by_listener(const void *a, const void *b)
{
    return str_cmp(((const struct plan_listener *)a)->name, ((const struct plan_listener *)b)->name);
}

static bool compute(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct plan_outbound *out = value;
    struct out_service o;
    if (!out_service_init(&o, c, key, a)) return false;
    if (o.reach.outside) plan_outside(&o, out);
    for (size_t i = 0; !o.reach.outside && i < o.service->ports.n; i++)
        (o.service->headless ? plan_headless_port : plan_port)(&o, &o.service->ports.v[i], out);
    list_sort(&out->listeners, by_listener);
    if (o.retry) {
        out->listeners.n = out->clusters.n = 0; /* they are not its own: see plan.h */
        return true;
    }
    out->tls = plan_tls_of(c);
    out->health_checks = !o.reach.outside && mesh_settings(c)->health_checks;
    return true;
}
const struct cell_kind plan_outbound_cell = {"plan-outbound", &plan_outbound_table, compute};

const struct plan_outbound *plan_outbound(struct cell *c, struct str key)
{
    return sheet_read(c, &plan_outbound_cell, key);
}
