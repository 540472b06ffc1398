/* The field tables of all plan values: what hash, equality and the golden tests' dump are made of. */
#include "plan/plan.h"

static const struct field tls_fields[] = {
    FIELD(struct plan_tls, min, "min", F_STR),
    FIELD(struct plan_tls, max, "max", F_STR),
    FIELD(struct plan_tls, cipher_suites, "cipherSuites", F_STRS),
    FIELD(struct plan_tls, ecdh_curves, "ecdhCurves", F_STRS),
};
static const struct table tls_table = TABLE("Tls", struct plan_tls, tls_fields);

static const struct field cluster_fields[] = {
    FIELD(struct plan_cluster, name, "name", F_STR),
    FIELD(struct plan_cluster, sni, "sni", F_STR),
    FIELD(struct plan_cluster, sans, "sans", F_STRS),
    FIELD(struct plan_cluster, original_dst, "originalDst", F_BOOL),
    FIELD(struct plan_cluster, protocol, "protocol", F_INT),
    FIELD(struct plan_cluster, connection, "connection", F_INLINE, .sub = &plan_connection_table),
    FIELD(struct plan_cluster, balance, "balance", F_INLINE, .sub = &plan_balance_table),
    FIELD(struct plan_cluster, origin, "origin", F_STR),
};
static const struct table cluster_table = TABLE("Cluster", struct plan_cluster, cluster_fields);

static const struct field weight_fields[] = {
    FIELD(struct plan_weight, cluster, "cluster", F_STR),
    FIELD(struct plan_weight, weight, "weight", F_INT),
};
static const struct table weight_table = TABLE("Weight", struct plan_weight, weight_fields);

static const struct field route_fields[] = {
    FIELD(struct plan_route_config, name, "name", F_STR),
    FIELD(struct plan_route_config, clusters, "clusters", F_LIST, .sub = &weight_table),
    FIELD(struct plan_route_config, denied, "denied", F_INT),
    FIELD(struct plan_route_config, timeouts, "timeouts", F_INLINE, .sub = &plan_timeouts_table),
    FIELD(struct plan_route_config, retry, "retry", F_OBJ, .sub = &plan_retry_table),
    FIELD(struct plan_route_config, origin, "origin", F_STR),
};
static const struct table route_table = TABLE("RouteConfig", struct plan_route_config, route_fields);

static const struct field listener_fields[] = {
    FIELD(struct plan_listener, name, "name", F_STR),
    FIELD(struct plan_listener, address, "address", F_STR),
    FIELD(struct plan_listener, port, "port", F_INT),
    FIELD(struct plan_listener, protocol, "protocol", F_INT),
    FIELD(struct plan_listener, route_config, "routeConfig", F_STR),
    FIELD(struct plan_listener, clusters, "clusters", F_LIST, .sub = &weight_table),
    FIELD(struct plan_listener, denied, "denied", F_INT),
    FIELD(struct plan_listener, passthrough, "passthrough", F_BOOL),
    FIELD(struct plan_listener, idle_ns, "idle", F_DURATION),
    FIELD(struct plan_listener, service, "service", F_STR),
    FIELD(struct plan_listener, origin, "origin", F_STR),
};
static const struct table listener_table = TABLE("Listener", struct plan_listener, listener_fields);

static const struct field outbound_fields[] = {
    FIELD(struct plan_outbound, listeners, "listeners", F_LIST, .sub = &listener_table),
    FIELD(struct plan_outbound, routes, "routes", F_LIST, .sub = &route_table),
    FIELD(struct plan_outbound, clusters, "clusters", F_LIST, .sub = &cluster_table),
    FIELD(struct plan_outbound, health_checks, "healthChecks", F_BOOL),
    FIELD(struct plan_outbound, tls, "tls", F_INLINE, .sub = &tls_table),
};
const struct table plan_outbound_table = TABLE("Outbound", struct plan_outbound, outbound_fields);

static const struct field endpoint_fields[] = {
    FIELD(struct plan_endpoint, address, "address", F_STR), FIELD(struct plan_endpoint, port, "port", F_INT),
    FIELD(struct plan_endpoint, pod, "pod", F_STR),         FIELD(struct plan_endpoint, workload, "workload", F_STR),
    FIELD(struct plan_endpoint, zone, "zone", F_STR),
};
static const struct table endpoint_table = TABLE("Endpoint", struct plan_endpoint, endpoint_fields);
static const struct field assignment_fields[] = {
    FIELD(struct plan_assignment, cluster, "cluster", F_STR),
    FIELD(struct plan_assignment, endpoints, "endpoints", F_LIST, .sub = &endpoint_table),
    FIELD(struct plan_assignment, origin, "origin", F_STR),
};
static const struct table assignment_table = TABLE("Assignment", struct plan_assignment, assignment_fields);
static const struct field endpoints_fields[] = {
    FIELD(struct plan_endpoints, assignments, "assignments", F_LIST, .sub = &assignment_table),
};
const struct table plan_endpoints_table = TABLE("Endpoints", struct plan_endpoints, endpoints_fields);

static const struct field header_fields[] = {
    FIELD(struct plan_header, name, "name", F_STR),
    FIELD(struct plan_header, regex, "regex", F_STR),
};
const struct table plan_header_table = TABLE("Header", struct plan_header, header_fields);
static const struct field rule_fields[] = {
    FIELD(struct plan_rule, name, "name", F_STR),
    FIELD(struct plan_rule, principals, "principals", F_STRS),
    FIELD(struct plan_rule, any_principal, "anyPrincipal", F_BOOL),
    FIELD(struct plan_rule, path_regex, "pathRegex", F_STR),
    FIELD(struct plan_rule, methods, "methods", F_STRS),
    FIELD(struct plan_rule, headers, "headers", F_LIST, .sub = &plan_header_table),
    FIELD(struct plan_rule, origin, "origin", F_STR),
};
static const struct table rule_table = TABLE("Rule", struct plan_rule, rule_fields);
static const struct field chain_fields[] = {
    FIELD(struct plan_chain, name, "name", F_STR),
    FIELD(struct plan_chain, port, "port", F_INT),
    FIELD(struct plan_chain, server_name, "serverName", F_STR),
    FIELD(struct plan_chain, protocol, "protocol", F_INT),
    FIELD(struct plan_chain, route_config, "routeConfig", F_STR),
    FIELD(struct plan_chain, rules, "rules", F_LIST, .sub = &rule_table),
    FIELD(struct plan_chain, tcp_any, "tcpAny", F_BOOL),
    FIELD(struct plan_chain, tcp_principals, "tcpPrincipals", F_STRS),
    FIELD(struct plan_chain, local_cluster, "localCluster", F_STR),
    FIELD(struct plan_chain, denied, "denied", F_BOOL),
    FIELD(struct plan_chain, limits, "limits", F_INLINE, .sub = &plan_limits_table),
    FIELD(struct plan_chain, service, "service", F_STR),
    FIELD(struct plan_chain, origin, "origin", F_STR),
};
static const struct table chain_table = TABLE("Chain", struct plan_chain, chain_fields);
static const struct field ingress_fields[] = {
    FIELD(struct plan_ingress, name, "name", F_STR),
    FIELD(struct plan_ingress, port, "port", F_INT),
    FIELD(struct plan_ingress, ranges, "ranges", F_STRS),
    FIELD(struct plan_ingress, any_address, "anyAddress", F_BOOL),
    FIELD(struct plan_ingress, tls, "tls", F_BOOL),
    FIELD(struct plan_ingress, any_client, "anyClient", F_BOOL),
    FIELD(struct plan_ingress, grpc, "grpc", F_BOOL),
    FIELD(struct plan_ingress, server_names, "serverNames", F_STRS),
    FIELD(struct plan_ingress, principals, "principals", F_STRS),
    FIELD(struct plan_ingress, route_config, "routeConfig", F_STR),
    FIELD(struct plan_ingress, local_cluster, "localCluster", F_STR),
    FIELD(struct plan_ingress, denied, "denied", F_BOOL),
    FIELD(struct plan_ingress, limits, "limits", F_INLINE, .sub = &plan_limits_table),
    FIELD(struct plan_ingress, service, "service", F_STR),
    FIELD(struct plan_ingress, origin, "origin", F_STR),
};
static const struct table ingress_table = TABLE("Ingress", struct plan_ingress, ingress_fields);
static const struct field inbound_fields[] = {
    FIELD(struct plan_inbound, chains, "chains", F_LIST, .sub = &chain_table),
    FIELD(struct plan_inbound, ingress, "ingress", F_LIST, .sub = &ingress_table),
    FIELD(struct plan_inbound, counters, "counters", F_LIST, .sub = &plan_outside_table),
    FIELD(struct plan_inbound, tls, "tls", F_INLINE, .sub = &tls_table),
};
const struct table plan_inbound_table = TABLE("Inbound", struct plan_inbound, inbound_fields);

static const struct field base_fields[] = {
    FIELD(struct plan_base, egress, "egress", F_BOOL),
    FIELD(struct plan_base, closed_ranges, "closedRanges", F_STRS),
    FIELD(struct plan_base, tls, "tls", F_INLINE, .sub = &tls_table),
};
const struct table plan_base_table = TABLE("Base", struct plan_base, base_fields);

static const struct field view_fields[] = {
    FIELD(struct plan_view, parts, "parts", F_STRS),
    FIELD(struct plan_view, log, "log", F_STR),
};
const struct table plan_view_table = TABLE("View", struct plan_view, view_fields);
static const struct field reach_fields[] = {
    FIELD(struct plan_reach, part, "part", F_STR),
    FIELD(struct plan_reach, keys, "keys", F_STRS),
};
const struct table plan_reach_table = TABLE("Reach", struct plan_reach, reach_fields);
static const struct field member_fields[] = {FIELD(struct plan_member, key, "key", F_STR)};
const struct table plan_member_table = TABLE("Member", struct plan_member, member_fields);

static const struct field outside_fields[] = {
    FIELD(struct plan_outside, cluster, "cluster", F_STR),
    FIELD(struct plan_outside, address, "address", F_STR),
    FIELD(struct plan_outside, port, "port", F_INT),
    FIELD(struct plan_outside, http2, "http2", F_BOOL),
    FIELD(struct plan_outside, connect_timeout_ns, "connectTimeoutNs", F_INT),
    FIELD(struct plan_outside, origin, "origin", F_STR),
};
const struct table plan_outside_table = TABLE("Outside", struct plan_outside, outside_fields);
static const struct field log_fields[] = {
    FIELD(struct plan_log, text, "text", F_STR),
    FIELD(struct plan_log, json, "json", F_STR),
    FIELD(struct plan_log, collector, "collector", F_INLINE, .sub = &plan_outside_table),
    FIELD(struct plan_log, attributes, "attributes", F_MAP),
    FIELD(struct plan_log, origin, "origin", F_STR),
};
static const struct table log_table = TABLE("Log", struct plan_log, log_fields);
static const struct field tracing_fields[] = {
    FIELD(struct plan_tracing, collector, "collector", F_INLINE, .sub = &plan_outside_table),
    FIELD(struct plan_tracing, otlp, "otlp", F_BOOL),
    FIELD(struct plan_tracing, endpoint, "endpoint", F_STR),
    FIELD(struct plan_tracing, sampling, "sampling", F_INT),
};
static const struct table tracing_table = TABLE("Tracing", struct plan_tracing, tracing_fields);
static const struct field authz_fields[] = {
    FIELD(struct plan_authz, server, "server", F_INLINE, .sub = &plan_outside_table),
    FIELD(struct plan_authz, stat_prefix, "statPrefix", F_STR),
    FIELD(struct plan_authz, timeout_ns, "timeoutNs", F_INT),
    FIELD(struct plan_authz, failure_mode_allow, "failureModeAllow", F_BOOL),
};
static const struct table authz_table = TABLE("Authz", struct plan_authz, authz_fields);
static const struct field hop_fields[] = {
    FIELD(struct plan_hop, log, "log", F_INLINE, .sub = &log_table),
    FIELD(struct plan_hop, tracing, "tracing", F_INLINE, .sub = &tracing_table),
    FIELD(struct plan_hop, authz, "authz", F_INLINE, .sub = &authz_table),
    FIELD(struct plan_hop, health_checks, "healthChecks", F_BOOL),
    FIELD(struct plan_hop, no_stats, "noStats", F_BOOL),
};
const struct table plan_hop_table = TABLE("Hop", struct plan_hop, hop_fields);
