#include "envoy/encode.h"

#define CLUSTER(x) ENVOY__CONFIG__CLUSTER__V3__CLUSTER__##x

static struct str authority(struct arena *a, const struct plan_outside *p)
{
    bool is_v6 = str_find(p->address, ':') >= 0;
    return str_fmt(a, is_v6 ? "[%.*s]:%lld" : "%.*s:%lld", STR_FMT(p->address), (long long)p->port);
}

static void speak_http2(struct arena *a, PbCluster *c)
{
    PbExplicitHttp *only = NEW(a, ExplicitHttp);
    PB_ONE(only, http2_protocol_options, NEW(a, Http2Options));
    PbUpstreamHttp *m = NEW(a, UpstreamHttp);
    PB_ONE(m, explicit_http_config, only);
    PbClusterOption *option = NEW(a, ClusterOption);
    option->key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    option->value = ANY(a, m);
    PB_ADD(a, c, typed_extension_protocol_options, option);
}

void encode_outside_cluster(struct encoder *e, const struct plan_outside *p)
{
    struct arena *a = e->a;
    if (!p->cluster.n) return;
    PbCluster *c = NEW(a, Cluster);
    c->name = pb_str(a, p->cluster);
    PB_ONE(c, type, CLUSTER(DISCOVERY_TYPE__STRICT_DNS));
    c->dns_lookup_family = CLUSTER(DNS_LOOKUP_FAMILY__V4_PREFERRED);
    encode_connection(a, c, &(struct plan_connection){.connect_timeout_ns = p->connect_timeout_ns});
    struct plan_endpoint there = {.address = p->address, .port = p->port};
    c->load_assignment = encode_endpoints(a, p->cluster, &there, 1);
    if (p->http2) speak_http2(a, c);
    struct envoy_resource r = {.type = ENVOY_CLUSTER, .name = p->cluster, .origin = p->origin};
    encode_resource(e, &c->base, r);
}

PbGrpcService *encode_grpc(struct arena *a, const struct plan_outside *p, int64_t timeout_ns)
{
    PbEnvoyGrpc *to = NEW(a, EnvoyGrpc);
    to->cluster_name = pb_str(a, p->cluster);
    to->authority = pb_str(a, authority(a, p)); /* Envoy would say the cluster's name, which is no host */
    PbGrpcService *m = NEW(a, GrpcService);
    PB_ONE(m, envoy_grpc, to);
    if (timeout_ns) m->timeout = pb_duration(a, timeout_ns);
    return m;
}

void encode_hop_clusters(struct encoder *e, struct strs *clusters)
{
    const struct plan_outside *all[] = {&e->hop->authz.server, &e->hop->tracing.collector, &e->hop->log.collector};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->cluster.n) list_push(e->a, clusters, all[i]->cluster);
}

PbExtension *encode_environment_detector(struct arena *a)
{
    PbExtension *m = NEW(a, Extension);
    m->name = "envoy.tracers.opentelemetry.resource_detectors.environment";
    m->typed_config = ANY(a, NEW(a, EnvironmentDetector));
    return m;
}
