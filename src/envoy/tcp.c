#include "envoy/encode.h"

PbFilter *encode_filter(struct arena *a, const char *name, const ProtobufCMessage *config)
{
    PbFilter *m = NEW(a, Filter);
    m->name = (char *)name;
    PB_ONE(m, typed_config, pb_any(a, config));
    return m;
}

static PbTcpWeightedCluster *weighted(struct arena *a, const struct plan_weight *v, size_t n)
{
    PbTcpWeightedCluster *m = NEW(a, TcpWeightedCluster);
    for (const struct plan_weight *w = v; w < v + n; w++) {
        PbTcpClusterWeight *cw = NEW(a, TcpClusterWeight);
        cw->name = pb_str(a, w->cluster);
        cw->weight = (uint32_t)w->weight;
        PB_ADD(a, m, clusters, cw);
    }
    return m;
}

static PbTcpProxy *proxy(struct encoder *e, const char *stat_prefix, PbAccessLog *log)
{
    PbTcpProxy *m = NEW(e->a, TcpProxy);
    m->stat_prefix = (char *)stat_prefix;
    m->idle_timeout = pb_seconds(e->a, 0); /* databases keep silent connections for days */
    PB_ADD(e->a, m, access_log, log);
    return m;
}

PbFilter *encode_tcp_weighted(struct encoder *e, const struct plan_weight *v, size_t n)
{
    if (n == 0) return encode_tcp(e, "outbound", S(CLUSTER_NONE), encode_request_log(e));
    if (n == 1) return encode_tcp(e, "outbound", v->cluster, encode_request_log(e));
    PbTcpProxy *m = proxy(e, "outbound", encode_request_log(e));
    PB_ONE(m, weighted_clusters, weighted(e->a, v, n));
    return encode_filter(e->a, FILTER_TCP_PROXY, &m->base);
}

PbFilter *encode_tcp(struct encoder *e, const char *stat_prefix, struct str cluster, PbAccessLog *log)
{
    PbTcpProxy *m = proxy(e, stat_prefix, log);
    PB_ONE(m, cluster, pb_str(e->a, cluster));
    return encode_filter(e->a, FILTER_TCP_PROXY, &m->base);
}
