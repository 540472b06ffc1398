/* The field tables of plan/upstream.h. */
#include "plan/upstream.h"

static const struct field connection_fields[] = {
    FIELD(struct plan_connection, max_connections, "maxConnections", F_OPT_INT),
    FIELD(struct plan_connection, max_pending, "maxPending", F_OPT_INT),
    FIELD(struct plan_connection, max_requests, "maxRequests", F_OPT_INT),
    FIELD(struct plan_connection, max_retries, "maxRetries", F_OPT_INT),
    FIELD(struct plan_connection, max_requests_per_connection, "maxRequestsPerConnection", F_OPT_INT),
    FIELD(struct plan_connection, connect_timeout_ns, "connectTimeout", F_DURATION),
};
const struct table plan_connection_table = TABLE("Connection", struct plan_connection, connection_fields);

static const struct field ejection_fields[] = {
    FIELD(struct plan_ejection, errors, "errors", F_INT),
    FIELD(struct plan_ejection, interval_ns, "interval", F_DURATION),
    FIELD(struct plan_ejection, time_ns, "time", F_DURATION),
    FIELD(struct plan_ejection, max_percent, "maxPercent", F_INT),
    FIELD(struct plan_ejection, min_healthy_percent, "minHealthyPercent", F_INT),
};
static const struct table ejection_table = TABLE("Ejection", struct plan_ejection, ejection_fields);
static const struct field hash_fields[] = {
    FIELD(struct plan_hash, header, "header", F_STR),
    FIELD(struct plan_hash, cookie, "cookie", F_STR),
    FIELD(struct plan_hash, cookie_path, "cookiePath", F_STR),
    FIELD(struct plan_hash, cookie_ttl_ns, "cookieTtl", F_DURATION),
    FIELD(struct plan_hash, source, "source", F_BOOL),
};
static const struct table hash_table = TABLE("Hash", struct plan_hash, hash_fields);
static const struct field balance_fields[] = {
    FIELD(struct plan_balance, ejection, "ejection", F_OBJ, .sub = &ejection_table),
    FIELD(struct plan_balance, hash, "hash", F_OBJ, .sub = &hash_table),
    FIELD(struct plan_balance, zone, "zone", F_BOOL),
};
const struct table plan_balance_table = TABLE("Balance", struct plan_balance, balance_fields);
static const struct field timeouts_fields[] = {
    FIELD(struct plan_timeouts, request_ns, "request", F_DURATION),
    FIELD(struct plan_timeouts, idle_ns, "idle", F_DURATION),
};
const struct table plan_timeouts_table = TABLE("Timeouts", struct plan_timeouts, timeouts_fields);
static const struct field retry_fields[] = {
    FIELD(struct plan_retry, on, "on", F_STR),
    FIELD(struct plan_retry, n, "n", F_INT),
    FIELD(struct plan_retry, per_try_ns, "perTry", F_DURATION),
    FIELD(struct plan_retry, backoff_ns, "backoff", F_DURATION),
};
const struct table plan_retry_table = TABLE("Retry", struct plan_retry, retry_fields);

static const struct field bucket_fields[] = {
    FIELD(struct plan_bucket, max, "max", F_INT),
    FIELD(struct plan_bucket, fill, "fill", F_INT),
    FIELD(struct plan_bucket, interval_ns, "interval", F_DURATION),
};
static const struct table bucket_table = TABLE("Bucket", struct plan_bucket, bucket_fields);
static const struct field value_fields[] = {
    FIELD(struct plan_header_value, name, "name", F_STR),
    FIELD(struct plan_header_value, value, "value", F_STR),
};
static const struct table value_table = TABLE("HeaderValue", struct plan_header_value, value_fields);
static const struct field local_fields[] = {
    FIELD(struct plan_local_limit, bucket, "bucket", F_INLINE, .sub = &bucket_table),
    FIELD(struct plan_local_limit, status, "status", F_INT),
    FIELD(struct plan_local_limit, headers, "headers", F_LIST, .sub = &value_table),
};
static const struct table local_table = TABLE("LocalLimit", struct plan_local_limit, local_fields);

static const struct field match_fields[] = {
    FIELD(struct plan_match, name, "name", F_STR),
    FIELD(struct plan_match, kind, "kind", F_INT),
    FIELD(struct plan_match, text, "text", F_STR),
};
static const struct table match_table = TABLE("Match", struct plan_match, match_fields);
static const struct field entry_fields[] = {
    FIELD(struct plan_entry, kind, "kind", F_INT),
    FIELD(struct plan_entry, key, "key", F_STR),
    FIELD(struct plan_entry, value, "value", F_STR),
    FIELD(struct plan_entry, header, "header", F_STR),
    FIELD(struct plan_entry, expect, "expect", F_BOOL),
    FIELD(struct plan_entry, headers, "headers", F_LIST, .sub = &match_table),
};
static const struct table entry_table = TABLE("Entry", struct plan_entry, entry_fields);
static const struct field descriptor_fields[] = {
    FIELD(struct plan_descriptor, entries, "entries", F_LIST, .sub = &entry_table),
};
static const struct table descriptor_table = TABLE("Descriptor", struct plan_descriptor, descriptor_fields);
static const struct field global_fields[] = {
    FIELD(struct plan_global_limit, server, "server", F_INLINE, .sub = &plan_outside_table),
    FIELD(struct plan_global_limit, domain, "domain", F_STR),
    FIELD(struct plan_global_limit, descriptors, "descriptors", F_LIST, .sub = &descriptor_table),
    FIELD(struct plan_global_limit, timeout_ns, "timeout", F_DURATION),
    FIELD(struct plan_global_limit, fail_open, "failOpen", F_BOOL),
    FIELD(struct plan_global_limit, headers, "headers", F_BOOL),
    FIELD(struct plan_global_limit, status, "status", F_INT),
};
static const struct table global_table = TABLE("GlobalLimit", struct plan_global_limit, global_fields);
static const struct field path_fields[] = {
    FIELD(struct plan_path_limit, path, "path", F_STR),
    FIELD(struct plan_path_limit, local, "local", F_OBJ, .sub = &local_table),
    FIELD(struct plan_path_limit, descriptors, "descriptors", F_LIST, .sub = &descriptor_table),
};
static const struct table path_table = TABLE("PathLimit", struct plan_path_limit, path_fields);
static const struct field limits_fields[] = {
    FIELD(struct plan_limits, tcp, "tcp", F_OBJ, .sub = &bucket_table),
    FIELD(struct plan_limits, http, "http", F_OBJ, .sub = &local_table),
    FIELD(struct plan_limits, global_tcp, "globalTcp", F_OBJ, .sub = &global_table),
    FIELD(struct plan_limits, global_http, "globalHttp", F_OBJ, .sub = &global_table),
    FIELD(struct plan_limits, paths, "paths", F_LIST, .sub = &path_table),
};
const struct table plan_limits_table = TABLE("Limits", struct plan_limits, limits_fields);
