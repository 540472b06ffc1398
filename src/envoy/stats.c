#include "envoy/encode.h"

/* Per listener; series beyond these are dropped, so that nobody can fill a sidecar's memory, and idle ones are evicted.
 * A scope shared by name would limit them together, but ends Envoy 1.40 with a crash when it shuts down. */
enum { MAX_COUNTERS = 1000, MAX_HISTOGRAMS = 250 };

struct tag {
    const char *name, *value;
};

/* The caller's side knows both ends: itself from its node, the other from the endpoint. */
#define NODE(key) "%CEL(xds.node.metadata." key ")%"
#define PEER(key) "%UPSTREAM_METADATA(" METADATA_OSM ":" key ")%"
static const struct tag outbound_tags[] = {
    {"direction", "outbound"},          {"source_namespace", NODE("namespace")},
    {"source_kind", NODE("kind")},      {"source_name", NODE("name")},
    {"source_pod", NODE("pod")},        {"destination_namespace", PEER("namespace")},
    {"destination_kind", PEER("kind")}, {"destination_name", PEER("name")},
    {"destination_pod", PEER("pod")},
};
/* The server's side knows the caller by certificate only: an account, no pod. */
static const struct tag inbound_tags[] = {
    {"direction", "inbound"},
    {"source_identity", "%DOWNSTREAM_PEER_URI_SAN%"},
    {"destination_namespace", NODE("namespace")},
    {"destination_kind", NODE("kind")},
    {"destination_name", NODE("name")},
    {"destination_pod", NODE("pod")},
};
static const struct {
    const struct tag *v;
    size_t n;
} tags_of[] = {
    [DIR_OUTBOUND] = {outbound_tags, sizeof outbound_tags / sizeof *outbound_tags},
    [DIR_INBOUND] = {inbound_tags, sizeof inbound_tags / sizeof *inbound_tags},
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
    for (size_t i = 0; i < tags_of[d].n; i++) add_tag(a, s, tags_of[d].v[i].name, tags_of[d].v[i].value);
    add_tag(a, s, "destination_service", str_c(a, service));
    return s;
}

static PbStatCounter *requests(struct arena *a, enum direction d, struct str service)
{
    PbU64 *one = NEW(a, U64);
    one->value = 1;
    PbStatCounter *m = NEW(a, StatCounter);
    m->stat = stat(a, "request_total", d, service);
    add_tag(a, m->stat, "response_code", "%RESPONSE_CODE%");
    m->value_fixed = one;
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

PbAccessLog *encode_request_stats(struct encoder *e, enum direction d, struct str service)
{
    struct arena *a = e->a;
    PbStatScope *scope = NEW(a, StatScope);
    scope->prefix = "osm";
    scope->enable_eviction = true;
    scope->max_counters = pb_u32(a, MAX_COUNTERS);
    scope->max_histograms = pb_u32(a, MAX_HISTOGRAMS);
    PbStatsLog *m = NEW(a, StatsLog);
    m->stats_scope = scope;
    PB_ADD(a, m, counters, requests(a, d, service));
    PB_ADD(a, m, histograms, durations(a, d, service));
    PbAccessLog *log = NEW(a, AccessLog);
    log->name = "envoy.access_loggers.stats";
    PB_ONE(log, typed_config, ANY(a, m));
    return log;
}
