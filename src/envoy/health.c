/* Active health checks, as the archived project's: every 10 s, by the same path and header. */
#include "envoy/encode.h"

#define CHECK_PATH   "/healthz/osm"
#define CHECK_HEADER "x-osm-envoy-healthcheck"
enum { TIMEOUT_S = 1, INTERVAL_S = 10, IDLE_INTERVAL_S = 60, HEALTHY = 1, UNHEALTHY = 3 };

static PbHttpHealthCheck *by_http(struct arena *a, const struct plan_cluster *c)
{
    PbHeaderValueOption *option = NEW(a, HeaderValueOption);
    option->header = NEW(a, HeaderValue);
    option->header->key = CHECK_HEADER;
    option->header->value = "1";
    PbHttpHealthCheck *m = NEW(a, HttpHealthCheck);
    m->host = pb_str(a, c->sni); /* Envoy would say the cluster's name, which is no host */
    m->path = CHECK_PATH;
    PB_ADD(a, m, request_headers_to_add, option);
    return m;
}

/* Both go through mTLS to the pod's sidecar. To a TCP port the handshake is the check. */
PbHealthCheck *encode_health_check(struct arena *a, const struct plan_cluster *c)
{
    PbHealthCheck *m = NEW(a, HealthCheck);
    m->timeout = pb_seconds(a, TIMEOUT_S);
    m->interval = pb_seconds(a, INTERVAL_S);
    /* Who was found dead while nobody called him is not to be thought so for a minute more. */
    m->no_traffic_interval = pb_seconds(a, INTERVAL_S);
    m->no_traffic_healthy_interval = pb_seconds(a, IDLE_INTERVAL_S);
    m->healthy_threshold = pb_u32(a, HEALTHY);
    m->unhealthy_threshold = pb_u32(a, UNHEALTHY);
    if (encode_is_http(c->protocol))
        PB_ONE(m, http_health_check, by_http(a, c));
    else
        PB_ONE(m, tcp_health_check, NEW(a, TcpHealthCheck));
    return m;
}

static PbHeaderMatcher *is(struct arena *a, const char *header, const char *value)
{
    PbStringMatcher *exact = NEW(a, StringMatcher);
    PB_ONE(exact, exact, (char *)value);
    PbHeaderMatcher *m = NEW(a, HeaderMatcher);
    m->name = (char *)header;
    PB_ONE(m, string_match, exact);
    return m;
}

PbHttpFilter *encode_health_filter(struct arena *a)
{
    PbHealthFilter *m = NEW(a, HealthFilter);
    m->pass_through_mode = pb_bool(a, false);
    PB_ADD(a, m, headers, is(a, ":path", CHECK_PATH));
    PB_ADD(a, m, headers, is(a, CHECK_HEADER, "1"));
    return encode_http_filter(a, FILTER_HEALTH, &m->base);
}
