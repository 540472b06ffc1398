#include "envoy/encode.h"

#define HCM(x) ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__##x

static PbHttpFilter *http_filter(struct arena *a, const char *name, const ProtobufCMessage *config)
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
    return http_filter(a, FILTER_HTTP_RBAC, &m->base);
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

PbFilter *encode_http(struct encoder *e, const struct http_options *o)
{
    struct arena *a = e->a;
    PbHcm *m = NEW(a, Hcm);
    m->stat_prefix = o->direction == DIR_OUTBOUND ? "outbound" : "inbound";
    route_by_rds(a, m, o->route_config);
    m->server_header_transformation = HCM(SERVER_HEADER_TRANSFORMATION__PASS_THROUGH);
    /* A stream may be silent for as long as the application likes. */
    m->stream_idle_timeout = pb_seconds(a, 0);
    /* Nobody's address makes a request "internal": x-envoy-* and x-forwarded-for pass as the application set them. */
    m->internal_address_config = NEW(a, InternalAddresses);
    PbUpgrade *websocket = NEW(a, Upgrade);
    websocket->upgrade_type = "websocket";
    PB_ADD(a, m, upgrade_configs, websocket);
    if (o->direction == DIR_INBOUND) {
        normalise(a, m, o->path_rules);
        PB_ADD(a, m, http_filters, deny_all(a));
    }
    PB_ADD(a, m, http_filters, http_filter(a, FILTER_ROUTER, &NEW(a, Router)->base));
    PB_ADD(a, m, access_log, encode_request_log(e));
    PB_ADD(a, m, access_log, encode_request_stats(e, o->direction, o->service));
    return encode_filter(a, FILTER_HCM, &m->base);
}
