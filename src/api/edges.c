#include "api/edges.h"

#include <math.h>
#include <stdlib.h>

#include "api/samples.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/names.h"
#include "net/http_client.h"

enum { MAX_BUCKETS = 64, SCRAPE_MS = 1000 };

struct bucket {
    double le, count; /* cumulative */
};

/* Sums over all proxies that call this way. */
struct edge {
    double requests, good, denied; /* TCP: connections; of them nothing is known; those that could not be made */
    double sent, received;         /* TCP: bytes of connections that have ended */
    bool is_tcp;
    struct bucket buckets[MAX_BUCKETS];
    size_t n_buckets;
    char tls[16];
};

struct edges {
    struct http_client *http;
    struct map before; /* "from to protocol" → struct edge of the call before */
    int64_t before_ns;
};

struct scrape {
    struct edges *owner;
    struct map now;
    size_t waiting;
    int64_t started_ns;
    void (*done)(void *arg, json_t *edges);
    void *arg;
};

struct edges *edges_new(struct event_base *base, struct err *err)
{
    struct edges *e = xcalloc(1, sizeof *e);
    e->http = http_client_new(base, err);
    if (e->http) return e;
    free(e);
    return NULL;
}

static void forget(struct map *m)
{
    void *v;
    for (size_t it = 0; map_next(m, &it, NULL, &v);) free(v);
    map_release(m);
}

void edges_free(struct edges *e)
{
    if (!e) return;
    http_client_free(e->http);
    forget(&e->before);
    free(e);
}

/* ---- reading one proxy ---- */

static struct edge *edge_of(struct map *m, const struct sample *s, bool is_tcp, struct arena *a)
{
    struct str key = str_fmt(a, "%.*s/%.*s %.*s %s", STR_FMT(sample_label(s, "source_namespace")),
                             STR_FMT(sample_label(s, "source_name")), STR_FMT(sample_label(s, "destination_service")),
                             is_tcp ? "tcp" : "http");
    struct edge *e = map_get(m, key);
    if (e) return e;
    e = xcalloc(1, sizeof *e);
    e->is_tcp = is_tcp;
    map_put(m, key, e);
    return e;
}

static void add_tls(struct edge *e, const struct sample *s)
{
    struct str tls = sample_label(s, "tls");
    if (tls.n > 1 && tls.n < sizeof e->tls) memcpy(e->tls, tls.p, tls.n);
}

static void add_requests(struct edge *e, const struct sample *s)
{
    int64_t code = 0;
    if (!str_to_i64(sample_label(s, "response_code"), 0, 999, &code)) code = 0;
    e->requests += s->value;
    if (code == 403) e->denied += s->value;
    if (code >= 100 && code < 400) e->good += s->value;
    add_tls(e, s);
}

static void add_bucket(struct edge *e, const struct sample *s, struct arena *a)
{
    struct str le = sample_label(s, "le");
    double bound = str_is(le, "+Inf") ? INFINITY : strtod(str_c(a, le), NULL);
    size_t i = 0;
    while (i < e->n_buckets && e->buckets[i].le < bound) i++;
    if (i < e->n_buckets && e->buckets[i].le == bound) {
        e->buckets[i].count += s->value;
    } else if (e->n_buckets < MAX_BUCKETS) {
        memmove(&e->buckets[i + 1], &e->buckets[i], (e->n_buckets - i) * sizeof *e->buckets);
        e->buckets[i] = (struct bucket){bound, s->value};
        e->n_buckets++;
    }
}

static void add_connections(struct edge *e, const struct sample *s)
{
    if (str_is(s->name, "osm_tcp_connection_total")) e->requests += s->value, add_tls(e, s);
    if (str_is(s->name, "osm_tcp_failed_total")) e->denied += s->value;
    if (str_is(s->name, "osm_tcp_sent_bytes_total")) e->sent += s->value;
    if (str_is(s->name, "osm_tcp_received_bytes_total")) e->received += s->value;
}

static void take_proxy(struct map *m, struct str text)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct samples all = samples_parse(text, S("osm_"), a);
    for (each(s, all)) {
        if (!str_is(sample_label(s, "direction"), "outbound")) continue;
        if (str_is(s->name, "osm_request_total"))
            add_requests(edge_of(m, s, false, a), s);
        else if (str_is(s->name, "osm_request_duration_ms_bucket"))
            add_bucket(edge_of(m, s, false, a), s, a);
        else if (str_starts(s->name, S("osm_tcp_")))
            add_connections(edge_of(m, s, true, a), s);
    }
}

/* ---- the answer ---- */

static double at_bound(const struct edge *e, double le)
{
    for (size_t i = 0; e && i < e->n_buckets; i++)
        if (e->buckets[i].le == le) return e->buckets[i].count;
    return 0;
}

/* Upper bound of the bucket in which the 99th of 100 calls since |before| lies; negative: no calls. */
static double p99(const struct edge *now, const struct edge *before)
{
    double all = at_bound(now, INFINITY) - at_bound(before, INFINITY);
    if (all <= 0) return -1;
    for (size_t i = 0; i < now->n_buckets; i++) {
        double n = now->buckets[i].count - at_bound(before, now->buckets[i].le);
        if (n >= all * 0.99) return now->buckets[i].le;
    }
    return INFINITY;
}

static struct str p99_text(struct arena *a, const struct edge *now, const struct edge *before)
{
    double v = p99(now, before);
    if (v < 0) return S("-");
    return isinf(v) ? S("> 1 h") : v < 10 ? str_fmt(a, "%.1f ms", v) : str_fmt(a, "%.0f ms", v);
}

static json_t *edge_json(struct str key, const struct edge *now, const struct edge *before, double seconds)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str rest = key, from = str_cut(&rest, ' '), to = str_cut(&rest, ' ');
    double n = now->requests - (before ? before->requests : 0), good = now->good - (before ? before->good : 0);
    struct str rate = seconds > 0 ? str_fmt(a, "%.1f%s", n / seconds, now->is_tcp ? " conn" : "") : S("-");
    struct str success = n > 0 && !now->is_tcp ? str_fmt(a, "%.1f%%", 100 * good / n) : S("-");
    struct str latency = p99_text(a, now, before);
    json_t *j =
        json_pack("{s:s%, s:s%, s:s, s:I, s:s%, s:s%, s:s%, s:I, s:s}", "from", from.p, from.n, "to", to.p ? to.p : "",
                  to.n, "protocol", now->is_tcp ? "tcp" : "http", now->is_tcp ? "connections" : "requests",
                  (json_int_t)now->requests, "rate", rate.p, rate.n, "success", success.p, success.n, "p99", latency.p,
                  latency.n, "denied", (json_int_t)now->denied, "tls", now->tls[0] ? now->tls : "-");
    if (now->is_tcp) json_object_set_new(j, "sentBytes", json_integer((json_int_t)now->sent));
    if (now->is_tcp) json_object_set_new(j, "receivedBytes", json_integer((json_int_t)now->received));
    return j;
}

static void scrape_end(struct scrape *s)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct edges *e = s->owner;
    struct strs keys = map_keys(&s->now, a);
    double seconds = e->before_ns ? (double)(s->started_ns - e->before_ns) / 1e9 : 0;
    json_t *all = json_array();
    for (size_t i = 0; i < keys.n; i++)
        json_array_append_new(
            all, edge_json(keys.v[i], map_get(&s->now, keys.v[i]), map_get(&e->before, keys.v[i]), seconds));
    forget(&e->before);
    e->before = s->now;
    e->before_ns = s->started_ns;
    s->done(s->arg, all);
    json_decref(all);
    free(s);
}

static void proxy_answered(void *arg, const struct http_answer *answer)
{
    struct scrape *s = arg;
    if (answer->ok && answer->status == 200) take_proxy(&s->now, answer->body);
    if (--s->waiting == 0) scrape_end(s);
}

void edges_get(struct edges *e, const struct xds_status *st, void (*done)(void *arg, json_t *edges), void *arg)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct scrape *s = xcalloc(1, sizeof *s);
    *s = (struct scrape){.owner = e, .started_ns = clock_mono_ns(), .done = done, .arg = arg, .waiting = st->proxies.n};
    for (each(p, st->proxies)) {
        struct str host =
            str_sub(p->address, 0, (size_t)(str_rfind(p->address, ':') < 0 ? 0 : str_rfind(p->address, ':')));
        const char *url = str_fmt(a, "http://%.*s:%d/stats/prometheus", STR_FMT(host), PORT_METRICS).p;
        http_call_start(e->http, &(struct http_call_options){.url = url, .timeout_ms = SCRAPE_MS}, proxy_answered, s);
    }
    if (s->waiting == 0) scrape_end(s);
}
