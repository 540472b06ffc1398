#include "envoy/encode.h"

static PbWeightedCluster *weighted(struct arena *a, const struct plan_weight *v, size_t n)
{
    PbWeightedCluster *m = NEW(a, WeightedCluster);
    for (const struct plan_weight *w = v; w < v + n; w++) {
        PbClusterWeight *cw = NEW(a, ClusterWeight);
        cw->name = pb_str(a, w->cluster);
        cw->weight = pb_u32(a, (uint32_t)w->weight);
        PB_ADD(a, m, clusters, cw);
    }
    return m;
}

void encode_answer(struct arena *a, PbRoute *r, uint32_t status, const char *why)
{
    PbDataSource *body = NEW(a, DataSource);
    PB_ONE(body, inline_string, (char *)why);
    PbDirectResponse *m = NEW(a, DirectResponse);
    m->status = status;
    m->body = body;
    PB_ONE(r, direct_response, m);
}

void encode_forward(struct arena *a, PbRoute *r, const struct plan_weight *v, size_t n)
{
    PbRouteAction *to = NEW(a, RouteAction);
    if (n == 1)
        PB_ONE(to, cluster, pb_str(a, v->cluster));
    else
        PB_ONE(to, weighted_clusters, weighted(a, v, n));
    to->timeout = pb_seconds(a, 0); /* how long an answer may take is the application's affair */
    PB_ONE(r, route, to);
}

static PbRetryPolicy *retry(struct arena *a, const struct plan_retry *p)
{
    PbRetryPolicy *m = NEW(a, RetryPolicy);
    m->retry_on = pb_str(a, p->on);
    m->num_retries = pb_u32(a, (uint32_t)p->n);
    if (p->per_try_ns) m->per_try_timeout = pb_duration(a, p->per_try_ns);
    m->retry_back_off = NEW(a, RetryBackOff);
    m->retry_back_off->base_interval = pb_duration(a, p->backoff_ns);
    return m;
}

static void wait_and_repeat(struct arena *a, PbRouteAction *to, const struct plan_route_config *p)
{
    if (p->timeouts.request_ns) to->timeout = pb_duration(a, p->timeouts.request_ns);
    if (p->timeouts.idle_ns) to->idle_timeout = pb_duration(a, p->timeouts.idle_ns);
    if (p->retry) to->retry_policy = retry(a, p->retry);
}

static PbRoute *any_path(struct arena *a)
{
    PbRoute *r = NEW(a, Route);
    r->match = NEW(a, RouteMatch);
    PB_ONE(r->match, prefix, "/");
    return r;
}

/* One virtual host for every name: the address has decided where the call goes. */
static PbVirtualHost *only_host(struct arena *a)
{
    PbVirtualHost *m = NEW(a, VirtualHost);
    m->name = "all";
    PB_ADD(a, m, domains, "*");
    return m;
}

static PbRouteConfig *route_config(struct arena *a, struct str name, PbVirtualHost *host)
{
    PbRouteConfig *m = NEW(a, RouteConfig);
    m->name = pb_str(a, name);
    PB_ADD(a, m, virtual_hosts, host);
    return m;
}

/* |part| of |total|, in millionths; rounded up, since it is a share to be refused. */
static PbRuntimeFraction *share(struct arena *a, int64_t part, int64_t total)
{
    PbRuntimeFraction *m = NEW(a, RuntimeFraction);
    m->default_value = NEW(a, Fraction);
    m->default_value->denominator = ENVOY__TYPE__V3__FRACTIONAL_PERCENT__DENOMINATOR_TYPE__MILLION;
    m->default_value->numerator = (uint32_t)((part * 1000000 + total - 1) / total);
    return m;
}

static int64_t sum(const struct plan_route_config *p)
{
    int64_t n = p->denied;
    for (each(w, p->clusters)) n += w->weight;
    return n;
}

/* First the share that the caller may not reach, then the rest by weight. */
static void outbound_routes(struct arena *a, PbVirtualHost *host, const struct plan_route_config *p)
{
    if (p->denied) {
        PbRoute *refused = any_path(a);
        if (p->clusters.n) refused->match->runtime_fraction = share(a, p->denied, sum(p));
        encode_answer(a, refused, 403, "no_policy");
        PB_ADD(a, host, routes, refused);
        if (!p->clusters.n) return;
    }
    PbRoute *rest = any_path(a);
    if (p->clusters.n) {
        encode_forward(a, rest, p->clusters.v, p->clusters.n);
        wait_and_repeat(a, rest->route, p);
    } else {
        encode_answer(a, rest, 503, "no_backend");
    }
    PB_ADD(a, host, routes, rest);
}

void encode_outbound_route(struct encoder *e, const struct plan_route_config *p)
{
    PbVirtualHost *host = only_host(e->a);
    outbound_routes(e->a, host, p);
    PbRouteConfig *m = route_config(e->a, p->name, host);
    struct envoy_resource r = {.type = ENVOY_ROUTE, .name = p->name, .origin = p->origin};
    for (each(w, p->clusters)) list_push(e->a, &r.clusters, w->cluster);
    encode_resource(e, &m->base, r);
}

/* Access stands here and not in the listener: a change of policy is a new route configuration, which acts on the
 * next request and cuts no connection. */
static void add_access(struct arena *a, PbRouteConfig *m, PbRbac *access)
{
    PbHttpRbac *rbac = NEW(a, HttpRbac);
    rbac->rules = access;
    PbRbacPerRoute *override = NEW(a, RbacPerRoute);
    override->rbac = rbac;
    PbRouteConfigEntry *entry = NEW(a, RouteConfigEntry);
    entry->key = FILTER_HTTP_RBAC;
    entry->value = ANY(a, override);
    PB_ADD(a, m, typed_per_filter_config, entry);
}

static PbRoute *local_route(struct arena *a, struct str cluster)
{
    struct plan_weight local = {.cluster = cluster, .weight = 1};
    PbRoute *r = any_path(a);
    encode_forward(a, r, &local, 1);
    return r;
}

void encode_local_route(struct encoder *e, const struct local_route *l)
{
    PbVirtualHost *host = only_host(e->a);
    for (size_t i = 0; i < l->limits->paths.n; i++) {
        PbRoute *r = local_route(e->a, l->cluster);
        encode_path_limit(e->a, r, &l->limits->paths.v[i]);
        PB_ADD(e->a, host, routes, r);
    }
    PB_ADD(e->a, host, routes, local_route(e->a, l->cluster));
    encode_host_limits(e->a, host, l->limits);
    PbRouteConfig *m = route_config(e->a, l->name, host);
    add_access(e->a, m, l->access);
    struct envoy_resource r = {.type = ENVOY_ROUTE, .name = l->name, .origin = l->origin};
    list_push(e->a, &r.clusters, l->cluster);
    encode_resource(e, &m->base, r);
}

void encode_inbound_route(struct encoder *e, const struct plan_chain *chain)
{
    encode_local_route(e, &(struct local_route){.name = chain->route_config,
                                                .cluster = chain->local_cluster,
                                                .access = encode_http_rbac(e->a, chain),
                                                .limits = &chain->limits,
                                                .origin = chain->origin});
}
