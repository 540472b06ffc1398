/* The field tables of what leaves the mesh. */
#include "plan/common.h"
#include "plan/egress.h"

static const struct field cluster_fields[] = {
    FIELD(struct plan_egress_cluster, name, "name", F_STR),
    FIELD(struct plan_egress_cluster, by_host, "byHost", F_BOOL),
    FIELD(struct plan_egress_cluster, connection, "connection", F_INLINE, .sub = &plan_connection_table),
    FIELD(struct plan_egress_cluster, origin, "origin", F_STR),
};
static const struct table cluster_table = TABLE("EgressCluster", struct plan_egress_cluster, cluster_fields);

static const struct field route_fields[] = {
    FIELD(struct plan_egress_route, name, "name", F_STR),
    FIELD(struct plan_egress_route, path_regex, "pathRegex", F_STR),
    FIELD(struct plan_egress_route, methods, "methods", F_STRS),
    FIELD(struct plan_egress_route, headers, "headers", F_LIST, .sub = &plan_header_table),
    FIELD(struct plan_egress_route, cluster, "cluster", F_STR),
    FIELD(struct plan_egress_route, authority, "authority", F_STR),
};
static const struct table route_table = TABLE("EgressRoute", struct plan_egress_route, route_fields);
static const struct field host_fields[] = {
    FIELD(struct plan_egress_host, domains, "domains", F_STRS),
    FIELD(struct plan_egress_host, routes, "routes", F_LIST, .sub = &route_table),
};
static const struct table host_table = TABLE("EgressHost", struct plan_egress_host, host_fields);
static const struct field routes_fields[] = {
    FIELD(struct plan_egress_routes, name, "name", F_STR),
    FIELD(struct plan_egress_routes, hosts, "hosts", F_LIST, .sub = &host_table),
    FIELD(struct plan_egress_routes, origin, "origin", F_STR),
};
static const struct table routes_table = TABLE("EgressRoutes", struct plan_egress_routes, routes_fields);

static const struct field chain_fields[] = {
    FIELD(struct plan_egress_chain, name, "name", F_STR),
    FIELD(struct plan_egress_chain, ranges, "ranges", F_STRS),
    FIELD(struct plan_egress_chain, transport, "transport", F_INT),
    FIELD(struct plan_egress_chain, server_names, "serverNames", F_STRS),
    FIELD(struct plan_egress_chain, route_config, "routeConfig", F_STR),
    FIELD(struct plan_egress_chain, by_host, "byHost", F_BOOL),
    FIELD(struct plan_egress_chain, path_rules, "pathRules", F_BOOL),
    FIELD(struct plan_egress_chain, cluster, "cluster", F_STR),
};
static const struct table chain_table = TABLE("EgressChain", struct plan_egress_chain, chain_fields);
static const struct field listener_fields[] = {
    FIELD(struct plan_egress_listener, name, "name", F_STR),
    FIELD(struct plan_egress_listener, port, "port", F_INT),
    FIELD(struct plan_egress_listener, has_tls, "hasTls", F_BOOL),
    FIELD(struct plan_egress_listener, chains, "chains", F_LIST, .sub = &chain_table),
    FIELD(struct plan_egress_listener, origin, "origin", F_STR),
};
static const struct table listener_table = TABLE("EgressListener", struct plan_egress_listener, listener_fields);

static const struct field egress_fields[] = {
    FIELD(struct plan_egress, listeners, "listeners", F_LIST, .sub = &listener_table),
    FIELD(struct plan_egress, routes, "routes", F_LIST, .sub = &routes_table),
    FIELD(struct plan_egress, clusters, "clusters", F_LIST, .sub = &cluster_table),
    FIELD(struct plan_egress, closed_ranges, "closedRanges", F_STRS),
};
const struct table plan_egress_table = TABLE("PlanEgress", struct plan_egress, egress_fields);
