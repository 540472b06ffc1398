#include "base/names.h"
#include "envoy/encode.h"

/* Per listener; series beyond these are dropped, so that nobody can fill a sidecar's memory, and idle ones are evicted.
 * A scope shared by name would limit them together, but ends Envoy 1.40 with a crash when it shuts down. */
enum { MAX_COUNTERS = 1000, MAX_HISTOGRAMS = 250 };

struct tag {
    const char *name, *value;
};

/* The caller's side knows both ends: itself from Envoy's environment, which the injector wrote (read once; node
 * metadata would cost an expression per request and 10 kB per listener), the other from the endpoint. */
#define SELF(variable) "%ENVIRONMENT(" variable ")%"
#define PEER(key)      "%UPSTREAM_METADATA(" METADATA_OSM ":" key ")%"
static const struct tag outbound_tags[] = {
    {"direction", "outbound"},
    {"source_namespace", SELF("POD_NAMESPACE")},
    {"source_kind", SELF("WORKLOAD_KIND")},
    {"source_name", SELF("WORKLOAD_NAME")},
    {"source_pod", SELF("POD_NAME")},
    {"destination_kind", PEER("kind")},
    {"destination_name", PEER("name")},
    {"destination_pod", "%UPSTREAM_HOST_NAME%"},
};
/* The server's side knows the caller by certificate only: an account, no pod. */
static const struct tag inbound_tags[] = {
    {"direction", "inbound"},
    {"source_identity", "%DOWNSTREAM_PEER_URI_SAN%"},
    {"destination_kind", SELF("WORKLOAD_KIND")},
    {"destination_name", SELF("WORKLOAD_NAME")},
    {"destination_pod", SELF("POD_NAME")},
};
static const struct {
    const struct tag *v;
    size_t n;
    const char *tls;
} sides[] = {
    [DIR_OUTBOUND] = {outbound_tags, sizeof outbound_tags / sizeof *outbound_tags, "%UPSTREAM_TLS_VERSION%"},
    [DIR_INBOUND] = {inbound_tags, sizeof inbound_tags / sizeof *inbound_tags, "%DOWNSTREAM_TLS_VERSION%"},
};

static void add_tag(struct arena *a, PbStat *s, const char *name, const char *value)
{
    PbStatTag *t = NEW(a, StatTag);
    t->name = (char *)name;
    t->value_format = (char *)value;
    PB_ADD(a, s, tags, t);
}

static PbStat *stat(struct arena *a, const char *name, enum direction d, struct str service)
{
    PbStat *s = NEW(a, Stat);
    s->name = (char *)name;
    for (size_t i = 0; i < sides[d].n; i++) add_tag(a, s, sides[d].v[i].name, sides[d].v[i].value);
    struct str ns, rest;
    key_split(service, &ns, &rest);
    add_tag(a, s, "destination_namespace", service.n ? str_c(a, ns) : "-");
    add_tag(a, s, "destination_service", service.n ? str_c(a, service) : "-");
    return s;
}

/* |value| NULL: one for each. */
static PbStatCounter *counter(struct arena *a, const char *name, enum direction d, struct str service,
                              const char *value)
{
    PbStatCounter *m = NEW(a, StatCounter);
    m->stat = stat(a, name, d, service);
    m->value_format = (char *)value;
    if (value) return m;
    m->value_fixed = NEW(a, U64);
    m->value_fixed->value = 1;
    return m;
}

static PbStatCounter *requests(struct arena *a, enum direction d, struct str service)
{
    PbStatCounter *m = counter(a, "request_total", d, service, NULL);
    add_tag(a, m->stat, "response_code", "%RESPONSE_CODE%");
    add_tag(a, m->stat, "tls", sides[d].tls);
    return m;
}

static PbStatHistogram *durations(struct arena *a, enum direction d, struct str service)
{
    PbStatHistogram *m = NEW(a, StatHistogram);
    m->stat = stat(a, "request_duration_ms", d, service);
    m->unit = ENVOY__EXTENSIONS__ACCESS_LOGGERS__STATS__V3__CONFIG__HISTOGRAM__UNIT__Milliseconds;
    m->value_format = "%DURATION%";
    return m;
}

static PbStatsLog *stats_log(struct arena *a)
{
    PbStatScope *scope = NEW(a, StatScope);
    scope->prefix = "osm";
    scope->enable_eviction = true;
    scope->max_counters = pb_u32(a, MAX_COUNTERS);
    scope->max_histograms = pb_u32(a, MAX_HISTOGRAMS);
    PbStatsLog *m = NEW(a, StatsLog);
    m->stats_scope = scope;
    return m;
}

static PbAccessLog *log_of(struct arena *a, const PbStatsLog *m)
{
    PbAccessLog *log = NEW(a, AccessLog);
    log->name = "envoy.access_loggers.stats";
    PB_ONE(log, typed_config, ANY(a, m));
    return log;
}

PbAccessLog *encode_request_stats(struct encoder *e, enum direction d, struct str service)
{
    struct arena *a = e->a;
    PbStatsLog *m = stats_log(a);
    PB_ADD(a, m, counters, requests(a, d, service));
    PB_ADD(a, m, histograms, durations(a, d, service));
    return log_of(a, m);
}

PbLogFilter *encode_log_moment(struct arena *a, int type)
{
    PbLogTypeFilter *moment = NEW(a, LogTypeFilter);
    PB_ADD(a, moment, types, type);
    PbLogFilter *m = NEW(a, LogFilter);
    PB_ONE(m, log_type_filter, moment);
    return m;
}

/* What Envoy itself could not connect: no endpoint (the share of a split that is closed has none), nobody listening,
 * no handshake. A server that refuses a client after it has shown its certificate is not among them. */
static PbLogFilter *when_unconnected(struct arena *a)
{
    static const char *const flags[] = {"UF", "UH", "URX", "NC"};
    PbResponseFlagFilter *f = NEW(a, ResponseFlagFilter);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) PB_ADD(a, f, flags, (char *)flags[i]);
    PbLogFilter *m = NEW(a, LogFilter);
    PB_ONE(m, response_flag_filter, f);
    return m;
}

static PbAccessLog *counters_at(struct arena *a, PbLogFilter *when, PbStatCounter *one, PbStatCounter *two)
{
    PbStatsLog *m = stats_log(a);
    PB_ADD(a, m, counters, one);
    if (two) PB_ADD(a, m, counters, two);
    PbAccessLog *log = log_of(a, m);
    log->filter = when;
    return log;
}

struct encoded_logs encode_connection_stats(struct encoder *e, enum direction d, struct str service)
{
    struct arena *a = e->a;
    struct encoded_logs out = {0};
    PbStatCounter *begun = counter(a, "tcp_connection_total", d, service, NULL),
                  *failed = counter(a, "tcp_failed_total", d, service, NULL),
                  *sent = counter(a, "tcp_sent_bytes_total", d, service, "%BYTES_SENT%"),
                  *received = counter(a, "tcp_received_bytes_total", d, service, "%BYTES_RECEIVED%");
    add_tag(a, begun->stat, "tls", sides[d].tls);
    list_push(a, &out, counters_at(a, encode_log_moment(a, LOG_MOMENT(TcpUpstreamConnected)), begun, NULL));
    list_push(a, &out, counters_at(a, encode_log_moment(a, LOG_MOMENT(TcpConnectionEnd)), sent, received));
    list_push(a, &out, counters_at(a, when_unconnected(a), failed, NULL));
    return out;
}
