#include "envoy/encode.h"

PbFilter *encode_filter(struct arena *a, const char *name, const ProtobufCMessage *config)
{
    PbFilter *m = NEW(a, Filter);
    m->name = (char *)name;
    PB_ONE(m, typed_config, pb_any(a, config));
    return m;
}

static PbTcpClusterWeight *weight(struct arena *a, struct str cluster, int64_t n)
{
    PbTcpClusterWeight *m = NEW(a, TcpClusterWeight);
    m->name = pb_str(a, cluster);
    m->weight = (uint32_t)n;
    return m;
}

static PbTcpProxy *proxy(struct encoder *e, const char *stat_prefix, struct encoded_logs logs)
{
    PbTcpProxy *m = NEW(e->a, TcpProxy);
    m->stat_prefix = (char *)stat_prefix;
    m->idle_timeout = pb_seconds(e->a, 0); /* databases keep silent connections for days */
    for (each(log, logs)) PB_ADD(e->a, m, access_log, *log);
    return m;
}

static struct str destination(const struct plan_listener *l)
{
    if (l->passthrough) return S(CLUSTER_PASSTHROUGH);
    if (l->clusters.n == 1 && !l->denied) return l->clusters.v->cluster;
    return l->clusters.n ? STR_NULL : S(CLUSTER_NONE);
}

PbFilter *encode_tcp_outbound(struct encoder *e, const struct plan_listener *l)
{
    struct str only = destination(l);
    PbTcpProxy *m = proxy(e, "outbound", encode_request_logs(e));
    if (l->idle_ns) m->idle_timeout = pb_duration(e->a, l->idle_ns);
    if (only.n) {
        PB_ONE(m, cluster, pb_str(e->a, only));
        return encode_filter(e->a, FILTER_TCP_PROXY, &m->base);
    }
    PbTcpWeightedCluster *all = NEW(e->a, TcpWeightedCluster);
    for (each(w, l->clusters)) PB_ADD(e->a, all, clusters, weight(e->a, w->cluster, w->weight));
    if (l->denied) PB_ADD(e->a, all, clusters, weight(e->a, S(CLUSTER_NONE), l->denied));
    PB_ONE(m, weighted_clusters, all);
    return encode_filter(e->a, FILTER_TCP_PROXY, &m->base);
}

PbFilter *encode_tcp(struct encoder *e, const char *stat_prefix, struct str cluster, struct encoded_logs logs)
{
    PbTcpProxy *m = proxy(e, stat_prefix, logs);
    PB_ONE(m, cluster, pb_str(e->a, cluster));
    return encode_filter(e->a, FILTER_TCP_PROXY, &m->base);
}
