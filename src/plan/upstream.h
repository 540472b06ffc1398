/* upstream.h - what UpstreamTrafficSettings and Retries ask of proxies. Part of plan.h. */
#pragma once
#include "base/field.h"
#include "base/list.h"
#include "plan/outside.h"

/* ---- the caller's side ----------------------------------------------------------------------------------- */

/* Limits of one sidecar towards one cluster; beyond them a call is answered with 503, flag UO. Zeroed: none. */
struct plan_connection {
    struct opt_int max_connections, max_pending, max_requests, max_retries;
    struct opt_int max_requests_per_connection; /* HTTP */
    int64_t connect_timeout_ns;                 /* 0: Envoy's 5 s */
};
struct plan_ejection { /* endpoints that fail are left out for a while */
    int64_t errors;    /* in a row */
    int64_t interval_ns, time_ns;
    int64_t max_percent;         /* left out at once */
    int64_t min_healthy_percent; /* with fewer all are called again */
};
struct plan_hash { /* exactly one of header, cookie and source */
    struct str header;
    struct str cookie, cookie_path;
    int64_t cookie_ttl_ns; /* 0: none is given to callers without it */
    bool source;           /* the caller's address */
};
struct plan_balance { /* which endpoint answers; zeroed: in turn, all of them */
    struct plan_ejection *ejection;
    struct plan_hash *hash;
    bool zone; /* the caller's own first; the endpoints say theirs */
};
struct plan_timeouts { /* 0: none */
    int64_t request_ns, idle_ns;
};
struct plan_retry {
    struct str on; /* Envoy's conditions, joined by ',' */
    int64_t n, per_try_ns /* 0: no limit */, backoff_ns;
};

/* ---- the server's side ----------------------------------------------------------------------------------- */

struct plan_bucket {
    int64_t max, fill; /* tokens; 1 … 2^32-1 */
    int64_t interval_ns;
};
struct plan_header_value {
    struct str name, value;
};
struct plan_local_limit {
    struct plan_bucket bucket;
    int64_t status;
    LIST(struct plan_header_value) headers; /* of the answer beyond it */
};
enum plan_entry_kind { PLAN_ENTRY_FIXED, PLAN_ENTRY_ADDRESS, PLAN_ENTRY_HEADER, PLAN_ENTRY_MATCH };
enum plan_match_kind {
    PLAN_MATCH_EXACT,
    PLAN_MATCH_PREFIX,
    PLAN_MATCH_SUFFIX,
    PLAN_MATCH_REGEX,
    PLAN_MATCH_CONTAINS,
    PLAN_MATCH_PRESENT,
    PLAN_MATCH_ABSENT,
};
struct plan_match {
    struct str name;
    int64_t kind; /* enum plan_match_kind */
    struct str text;
};
struct plan_entry {
    int64_t kind;                    /* enum plan_entry_kind */
    struct str key, value;           /* key empty: the protocol's own */
    struct str header;               /* PLAN_ENTRY_HEADER: whose value is sent */
    bool expect;                     /* PLAN_ENTRY_MATCH: the headers must fit, or must not */
    LIST(struct plan_match) headers; /* PLAN_ENTRY_MATCH */
};
struct plan_descriptor {
    LIST(struct plan_entry) entries;
};
struct plan_global_limit { /* counted by a service for all proxies together */
    struct plan_outside server;
    struct str domain;
    LIST(struct plan_descriptor) descriptors; /* TCP: fixed entries only */
    int64_t timeout_ns;
    bool fail_open;
    /* HTTP */
    bool headers; /* answers carry X-RateLimit */
    int64_t status;
};
struct plan_path_limit { /* in place of what holds for the whole chain, where it has it */
    struct str path;     /* RE2, the whole path without query */
    struct plan_local_limit *local;
    LIST(struct plan_descriptor) descriptors;
};
/* How many calls a chain accepts. Zeroed: any number. */
struct plan_limits {
    struct plan_bucket *tcp; /* connections, also of HTTP */
    struct plan_local_limit *http;
    struct plan_global_limit *global_tcp, *global_http;
    LIST(struct plan_path_limit) paths; /* the first that fits holds */
};

extern const struct table plan_connection_table, plan_balance_table, plan_timeouts_table, plan_retry_table,
    plan_limits_table;
