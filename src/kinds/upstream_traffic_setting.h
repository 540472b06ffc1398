/* upstream_traffic_setting.h - policy.openservicemesh.io UpstreamTrafficSetting: limits towards one host. */
#pragma once
#include "kinds/common.h"

enum rate_unit { RATE_SECOND, RATE_MINUTE, RATE_HOUR };
struct named_value {
    struct str name, value;
};
struct local_tcp_limit {
    int64_t connections, burst;
    int unit; /* enum rate_unit */
};
struct local_http_limit {
    int64_t requests, burst, status;
    int unit; /* enum rate_unit */
    LIST(struct named_value) headers;
};
struct local_limit {
    struct local_tcp_limit *tcp;
    struct local_http_limit *http;
};
struct limit_service {
    struct str host;
    int64_t port;
};
struct tcp_entry {
    struct str key, value;
};
struct tcp_descriptor {
    LIST(struct tcp_entry) entries;
};
struct global_tcp_limit {
    struct limit_service service;
    struct str domain;
    LIST(struct tcp_descriptor) descriptors;
    int64_t timeout_ns;
    bool fail_open;
};
struct generic_key {
    struct str value, key;
};
struct remote_address {
    char unused; /* an entry without fields */
};
struct request_header {
    struct str name, key;
};
struct header_matcher { /* exactly one */
    struct str name, exact, prefix, suffix, regex, contains;
    int present; /* enum tri */
};
struct header_value_match {
    struct str value, key;
    bool expect_match;
    LIST(struct header_matcher) headers;
};
struct http_entry { /* exactly one */
    struct generic_key *generic_key;
    struct remote_address *remote_address;
    struct request_header *request_header;
    struct header_value_match *header_value_match;
};
struct http_descriptor {
    LIST(struct http_entry) entries;
};
struct global_http_limit {
    struct limit_service service;
    struct str domain;
    LIST(struct http_descriptor) descriptors;
    int64_t timeout_ns, status;
    bool fail_open, x_ratelimit_headers;
};
struct global_limit {
    struct global_tcp_limit *tcp;
    struct global_http_limit *http;
};
struct rate_limit {
    struct local_limit *local;
    struct global_limit *global;
};
struct route_limit {
    struct local_http_limit *local;
    struct {
        LIST(struct http_descriptor) descriptors;
    } global;
};
struct http_route_setting {
    struct str path; /* RE2, the whole path without query */
    struct route_limit *limit;
};
struct connection_settings {
    struct {
        struct opt_int max_connections;
        int64_t connect_timeout_ns;
    } tcp;
    struct {
        struct opt_int max_requests, max_requests_per_connection, max_pending, max_retries;
    } http;
};
struct upstream_timeouts {
    int64_t request_ns, idle_ns; /* 0: none */
};
struct outlier_ejection {
    int64_t errors, interval_ns, time_ns, max_percent, min_healthy_percent;
};
struct hash_cookie {
    struct str name, path;
    int64_t ttl_ns;
};
struct consistent_hash { /* exactly one */
    struct str header;
    struct hash_cookie *cookie;
    bool source_address;
};
struct load_balancing {
    struct consistent_hash *hash;
    bool prefer_zone;
};
struct upstream_traffic_setting_spec {
    struct str host;
    struct connection_settings connection;
    struct rate_limit *limit;
    LIST(struct http_route_setting) routes;
    struct upstream_timeouts timeouts;
    struct outlier_ejection *ejection;
    struct load_balancing balance;
};
extern const struct table upstream_traffic_setting_spec_table;
struct upstream_traffic_setting {
    struct upstream_traffic_setting_spec spec;
};
/* "store.shop.svc.cluster.local": the full name of a Service, the only form that rules one. The parts point into
 * |host|. */
bool upstream_host_is_service(struct str host, struct str *name, struct str *ns);
KIND_ACCESSOR(upstream_traffic_setting, KIND_UPSTREAM_TRAFFIC_SETTING);
