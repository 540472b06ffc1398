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

static PbDirectResponse *no_backend(struct arena *a)
{
    PbDataSource *body = NEW(a, DataSource);
    PB_ONE(body, inline_string, "no_backend");
    PbDirectResponse *m = NEW(a, DirectResponse);
    m->status = 503;
    m->body = body;
    return m;
}

static void to_clusters(struct arena *a, PbRoute *r, const struct plan_weight *v, size_t n)
{
    if (!n) {
        PB_ONE(r, direct_response, no_backend(a));
        return;
    }
    PbRouteAction *to = NEW(a, RouteAction);
    if (n == 1)
        PB_ONE(to, cluster, pb_str(a, v->cluster));
    else
        PB_ONE(to, weighted_clusters, weighted(a, v, n));
    to->timeout = pb_seconds(a, 0); /* how long an answer may take is the application's affair */
    PB_ONE(r, route, to);
}

/* One virtual host for every name, all paths: the address has decided where the call goes. */
static PbRouteConfig *everything(struct arena *a, struct str name, const struct plan_weight *v, size_t n)
{
    PbRouteMatch *match = NEW(a, RouteMatch);
    PB_ONE(match, prefix, "/");
    PbRoute *route = NEW(a, Route);
    route->match = match;
    to_clusters(a, route, v, n);
    PbVirtualHost *host = NEW(a, VirtualHost);
    host->name = "all";
    PB_ADD(a, host, domains, "*");
    PB_ADD(a, host, routes, route);
    PbRouteConfig *m = NEW(a, RouteConfig);
    m->name = pb_str(a, name);
    PB_ADD(a, m, virtual_hosts, host);
    return m;
}

void encode_outbound_route(struct encoder *e, const struct plan_route_config *p)
{
    PbRouteConfig *m = everything(e->a, p->name, p->clusters.v, p->clusters.n);
    struct envoy_resource r = {.type = ENVOY_ROUTE, .name = p->name, .origin = p->origin};
    for (each(w, p->clusters)) list_push(e->a, &r.clusters, w->cluster);
    encode_resource(e, &m->base, r);
}

/* Access stands here and not in the listener: a change of policy is a new route configuration, which acts on the
 * next request and cuts no connection. */
static void add_access(struct arena *a, PbRouteConfig *m, const struct plan_chain *chain)
{
    PbHttpRbac *rbac = NEW(a, HttpRbac);
    rbac->rules = encode_http_rbac(a, chain);
    PbRbacPerRoute *override = NEW(a, RbacPerRoute);
    override->rbac = rbac;
    PbRouteConfigEntry *entry = NEW(a, RouteConfigEntry);
    entry->key = FILTER_HTTP_RBAC;
    entry->value = ANY(a, override);
    PB_ADD(a, m, typed_per_filter_config, entry);
}

void encode_inbound_route(struct encoder *e, const struct plan_chain *chain)
{
    struct plan_weight local = {.cluster = chain->local_cluster, .weight = 1};
    PbRouteConfig *m = everything(e->a, chain->route_config, &local, 1);
    add_access(e->a, m, chain);
    struct envoy_resource r = {.type = ENVOY_ROUTE, .name = chain->route_config, .origin = chain->origin};
    list_push(e->a, &r.clusters, chain->local_cluster);
    encode_resource(e, &m->base, r);
}
