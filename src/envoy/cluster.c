#include "envoy/encode.h"

#define CLUSTER(x)       ENVOY__CONFIG__CLUSTER__V3__CLUSTER__##x
#define HTTP_OPTIONS_KEY "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

/* Envoy's defaults would refuse the 1025th connection. */
static PbCircuitBreakers *unlimited(struct arena *a)
{
    PbThresholds *t = NEW(a, Thresholds);
    t->max_connections = t->max_pending_requests = t->max_requests = t->max_retries = pb_u32(a, UINT32_MAX);
    PbCircuitBreakers *m = NEW(a, CircuitBreakers);
    PB_ADD(a, m, thresholds, t);
    return m;
}

/* HTTP/2 upstream when the application spoke HTTP/2, else HTTP/1.1. */
static void speak_as_downstream(struct arena *a, PbCluster *c)
{
    PbDownstreamHttp *same = NEW(a, DownstreamHttp);
    same->http2_protocol_options = NEW(a, Http2Options);
    PbUpstreamHttp *m = NEW(a, UpstreamHttp);
    PB_ONE(m, use_downstream_protocol_config, same);
    PbClusterOption *option = NEW(a, ClusterOption);
    option->key = HTTP_OPTIONS_KEY;
    option->value = ANY(a, m);
    PB_ADD(a, c, typed_extension_protocol_options, option);
}

static PbCluster *cluster(struct arena *a, struct str name, int type)
{
    PbCluster *c = NEW(a, Cluster);
    c->name = pb_str(a, name);
    PB_ONE(c, type, type);
    c->circuit_breakers = unlimited(a);
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

static bool is_http(int64_t protocol) { return protocol == PLAN_HTTP || protocol == PLAN_GRPC; }

static void add(struct encoder *e, const PbCluster *c, struct str origin)
{
    struct envoy_resource r = {.type = ENVOY_CLUSTER, .name = str_of(c->name), .origin = origin};
    encode_resource(e, &c->base, r);
}

void encode_cluster(struct encoder *e, const struct plan_cluster *p)
{
    PbCluster *c = p->original_dst ? original_dst(e->a, p->name) : by_eds(e->a, p->name);
    c->transport_socket = encode_tls_upstream(e, p);
    if (is_http(p->protocol)) speak_as_downstream(e->a, c);
    add(e, c, p->origin);
}

void encode_local_cluster(struct encoder *e, const struct plan_chain *chain)
{
    struct arena *a = e->a;
    struct plan_endpoint here = {.address = S("127.0.0.1"), .port = chain->port};
    PbCluster *c = cluster(a, chain->local_cluster, CLUSTER(DISCOVERY_TYPE__STATIC));
    c->load_assignment = encode_endpoints(a, chain->local_cluster, &here, 1);
    if (is_http(chain->protocol)) speak_as_downstream(a, c);
    add(e, c, chain->origin);
}

void encode_base_clusters(struct encoder *e, const struct plan_base *b)
{
    add(e, cluster(e->a, S(CLUSTER_NONE), CLUSTER(DISCOVERY_TYPE__STATIC)), STR_NULL);
    if (b->egress) add(e, original_dst(e->a, S(CLUSTER_PASSTHROUGH)), STR_NULL);
}
