#include "kinds/upstream_traffic_setting.h"

#define U32          .min = 0, .max = UINT32_MAX
#define POSITIVE     .min = 1, .max = UINT32_MAX
#define STATUS       .min = 400, .max = 599, .def = "429"
#define GIVEN        FIELD_REQUIRED | FIELD_NOT_EMPTY
#define MS           1000000
#define HOUR         3600000000000
#define DAY          (24 * HOUR)
#define YEAR         (366 * DAY)
#define HEADER_NAME  "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
#define MATCHED_NAME ":?" HEADER_NAME
#define HEADER_VALUE "[^\\x00-\\x08\\x0a-\\x1f\\x7f]*"
static const char *const units[] = {"second", "minute", "hour", NULL};

/* Envoy answers with no other. */
static bool is_status(int64_t n)
{
    static const int64_t others[] = {421, 422, 423, 424, 426, 428, 429, 431, 510, 511};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i] == n) return true;
    return (n >= 400 && n <= 417) || (n >= 500 && n <= 508);
}

static void check_status(int64_t status, struct arena *a, struct problems *out)
{
    if (!is_status(status))
        problem_add(a, out, true, NULL, S("responseStatusCode"),
                    "%lld is no status of HTTP: use one such as 429 or 503", (long long)status);
}

/* The pseudo headers and the host say where a message goes. */
static void check_header(const void *v, struct arena *a, struct problems *out)
{
    const struct named_value *h = v;
    if (str_eq_nocase(h->name, S("host")))
        problem_add(a, out, true, NULL, S("name"), "the header host cannot be set in an answer: use another name");
}

static const struct field named_fields[] = {
    FIELD(struct named_value, name, "name", F_STR, .flags = GIVEN, .pattern = HEADER_NAME,
          .doc = "Name of the header."),
    FIELD(struct named_value, value, "value", F_STR, .flags = FIELD_REQUIRED, .pattern = HEADER_VALUE,
          .doc = "Its value."),
};
static const struct table named_table =
    TABLE("HTTPHeaderValue", struct named_value, named_fields, .check = check_header, .doc = "A header.");

static const struct field local_tcp_fields[] = {
    FIELD(struct local_tcp_limit, connections, "connections", F_INT, POSITIVE, .flags = FIELD_REQUIRED,
          .doc = "Connections per unit."),
    FIELD(struct local_tcp_limit, unit, "unit", F_ENUM, .names = units, .flags = FIELD_REQUIRED,
          .doc = "second, minute or hour."),
    FIELD(struct local_tcp_limit, burst, "burst", F_INT, U32, .doc = "How many more at once, after a pause."),
};
static const struct table local_tcp_table = TABLE("LocalTCPRateLimit", struct local_tcp_limit, local_tcp_fields,
                                                  .doc = "A limit of connections, kept by each proxy.");
static const struct field local_http_fields[] = {
    FIELD(struct local_http_limit, requests, "requests", F_INT, POSITIVE, .flags = FIELD_REQUIRED,
          .doc = "Requests per unit."),
    FIELD(struct local_http_limit, unit, "unit", F_ENUM, .names = units, .flags = FIELD_REQUIRED,
          .doc = "second, minute or hour."),
    FIELD(struct local_http_limit, burst, "burst", F_INT, U32, .doc = "How many more at once, after a pause."),
    FIELD(struct local_http_limit, status, "responseStatusCode", F_INT, STATUS, .doc = "The answer beyond the limit."),
    FIELD(struct local_http_limit, headers, "responseHeadersToAdd", F_LIST, .sub = &named_table,
          .doc = "Headers of that answer."),
};
static void check_local_http(const void *v, struct arena *a, struct problems *out)
{
    check_status(((const struct local_http_limit *)v)->status, a, out);
}
static const struct table local_http_table =
    TABLE("LocalHTTPRateLimit", struct local_http_limit, local_http_fields, .check = check_local_http,
          .doc = "A limit of requests, kept by each proxy.");
static const struct field local_fields[] = {
    FIELD(struct local_limit, tcp, "tcp", F_OBJ, .sub = &local_tcp_table, .doc = "Of connections."),
    FIELD(struct local_limit, http, "http", F_OBJ, .sub = &local_http_table, .doc = "Of requests."),
};
static const struct table local_table =
    TABLE("LocalRateLimit", struct local_limit, local_fields, .doc = "Limits kept by each proxy.");

static const struct field service_fields[] = {
    FIELD(struct limit_service, host, "host", F_STR, .flags = GIVEN, .doc = "Host of the service."),
    FIELD(struct limit_service, port, "port", F_INT, .flags = FIELD_REQUIRED, .min = 1, .max = 65535,
          .doc = "Its port."),
};
static const struct table service_table =
    TABLE("RateLimitService", struct limit_service, service_fields, .doc = "The service that counts.");
static const struct field tcp_entry_fields[] = {
    FIELD(struct tcp_entry, key, "key", F_STR, .flags = GIVEN, .doc = "Key of the entry."),
    FIELD(struct tcp_entry, value, "value", F_STR, .flags = GIVEN, .doc = "Value of the entry."),
};
static const struct table tcp_entry_table =
    TABLE("TCPRateLimitDescriptorEntry", struct tcp_entry, tcp_entry_fields, .doc = "A key and its value.");
static const struct field tcp_descriptor_fields[] = {
    FIELD(struct tcp_descriptor, entries, "entries", F_LIST, .sub = &tcp_entry_table, .flags = GIVEN,
          .doc = "The entries."),
};
static const struct table tcp_descriptor_table =
    TABLE("TCPRateLimitDescriptor", struct tcp_descriptor, tcp_descriptor_fields, .doc = "What is counted together.");
static const struct field global_tcp_fields[] = {
    FIELD(struct global_tcp_limit, service, "rateLimitService", F_INLINE, .sub = &service_table,
          .flags = FIELD_REQUIRED, .doc = "The service that counts."),
    FIELD(struct global_tcp_limit, domain, "domain", F_STR, .flags = GIVEN, .doc = "Domain at that service."),
    FIELD(struct global_tcp_limit, descriptors, "descriptors", F_LIST, .sub = &tcp_descriptor_table, .flags = GIVEN,
          .doc = "What is counted."),
    FIELD(struct global_tcp_limit, timeout_ns, "timeout", F_DURATION, .min = MS, .max = HOUR, .def = "20ms",
          .doc = "How long to wait for its answer."),
    FIELD(struct global_tcp_limit, fail_open, "failOpen", F_BOOL, .def = "true",
          .doc = "Whether calls pass when it does not answer."),
};
static const struct table global_tcp_table = TABLE("GlobalTCPRateLimit", struct global_tcp_limit, global_tcp_fields,
                                                   .doc = "A limit of connections for all proxies together.");

static const struct field generic_fields[] = {
    FIELD(struct generic_key, value, "value", F_STR, .flags = GIVEN, .doc = "The value."),
    FIELD(struct generic_key, key, "key", F_STR, .doc = "The key; generic_key when absent."),
};
static const struct table generic_table =
    TABLE("GenericKey", struct generic_key, generic_fields, .doc = "A fixed entry.");
static const struct table remote_table = {
    .name = "RemoteAddress", .size = sizeof(struct remote_address), .doc = "The caller's address."};
static const struct field request_header_fields[] = {
    FIELD(struct request_header, name, "name", F_STR, .flags = GIVEN, .pattern = HEADER_NAME,
          .doc = "Name of the header."),
    FIELD(struct request_header, key, "key", F_STR, .flags = GIVEN, .doc = "Key of the entry."),
};
static const struct table request_header_table =
    TABLE("RequestHeader", struct request_header, request_header_fields, .doc = "A header's value.");
static const struct field matcher_fields[] = {
    FIELD(struct header_matcher, name, "name", F_STR, .flags = GIVEN, .pattern = MATCHED_NAME,
          .doc = "Name of the header."),
    FIELD(struct header_matcher, exact, "exact", F_STR, .doc = "Its whole value."),
    FIELD(struct header_matcher, prefix, "prefix", F_STR, .doc = "Its value's beginning."),
    FIELD(struct header_matcher, suffix, "suffix", F_STR, .doc = "Its value's end."),
    FIELD(struct header_matcher, regex, "regex", F_STR, .flags = FIELD_REGEX,
          .doc = "RE2 expression for its whole value."),
    FIELD(struct header_matcher, contains, "contains", F_STR, .doc = "A part of its value."),
    FIELD(struct header_matcher, present, "present", F_TRI, .doc = "Whether it is there at all."),
};
static void check_matcher(const void *v, struct arena *a, struct problems *out)
{
    const struct header_matcher *m = v;
    int n = !!m->exact.n + !!m->prefix.n + !!m->suffix.n + !!m->regex.n + !!m->contains.n + !!m->present;
    if (n != 1)
        problem_add(a, out, true, NULL, S(""),
                    "must have exactly one of exact, prefix, suffix, regex, contains and present");
}
static const struct table matcher_table = TABLE("HTTPHeaderMatcher", struct header_matcher, matcher_fields,
                                                .check = check_matcher, .doc = "A condition on a header.");
static const struct field value_match_fields[] = {
    FIELD(struct header_value_match, value, "value", F_STR, .flags = GIVEN, .doc = "Value of the entry."),
    FIELD(struct header_value_match, key, "key", F_STR, .doc = "Key of the entry; header_match when absent."),
    FIELD(struct header_value_match, expect_match, "expectMatch", F_BOOL, .def = "true",
          .doc = "Whether the headers must fit, or must not."),
    FIELD(struct header_value_match, headers, "headers", F_LIST, .sub = &matcher_table, .flags = GIVEN,
          .doc = "Conditions on headers."),
};
static const struct table value_match_table = TABLE("HeaderValueMatch", struct header_value_match, value_match_fields,
                                                    .doc = "An entry for requests whose headers fit.");
static const struct field http_entry_fields[] = {
    FIELD(struct http_entry, generic_key, "genericKey", F_OBJ, .sub = &generic_table, .doc = "A fixed entry."),
    FIELD(struct http_entry, remote_address, "remoteAddress", F_OBJ, .sub = &remote_table,
          .doc = "The caller's address."),
    FIELD(struct http_entry, request_header, "requestHeader", F_OBJ, .sub = &request_header_table,
          .doc = "A header's value."),
    FIELD(struct http_entry, header_value_match, "headerValueMatch", F_OBJ, .sub = &value_match_table,
          .doc = "An entry for requests whose headers fit."),
};
static void check_entry(const void *v, struct arena *a, struct problems *out)
{
    const struct http_entry *e = v;
    if (!!e->generic_key + !!e->remote_address + !!e->request_header + !!e->header_value_match != 1)
        problem_add(a, out, true, NULL, S(""),
                    "must have exactly one of genericKey, remoteAddress, requestHeader and headerValueMatch");
}
static const struct table http_entry_table =
    TABLE("HTTPRateLimitDescriptorEntry", struct http_entry, http_entry_fields, .check = check_entry,
          .doc = "One thing that is looked at; exactly one.");
static const struct field http_descriptor_fields[] = {
    FIELD(struct http_descriptor, entries, "entries", F_LIST, .sub = &http_entry_table, .flags = GIVEN,
          .doc = "The entries."),
};
static const struct table http_descriptor_table = TABLE("HTTPRateLimitDescriptor", struct http_descriptor,
                                                        http_descriptor_fields, .doc = "What is counted together.");
static const struct field global_http_fields[] = {
    FIELD(struct global_http_limit, service, "rateLimitService", F_INLINE, .sub = &service_table,
          .flags = FIELD_REQUIRED, .doc = "The service that counts."),
    FIELD(struct global_http_limit, domain, "domain", F_STR, .flags = GIVEN, .doc = "Domain at that service."),
    FIELD(struct global_http_limit, descriptors, "descriptors", F_LIST, .sub = &http_descriptor_table,
          .doc = "What is counted."),
    FIELD(struct global_http_limit, timeout_ns, "timeout", F_DURATION, .min = MS, .max = HOUR, .def = "20ms",
          .doc = "How long to wait for its answer."),
    FIELD(struct global_http_limit, fail_open, "failOpen", F_BOOL, .def = "true",
          .doc = "Whether calls pass when it does not answer."),
    FIELD(struct global_http_limit, x_ratelimit_headers, "enableXRateLimitHeaders", F_BOOL,
          .doc = "Whether answers carry X-RateLimit headers."),
    FIELD(struct global_http_limit, status, "responseStatusCode", F_INT, STATUS, .doc = "The answer beyond the limit."),
};
static void check_global_http(const void *v, struct arena *a, struct problems *out)
{
    check_status(((const struct global_http_limit *)v)->status, a, out);
}
static const struct table global_http_table =
    TABLE("GlobalHTTPRateLimit", struct global_http_limit, global_http_fields, .check = check_global_http,
          .doc = "A limit of requests for all proxies together.");
static const struct field global_fields[] = {
    FIELD(struct global_limit, tcp, "tcp", F_OBJ, .sub = &global_tcp_table, .doc = "Of connections."),
    FIELD(struct global_limit, http, "http", F_OBJ, .sub = &global_http_table, .doc = "Of requests."),
};
static const struct table global_table =
    TABLE("GlobalRateLimit", struct global_limit, global_fields, .doc = "Limits for all proxies together.");
static const struct field limit_fields[] = {
    FIELD(struct rate_limit, local, "local", F_OBJ, .sub = &local_table, .doc = "Limits kept by each proxy."),
    FIELD(struct rate_limit, global, "global", F_OBJ, .sub = &global_table, .doc = "Limits for all proxies together."),
};
static const struct table limit_table =
    TABLE("RateLimit", struct rate_limit, limit_fields, .doc = "How many calls are accepted.");

#define ROUTE_GLOBAL __typeof__(((struct route_limit *)0)->global)
static const struct field route_global_fields[] = {
    FIELD(ROUTE_GLOBAL, descriptors, "descriptors", F_LIST, .sub = &http_descriptor_table, .doc = "What is counted."),
};
static const struct table route_global_table =
    TABLE("GlobalRouteRateLimit", ROUTE_GLOBAL, route_global_fields, .doc = "For all proxies together.");
static const struct field route_limit_fields[] = {
    FIELD(struct route_limit, local, "local", F_OBJ, .sub = &local_http_table, .doc = "Kept by each proxy."),
    FIELD(struct route_limit, global, "global", F_INLINE, .sub = &route_global_table,
          .doc = "For all proxies together."),
};
static const struct table route_limit_table = TABLE("RouteRateLimit", struct route_limit, route_limit_fields,
                                                    .doc = "How many requests are accepted on a route.");
static const struct field route_fields[] = {
    FIELD(struct http_route_setting, path, "path", F_STR, .flags = GIVEN | FIELD_REGEX,
          .doc = "RE2 expression for the whole path, as in a route's pathRegex."),
    FIELD(struct http_route_setting, limit, "rateLimit", F_OBJ, .sub = &route_limit_table,
          .doc = "How many requests are accepted."),
};
static const struct table route_table =
    TABLE("HTTPRouteSetting", struct http_route_setting, route_fields, .doc = "Settings of one route.");

#define TCP  __typeof__(((struct connection_settings *)0)->tcp)
#define HTTP __typeof__(((struct connection_settings *)0)->http)
static const struct field tcp_fields[] = {
    FIELD(TCP, max_connections, "maxConnections", F_OPT_INT, U32, .doc = "The most connections."),
    FIELD(TCP, connect_timeout_ns, "connectTimeout", F_DURATION, .min = MS, .max = HOUR, .def = "5s",
          .doc = "How long to wait for a connection, 1ms to 1h."),
};
static const struct table tcp_table = TABLE("TCPConnectionSettings", TCP, tcp_fields, .doc = "Connections.");
static const struct field http_fields[] = {
    FIELD(HTTP, max_requests, "maxRequests", F_OPT_INT, U32, .doc = "The most requests at once."),
    FIELD(HTTP, max_requests_per_connection, "maxRequestsPerConnection", F_OPT_INT, U32,
          .doc = "The most requests on one connection."),
    FIELD(HTTP, max_pending, "maxPendingRequests", F_OPT_INT, U32,
          .doc = "The most requests that wait for a connection."),
    FIELD(HTTP, max_retries, "maxRetries", F_OPT_INT, U32, .doc = "The most repetitions at once."),
};
static const struct table http_table = TABLE("HTTPConnectionSettings", HTTP, http_fields, .doc = "Requests.");
static const struct field connection_fields[] = {
    FIELD(struct connection_settings, tcp, "tcp", F_INLINE, .sub = &tcp_table, .doc = "Connections."),
    FIELD(struct connection_settings, http, "http", F_INLINE, .sub = &http_table, .doc = "Requests."),
};
static const struct table connection_table = TABLE("ConnectionSettings", struct connection_settings, connection_fields,
                                                   .doc = "Limits at which calls are refused.");

static const struct field timeout_fields[] = {
    FIELD(struct upstream_timeouts, request_ns, "request", F_DURATION, .max = DAY,
          .doc = "How long a whole answer may take, repetitions included; 0s: for ever. HTTP."),
    FIELD(struct upstream_timeouts, idle_ns, "idle", F_DURATION, .max = DAY,
          .doc = "How long a request or a TCP connection may be silent; 0s: for ever."),
};
static const struct table timeout_table =
    TABLE("UpstreamTimeouts", struct upstream_timeouts, timeout_fields, .doc = "How long calls may take.");

#define PERCENT .min = 0, .max = 100
static const struct field ejection_fields[] = {
    FIELD(struct outlier_ejection, errors, "consecutiveErrors", F_INT, POSITIVE, .def = "5",
          .doc = "After so many 5xx answers or failed connections in a row a pod is left out."),
    FIELD(struct outlier_ejection, interval_ns, "interval", F_DURATION, .min = MS, .max = HOUR, .def = "10s",
          .doc = "How often it is looked whether pods may come back."),
    FIELD(struct outlier_ejection, time_ns, "ejectionTime", F_DURATION, .min = MS, .max = HOUR, .def = "30s",
          .doc = "How long it is left out the first time; each further time as much longer."),
    FIELD(struct outlier_ejection, max_percent, "maxEjectedPercent", F_INT, PERCENT, .def = "50",
          .doc = "The most pods, in percent, that are left out at once."),
    FIELD(struct outlier_ejection, min_healthy_percent, "minHealthyPercent", F_INT, PERCENT, .def = "50",
          .doc = "When fewer pods, in percent, are left, all are called again; 0: never."),
};
static const struct table ejection_table = TABLE("OutlierEjection", struct outlier_ejection, ejection_fields,
                                                 .doc = "Leaves out pods that fail, for a while.");

static const struct field cookie_fields[] = {
    FIELD(struct hash_cookie, name, "name", F_STR, .flags = GIVEN, .pattern = HEADER_NAME,
          .doc = "Name of the cookie."),
    FIELD(struct hash_cookie, ttl_ns, "ttl", F_DURATION, .max = YEAR,
          .doc = "If given, callers without the cookie get one that is good for so long."),
    FIELD(struct hash_cookie, path, "path", F_STR, .pattern = "(/[^;\\x00-\\x20\\x7f]*)?",
          .doc = "Path of a cookie that is given."),
};
static const struct table cookie_table = TABLE("HashCookie", struct hash_cookie, cookie_fields, .doc = "A cookie.");
static const struct field hash_fields[] = {
    FIELD(struct consistent_hash, header, "header", F_STR, .pattern = MATCHED_NAME, .doc = "A header's value. HTTP."),
    FIELD(struct consistent_hash, cookie, "cookie", F_OBJ, .sub = &cookie_table, .doc = "A cookie's value. HTTP."),
    FIELD(struct consistent_hash, source_address, "sourceAddress", F_BOOL, .doc = "The calling pod's address."),
};
static void check_hash(const void *v, struct arena *a, struct problems *out)
{
    const struct consistent_hash *h = v;
    if (!!h->header.n + !!h->cookie + h->source_address != 1)
        problem_add(a, out, true, NULL, S(""), "must have exactly one of header, cookie and sourceAddress");
}
static const struct table hash_table =
    TABLE("ConsistentHash", struct consistent_hash, hash_fields, .check = check_hash,
          .doc = "What decides which pod answers; exactly one. Calls with the same value go to the same pod.");
static const struct field balance_fields[] = {
    FIELD(struct load_balancing, hash, "consistentHash", F_OBJ, .sub = &hash_table,
          .doc = "Sends calls with the same value to the same pod."),
    FIELD(struct load_balancing, prefer_zone, "preferSameZone", F_BOOL,
          .doc = "Prefers pods of the caller's zone (label topology.kubernetes.io/zone of the pods)."),
};
static const struct table balance_table =
    TABLE("LoadBalancing", struct load_balancing, balance_fields, .doc = "Which pod answers a call.");

static const struct field spec_fields[] = {
    FIELD(struct upstream_traffic_setting_spec, host, "host", F_STR, .flags = GIVEN,
          .doc = "The host, for a Service <name>.<namespace>.svc.cluster.local."),
    FIELD(struct upstream_traffic_setting_spec, connection, "connectionSettings", F_INLINE, .sub = &connection_table,
          .doc = "Limits at which calls are refused."),
    FIELD(struct upstream_traffic_setting_spec, limit, "rateLimit", F_OBJ, .sub = &limit_table,
          .doc = "How many calls are accepted."),
    FIELD(struct upstream_traffic_setting_spec, routes, "httpRoutes", F_LIST, .sub = &route_table,
          .doc = "Limits of single paths."),
    FIELD(struct upstream_traffic_setting_spec, timeouts, "timeouts", F_INLINE, .sub = &timeout_table,
          .doc = "How long calls may take."),
    FIELD(struct upstream_traffic_setting_spec, ejection, "outlierEjection", F_OBJ, .sub = &ejection_table,
          .doc = "Leaves out pods that fail, for a while."),
    FIELD(struct upstream_traffic_setting_spec, balance, "loadBalancing", F_INLINE, .sub = &balance_table,
          .doc = "Which pod answers a call."),
};
const struct table upstream_traffic_setting_spec_table =
    TABLE("UpstreamTrafficSettingSpec", struct upstream_traffic_setting_spec, spec_fields, .doc = "The limits.");
static const struct field fields[] = {
    FIELD(struct upstream_traffic_setting, spec, "spec", F_INLINE, .sub = &upstream_traffic_setting_spec_table,
          .flags = FIELD_REQUIRED, .doc = "The limits."),
};

bool upstream_host_is_service(struct str host, struct str *name, struct str *ns)
{
    *name = str_cut(&host, '.');
    *ns = str_cut(&host, '.');
    return name->n && ns->n && str_is(host, "svc.cluster.local");
}

#define STATUS_OF(limit)                                                                                               \
    "(!has(" limit ".responseStatusCode) || " limit ".responseStatusCode <= 417 || (" limit                            \
    ".responseStatusCode >= 500 && " limit ".responseStatusCode <= 508) || " limit                                     \
    ".responseStatusCode in [421, 422, 423, 424, 426, 428, 429, 431, 510, 511])"
#define NO_HTTP(where)                                                                                                 \
    "!has(self.spec.rateLimit) || !has(self.spec.rateLimit." where ") || !has(" HTTP_LIMIT(where) ") || "
#define HTTP_LIMIT(where) "self.spec.rateLimit." where ".http"
#define HASH_RULE         "self.spec.loadBalancing.consistentHash"
#define NO_STATUS         "responseStatusCode is no status of HTTP: use one such as 429 or 503"
static const struct cel_rule cel[] = {
    {NO_HTTP("local") STATUS_OF(HTTP_LIMIT("local")), NO_STATUS},
    {NO_HTTP("global") STATUS_OF(HTTP_LIMIT("global")), NO_STATUS},
    {"!has(self.spec.httpRoutes) || self.spec.httpRoutes.all(r, !has(r.rateLimit) || !has(r.rateLimit.local) "
     "|| " STATUS_OF("r.rateLimit.local") ")",
     NO_STATUS},
    {NO_HTTP("local") "!has(" HTTP_LIMIT("local") ".responseHeadersToAdd) || " HTTP_LIMIT(
         "local") ".responseHeadersToAdd.all(h, h.name.lowerAscii() != 'host')",
     "the header host cannot be set in an answer"},
    {"!has(self.spec.loadBalancing) || !has(" HASH_RULE ") || [has(" HASH_RULE ".header) && " HASH_RULE
     ".header != '', has(" HASH_RULE ".cookie), has(" HASH_RULE ".sourceAddress) && " HASH_RULE
     ".sourceAddress].filter(x, x).size() == 1",
     "consistentHash must have exactly one of header, cookie and sourceAddress"},
    {NULL, NULL},
};
const struct table upstream_traffic_setting_table =
    TABLE("UpstreamTrafficSetting", struct upstream_traffic_setting, fields, .rules = cel,
          .doc = "Limits of the calls to one host.");
