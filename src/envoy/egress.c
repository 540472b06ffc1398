#include "base/cidr.h"
#include "envoy/encode.h"

/* Names of policies are whole: the search domains of the pod's resolv.conf would make cluster names of them. */
static PbExtension *resolver(struct arena *a)
{
    PbCaresResolver *m = NEW(a, CaresResolver);
    m->dns_resolver_options = NEW(a, DnsOptions);
    m->dns_resolver_options->no_default_search_domain = true;
    PbExtension *x = NEW(a, Extension);
    x->name = "envoy.network.dns_resolver.cares";
    x->typed_config = ANY(a, m);
    return x;
}

static PbXdsCidr *range_of(struct arena *a, struct str text)
{
    const PbCidrRange *same = encode_cidr(a, text);
    PbXdsCidr *m = NEW(a, XdsCidr);
    m->address_prefix = same->address_prefix;
    m->prefix_len = same->prefix_len;
    return m;
}

PbDnsCache *encode_dns_cache(struct arena *a, struct strs closed)
{
    PbAddressMatcher *never = NEW(a, AddressMatcher);
    for (each(range, closed)) PB_ADD(a, never, ranges, range_of(a, *range));
    for (each(range, cidr_near)) PB_ADD(a, never, ranges, range_of(a, *range));
    PbDnsCache *m = NEW(a, DnsCache);
    m->name = "egress";
    m->dns_lookup_family = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DNS_LOOKUP_FAMILY__V4_PREFERRED;
    m->typed_dns_resolver_config = resolver(a);
    m->resolved_address_filter = never;
    return m;
}

/* ---- listeners ------------------------------------------------------------------------------------------- */

static PbChainMatch *match_of(struct arena *a, const struct plan_egress_chain *p)
{
    static char *const transports[] = {
        [PLAN_EGRESS_ANY] = "", [PLAN_EGRESS_PLAIN] = "raw_buffer", [PLAN_EGRESS_TLS] = "tls"};
    PbChainMatch *m = NEW(a, ChainMatch);
    for (each(range, p->ranges)) PB_ADD(a, m, prefix_ranges, encode_cidr(a, *range));
    for (each(name, p->server_names)) PB_ADD(a, m, server_names, pb_str(a, *name));
    m->transport_protocol = transports[p->transport];
    return m;
}

static PbFilterChain *chain_of(struct encoder *e, const struct plan_egress *plan, const struct plan_egress_chain *p)
{
    struct http_options o = {.direction = DIR_OUTBOUND,
                             .route_config = p->route_config,
                             .path_rules = p->path_rules,
                             .by_host = p->by_host ? &plan->closed_ranges : NULL};
    PbFilter *f = p->route_config.n ? encode_http(e, &o) : encode_tcp(e, "egress", p->cluster, encode_request_logs(e));
    PbFilterChain *m = encode_filter_chain(e->a, f);
    m->name = pb_str(e->a, p->name);
    m->filter_chain_match = match_of(e->a, p);
    return m;
}

void encode_egress_listener(struct encoder *e, const struct plan_egress *plan, const struct plan_egress_listener *p)
{
    struct arena *a = e->a;
    struct envoy_resource r = {.origin = p->origin};
    struct strs clusters = {0};
    PbListener *m = encode_listener(a, p->name, S("0.0.0.0"), p->port);
    m->bind_to_port = pb_bool(a, false);
    if (p->has_tls) {
        encode_listener_filter(a, m, "envoy.filters.listener.tls_inspector", &NEW(a, TlsInspector)->base);
        m->continue_on_listener_filters_timeout = true;
    }
    encode_closed_ranges(e, m, plan->closed_ranges);
    for (each(chain, p->chains)) {
        PB_ADD(a, m, filter_chains, chain_of(e, plan, chain));
        if (chain->cluster.n) list_push(a, &clusters, chain->cluster);
    }
    m->default_filter_chain = encode_filter_chain(a, encode_tcp(e, "egress", S(CLUSTER_NONE), encode_request_logs(e)));
    list_push(a, &clusters, S(CLUSTER_NONE));
    r.clusters = strs_sort_unique(clusters);
    encode_add_listener(e, m, r);
}

/* ---- routes ---------------------------------------------------------------------------------------------- */

/* What normalisation never leaves in a path: slashes that repeat (but "//" alone), characters that it escapes, escapes
 * that it undoes or refuses, dot segments. */
#define NOT_NORMAL                                                                                                     \
    "[^?]*(//[^?]|[\\\\\"<>^`{|}]|%(2[DdEeFf]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[CcFf]|7[Ee])).*|[^?]+//.*|"         \
    "[^?]*/\\.\\.?([/?].*)?"

/* Routes hold at once, while an application's connection from before the first path rule keeps the connection manager
 * that did not normalise. */
static PbHeaderMatcher *is_normal(struct arena *a)
{
    PbHeaderMatcher *m = encode_header_matcher(a, S(":path"), S(NOT_NORMAL));
    m->invert_match = true;
    return m;
}

static PbRouteMatch *request_of(struct arena *a, const struct plan_egress_route *p)
{
    PbRouteMatch *m = NEW(a, RouteMatch);
    if (p->path_regex.n) {
        PbRegex *re = NEW(a, Regex);
        re->regex = pb_str(a, p->path_regex);
        PB_ONE(m, safe_regex, re);
        PB_ADD(a, m, headers, is_normal(a));
    } else {
        PB_ONE(m, prefix, "/");
    }
    if (p->methods.n) PB_ADD(a, m, headers, encode_header_matcher(a, S(":method"), str_join(a, p->methods, S("|"))));
    for (each(h, p->headers)) PB_ADD(a, m, headers, encode_header_matcher(a, h->name, h->regex));
    return m;
}

static PbRoute *route_of(struct arena *a, const struct plan_egress_route *p)
{
    struct plan_weight to = {.cluster = p->cluster, .weight = 1};
    PbRoute *m = NEW(a, Route);
    m->match = request_of(a, p);
    encode_forward(a, m, &to, 1);
    if (!p->authority.n) return m;
    PbForwardRoute *as = NEW(a, ForwardRoute);
    PB_ONE(as, host_rewrite_literal, pb_str(a, p->authority));
    PbRouteEntry *entry = NEW(a, RouteEntry);
    entry->key = FILTER_FORWARD;
    entry->value = ANY(a, as);
    PB_ADD(a, m, typed_per_filter_config, entry);
    return m;
}

static PbVirtualHost *host_of(struct arena *a, const struct plan_egress_host *p)
{
    PbVirtualHost *m = NEW(a, VirtualHost);
    m->name = pb_str(a, p->domains.v[0]);
    for (each(d, p->domains)) PB_ADD(a, m, domains, pb_str(a, *d));
    for (each(r, p->routes)) PB_ADD(a, m, routes, route_of(a, r));
    PbRoute *rest = NEW(a, Route);
    rest->match = NEW(a, RouteMatch);
    PB_ONE(rest->match, prefix, "/");
    encode_answer(a, rest, 403, "no_policy");
    PB_ADD(a, m, routes, rest);
    return m;
}

void encode_egress_routes(struct encoder *e, const struct plan_egress_routes *p)
{
    struct arena *a = e->a;
    struct envoy_resource r = {.type = ENVOY_ROUTE, .name = p->name, .origin = p->origin};
    struct plan_egress_host nobody = {0};
    struct strs clusters = {0};
    bool has_any = false;
    PbRouteConfig *m = NEW(a, RouteConfig);
    m->name = pb_str(a, p->name);
    for (each(h, p->hosts)) {
        PB_ADD(a, m, virtual_hosts, host_of(a, h));
        for (each(route, h->routes)) list_push(a, &clusters, route->cluster);
        has_any = has_any || str_is(h->domains.v[0], "*");
    }
    list_push(a, &nobody.domains, S("*"));
    if (!has_any) PB_ADD(a, m, virtual_hosts, host_of(a, &nobody));
    r.clusters = strs_sort_unique(clusters);
    encode_resource(e, &m->base, r);
}
