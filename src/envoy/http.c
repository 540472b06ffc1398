#include "envoy/encode.h"

#define HCM(x) ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__##x

PbHttpFilter *encode_http_filter(struct arena *a, const char *name, const ProtobufCMessage *config)
{
    PbHttpFilter *m = NEW(a, HttpFilter);
    m->name = (char *)name;
    PB_ONE(m, typed_config, pb_any(a, config));
    return m;
}

/* No policies: nobody. An empty filter would admit everyone where a route configuration forgot its own. */
static PbHttpFilter *deny_all(struct arena *a)
{
    PbHttpRbac *m = NEW(a, HttpRbac);
    m->rules = NEW(a, Rbac);
    return encode_http_filter(a, FILTER_HTTP_RBAC, &m->base);
}

/* Policy judges the path that the application will see. Both sides of %2F are common in applications' own names, so
 * it is refused only where a policy looks at paths. */
static void normalise(struct arena *a, PbHcm *m, bool path_rules)
{
    m->normalize_path = pb_bool(a, true);
    m->merge_slashes = true;
    m->path_with_escaped_slashes_action = path_rules ? HCM(PATH_WITH_ESCAPED_SLASHES_ACTION__REJECT_REQUEST)
                                                     : HCM(PATH_WITH_ESCAPED_SLASHES_ACTION__KEEP_UNCHANGED);
}

static void route_by_rds(struct arena *a, PbHcm *m, struct str name)
{
    PbRds *rds = NEW(a, Rds);
    rds->config_source = encode_ads(a);
    rds->route_config_name = pb_str(a, name);
    PB_ONE(m, rds, rds);
}

static bool sees_checks(const struct encoder *e, const struct http_options *o)
{
    return o->from_mesh && e->hop->health_checks;
}

/* Checks are answered before access is judged: they ask after the sidecar, and see nothing of the application. */
static void inbound_filters(struct encoder *e, const struct http_options *o, PbHcm *m)
{
    if (sees_checks(e, o)) PB_ADD(e->a, m, http_filters, encode_health_filter(e->a));
    PB_ADD(e->a, m, http_filters, deny_all(e->a));
    encode_request_filters(e, m, o->limits);
    if (e->hop->authz.server.cluster.n) PB_ADD(e->a, m, http_filters, encode_authz(e, o->may_stream));
}

/* A shallow copy that passes over health checks. */
static PbAccessLog *without_checks(struct arena *a, const PbAccessLog *log)
{
    PbAccessLog *m = NEW(a, AccessLog);
    *m = *log;
    m->filter = NEW(a, LogFilter);
    PB_ONE(m->filter, not_health_check_filter, NEW(a, NotHealthCheckFilter));
    return m;
}

static void add_log(struct encoder *e, const struct http_options *o, PbHcm *m, PbAccessLog *log)
{
    PB_ADD(e->a, m, access_log, sees_checks(e, o) ? without_checks(e->a, log) : log);
}

static void add_logs(struct encoder *e, const struct http_options *o, PbHcm *m)
{
    struct encoded_logs logs = encode_request_logs(e);
    for (each(log, logs)) add_log(e, o, m, *log);
    if (!e->hop->no_stats) add_log(e, o, m, encode_request_stats(e, o->direction, o->service));
}

/* Resolves the host while the request waits; routes to other kinds of clusters pass through it. */
static PbHttpFilter *resolve_host(struct arena *a, struct strs closed)
{
    PbForwardFilter *m = NEW(a, ForwardFilter);
    PB_ONE(m, dns_cache_config, encode_dns_cache(a, closed));
    return encode_http_filter(a, FILTER_FORWARD, &m->base);
}

PbFilter *encode_http(struct encoder *e, const struct http_options *o)
{
    struct arena *a = e->a;
    PbHcm *m = NEW(a, Hcm);
    m->stat_prefix = o->direction == DIR_OUTBOUND ? "outbound" : "inbound";
    route_by_rds(a, m, o->route_config);
    m->server_header_transformation = HCM(SERVER_HEADER_TRANSFORMATION__PASS_THROUGH);
    /* A stream may be silent for as long as the application likes. */
    m->stream_idle_timeout = pb_seconds(a, 0);
    /* There is no internal_address_config, not even an empty one, which would mean the private ranges: a caller who
     * puts such an address into x-forwarded-for would have his x-envoy-* headers obeyed, and one call repeated without
     * end. */
    PbUpgrade *websocket = NEW(a, Upgrade);
    websocket->upgrade_type = "websocket";
    PB_ADD(a, m, upgrade_configs, websocket);
    if (o->direction == DIR_INBOUND || o->path_rules) normalise(a, m, o->path_rules);
    if (o->direction == DIR_INBOUND) inbound_filters(e, o, m);
    if (o->by_host) PB_ADD(a, m, http_filters, resolve_host(a, *o->by_host));
    m->tracing = encode_tracing(e);
    PB_ADD(a, m, http_filters, encode_http_filter(a, FILTER_ROUTER, &NEW(a, Router)->base));
    add_logs(e, o, m);
    return encode_filter(a, FILTER_HCM, &m->base);
}
