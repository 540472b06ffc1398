#include "envoy/encode.h"

#define CLUSTER(x)       ENVOY__CONFIG__CLUSTER__V3__CLUSTER__##x
#define HTTP_OPTIONS_KEY "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

static const struct plan_connection no_limits = {0};

/* Envoy's defaults would refuse the 1025th connection. */
static PbU32 *limit(struct arena *a, struct opt_int n) { return pb_u32(a, n.is_set ? (uint32_t)n.v : UINT32_MAX); }

static bool has_thresholds(const struct plan_connection *p)
{
    return p->max_connections.is_set || p->max_pending.is_set || p->max_requests.is_set || p->max_retries.is_set;
}

void encode_connection(struct arena *a, PbCluster *c, const struct plan_connection *p)
{
    PbThresholds *t = NEW(a, Thresholds);
    t->max_connections = limit(a, p->max_connections);
    t->max_pending_requests = limit(a, p->max_pending);
    t->max_requests = limit(a, p->max_requests);
    t->max_retries = limit(a, p->max_retries);
    t->track_remaining = has_thresholds(p);
    c->circuit_breakers = NEW(a, CircuitBreakers);
    PB_ADD(a, c->circuit_breakers, thresholds, t);
    if (p->connect_timeout_ns) c->connect_timeout = pb_duration(a, p->connect_timeout_ns);
}

void encode_http_upstream(struct arena *a, PbCluster *c, const struct plan_connection *p)
{
    PbDownstreamHttp *same = NEW(a, DownstreamHttp);
    same->http2_protocol_options = NEW(a, Http2Options);
    PbUpstreamHttp *m = NEW(a, UpstreamHttp);
    PB_ONE(m, use_downstream_protocol_config, same);
    if (p->max_requests_per_connection.is_set) {
        m->common_http_protocol_options = NEW(a, HttpOptions);
        m->common_http_protocol_options->max_requests_per_connection =
            pb_u32(a, (uint32_t)p->max_requests_per_connection.v);
    }
    PbClusterOption *option = NEW(a, ClusterOption);
    option->key = HTTP_OPTIONS_KEY;
    option->value = ANY(a, m);
    PB_ADD(a, c, typed_extension_protocol_options, option);
}

static PbCluster *named(struct arena *a, struct str name)
{
    PbCluster *c = NEW(a, Cluster);
    c->name = pb_str(a, name);
    encode_connection(a, c, &no_limits);
    return c;
}

static PbCluster *cluster(struct arena *a, struct str name, int type)
{
    PbCluster *c = named(a, name);
    PB_ONE(c, type, type);
    return c;
}

static PbCluster *original_dst(struct arena *a, struct str name)
{
    PbCluster *c = cluster(a, name, CLUSTER(DISCOVERY_TYPE__ORIGINAL_DST));
    c->lb_policy = CLUSTER(LB_POLICY__CLUSTER_PROVIDED);
    return c;
}

static PbCluster *by_eds(struct arena *a, struct str name)
{
    PbCluster *c = cluster(a, name, CLUSTER(DISCOVERY_TYPE__EDS));
    c->eds_cluster_config = NEW(a, EdsConfig);
    c->eds_cluster_config->eds_config = encode_ads(a);
    return c;
}

static void add(struct encoder *e, const PbCluster *c, struct str origin)
{
    struct envoy_resource r = {.type = ENVOY_CLUSTER, .name = str_of(c->name), .origin = origin};
    encode_resource(e, &c->base, r);
}

void encode_cluster(struct encoder *e, const struct plan_cluster *p, bool health_checks)
{
    PbCluster *c = p->original_dst ? original_dst(e->a, p->name) : by_eds(e->a, p->name);
    c->transport_socket = encode_tls_upstream(e, p);
    encode_connection(e->a, c, &p->connection);
    encode_balance(e->a, c, &p->balance);
    /* Of headless Services the client chooses the pod by its address: nobody would be told. */
    if (health_checks && !p->original_dst) PB_ADD(e->a, c, health_checks, encode_health_check(e->a, p));
    if (encode_is_http(p->protocol)) encode_http_upstream(e->a, c, &p->connection);
    add(e, c, p->origin);
}

void encode_local_cluster(struct encoder *e, struct str name, int64_t port, bool is_http, struct str origin)
{
    struct arena *a = e->a;
    struct plan_endpoint here = {.address = S("127.0.0.1"), .port = port};
    PbCluster *c = cluster(a, name, CLUSTER(DISCOVERY_TYPE__STATIC));
    c->load_assignment = encode_endpoints(a, name, &here, 1);
    if (is_http) encode_http_upstream(a, c, &no_limits);
    add(e, c, origin);
}

static PbCluster *by_host(struct arena *a, struct str name, struct strs closed)
{
    PbForwardCluster *m = NEW(a, ForwardCluster);
    PB_ONE(m, dns_cache_config, encode_dns_cache(a, closed));
    m->allow_insecure_cluster_options = true; /* what it asks for is meant for TLS, which this never speaks */
    PbClusterType *type = NEW(a, ClusterType);
    type->name = "envoy.clusters.dynamic_forward_proxy";
    type->typed_config = ANY(a, m);
    PbCluster *c = named(a, name);
    PB_ONE(c, cluster_type, type);
    c->lb_policy = CLUSTER(LB_POLICY__CLUSTER_PROVIDED);
    return c;
}

void encode_egress_cluster(struct encoder *e, const struct plan_egress_cluster *p, struct strs closed)
{
    PbCluster *c = p->by_host ? by_host(e->a, p->name, closed) : original_dst(e->a, p->name);
    encode_connection(e->a, c, &p->connection);
    encode_http_upstream(e->a, c, &p->connection);
    add(e, c, p->origin);
}

void encode_base_clusters(struct encoder *e, const struct plan_base *b)
{
    add(e, cluster(e->a, S(CLUSTER_NONE), CLUSTER(DISCOVERY_TYPE__STATIC)), STR_NULL);
    if (b->egress) add(e, original_dst(e->a, S(CLUSTER_PASSTHROUGH)), STR_NULL);
    encode_outside_cluster(e, &e->hop->authz.server);
    encode_outside_cluster(e, &e->hop->tracing.collector);
    encode_outside_cluster(e, &e->hop->log.collector);
}
