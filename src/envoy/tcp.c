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

/* Statistics want to know when a connection begins, too; the log is written at its end alone. */
static PbTcpProxy *counted_proxy(struct encoder *e, const char *stat_prefix, enum direction d, struct str service)
{
    struct encoded_logs at_end = {0}, logs = encode_request_logs(e), stats = encode_connection_stats(e, d, service);
    if (e->hop->no_stats) return proxy(e, stat_prefix, logs);
    for (each(log, logs)) {
        PbAccessLog *copy = NEW(e->a, AccessLog);
        *copy = **log;
        copy->filter = encode_log_moment(e->a, LOG_MOMENT(TcpConnectionEnd));
        list_push(e->a, &at_end, copy);
    }
    PbTcpProxy *m = proxy(e, stat_prefix, at_end);
    for (each(log, stats)) PB_ADD(e->a, m, access_log, *log);
    m->access_log_options = NEW(e->a, TcpLogOptions);
    m->access_log_options->flush_access_log_on_connected = true;
    return m;
}

static PbFilter *to_cluster(struct encoder *e, PbTcpProxy *m, struct str cluster)
{
    PB_ONE(m, cluster, pb_str(e->a, cluster));
    return encode_filter(e->a, FILTER_TCP_PROXY, &m->base);
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
    PbTcpProxy *m = counted_proxy(e, "outbound", DIR_OUTBOUND, l->service);
    if (l->idle_ns) m->idle_timeout = pb_duration(e->a, l->idle_ns);
    if (only.n) return to_cluster(e, m, only);
    PbTcpWeightedCluster *all = NEW(e->a, TcpWeightedCluster);
    for (each(w, l->clusters)) PB_ADD(e->a, all, clusters, weight(e->a, w->cluster, w->weight));
    if (l->denied) PB_ADD(e->a, all, clusters, weight(e->a, S(CLUSTER_NONE), l->denied));
    PB_ONE(m, weighted_clusters, all);
    return encode_filter(e->a, FILTER_TCP_PROXY, &m->base);
}

PbFilter *encode_tcp(struct encoder *e, const char *stat_prefix, struct str cluster, struct encoded_logs logs)
{
    return to_cluster(e, proxy(e, stat_prefix, logs), cluster);
}

PbFilter *encode_tcp_inbound(struct encoder *e, const struct plan_chain *p)
{
    return to_cluster(e, counted_proxy(e, "inbound", DIR_INBOUND, p->service), p->local_cluster);
}
