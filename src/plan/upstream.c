/* From what an UpstreamTrafficSetting says to what proxies must do. */
#include "mesh/upstream.h"
#include "plan/common.h"

static const int64_t ENVOY_CONNECT_TIMEOUT_NS = 5000000000; /* the default: nothing to say */

struct plan_connection plan_connection_of(const struct mesh_upstream *u)
{
    if (!u) return (struct plan_connection){0};
    const struct connection_settings *s = &u->spec.connection;
    int64_t timeout = s->tcp.connect_timeout_ns;
    return (struct plan_connection){.max_connections = s->tcp.max_connections,
                                    .max_pending = s->http.max_pending,
                                    .max_requests = s->http.max_requests,
                                    .max_retries = s->http.max_retries,
                                    .max_requests_per_connection = s->http.max_requests_per_connection,
                                    .connect_timeout_ns = timeout == ENVOY_CONNECT_TIMEOUT_NS ? 0 : timeout};
}

struct plan_timeouts plan_timeouts_of(const struct mesh_upstream *u)
{
    if (!u) return (struct plan_timeouts){0};
    return (struct plan_timeouts){.request_ns = u->spec.timeouts.request_ns, .idle_ns = u->spec.timeouts.idle_ns};
}

/* ---- which endpoint answers ------------------------------------------------------------------------------ */

static struct plan_ejection *ejection_of(struct arena *a, const struct outlier_ejection *s)
{
    if (!s) return NULL;
    struct plan_ejection *out = arena_array(a, struct plan_ejection, 1);
    *out = (struct plan_ejection){s->errors, s->interval_ns, s->time_ns, s->max_percent, s->min_healthy_percent};
    return out;
}

static struct plan_hash *hash_of(struct arena *a, const struct consistent_hash *s)
{
    if (!s) return NULL;
    struct plan_hash *out = arena_array(a, struct plan_hash, 1);
    *out = (struct plan_hash){.header = s->header, .source = s->source_address};
    if (!s->cookie) return out;
    out->cookie = s->cookie->name;
    out->cookie_path = s->cookie->path;
    out->cookie_ttl_ns = s->cookie->ttl_ns;
    return out;
}

struct plan_balance plan_balance_of(struct arena *a, const struct mesh_upstream *u)
{
    if (!u) return (struct plan_balance){0};
    struct plan_balance out = {.ejection = ejection_of(a, u->spec.ejection), .hash = hash_of(a, u->spec.balance.hash)};
    out.zone = u->spec.balance.prefer_zone && !out.hash;
    return out;
}

/* ---- limits of one proxy --------------------------------------------------------------------------------- */

static struct plan_bucket bucket_of(int64_t n, int64_t burst, int unit)
{
    static const int64_t seconds[] = {[RATE_SECOND] = 1, [RATE_MINUTE] = 60, [RATE_HOUR] = 3600};
    int64_t max = n + burst;
    return (struct plan_bucket){
        .max = max > UINT32_MAX ? UINT32_MAX : max, .fill = n, .interval_ns = seconds[unit] * 1000000000};
}

static struct plan_bucket *connections_of(struct arena *a, const struct local_tcp_limit *s)
{
    if (!s) return NULL;
    struct plan_bucket *out = arena_array(a, struct plan_bucket, 1);
    *out = bucket_of(s->connections, s->burst, s->unit);
    return out;
}

static struct plan_local_limit *requests_of(struct arena *a, const struct local_http_limit *s)
{
    if (!s) return NULL;
    struct plan_local_limit *out = arena_array(a, struct plan_local_limit, 1);
    *out = (struct plan_local_limit){.bucket = bucket_of(s->requests, s->burst, s->unit), .status = s->status};
    for (each(h, s->headers)) list_push(a, &out->headers, ((struct plan_header_value){h->name, h->value}));
    return out;
}

/* ---- limits of all proxies together ---------------------------------------------------------------------- */

static struct plan_match match_of(const struct header_matcher *m)
{
    struct plan_match out = {.name = m->name};
    const struct {
        int64_t kind;
        struct str text;
    } texts[] = {{PLAN_MATCH_EXACT, m->exact},
                 {PLAN_MATCH_PREFIX, m->prefix},
                 {PLAN_MATCH_SUFFIX, m->suffix},
                 {PLAN_MATCH_REGEX, m->regex},
                 {PLAN_MATCH_CONTAINS, m->contains}};
    out.kind = m->present == TRI_FALSE ? PLAN_MATCH_ABSENT : PLAN_MATCH_PRESENT;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].text.n) out.kind = texts[i].kind, out.text = texts[i].text;
    return out;
}

static struct plan_entry entry_of(struct arena *a, const struct http_entry *s)
{
    struct plan_entry out = {.kind = PLAN_ENTRY_ADDRESS};
    if (s->generic_key)
        out = (struct plan_entry){.kind = PLAN_ENTRY_FIXED, .key = s->generic_key->key, .value = s->generic_key->value};
    if (s->request_header)
        out = (struct plan_entry){
            .kind = PLAN_ENTRY_HEADER, .key = s->request_header->key, .header = s->request_header->name};
    const struct header_value_match *m = s->header_value_match;
    if (!m) return out;
    out = (struct plan_entry){.kind = PLAN_ENTRY_MATCH, .key = m->key, .value = m->value, .expect = m->expect_match};
    for (each(h, m->headers)) list_push(a, &out.headers, match_of(h));
    return out;
}

static void add_descriptors(struct arena *a, const struct http_descriptor *v, size_t n, struct plan_descriptor **out,
                            size_t *out_n)
{
    LIST(struct plan_descriptor) l = {0};
    for (size_t i = 0; i < n; i++) {
        struct plan_descriptor *d = list_add(a, &l);
        for (each(e, v[i].entries)) list_push(a, &d->entries, entry_of(a, e));
    }
    *out = l.v;
    *out_n = l.n;
}

static struct plan_global_limit *counted_by(struct limits_plan *p, const struct limit_service *s)
{
    struct plan_global_limit *out = arena_array(p->a, struct plan_global_limit, 1);
    *out = (struct plan_global_limit){.server = {.address = s->host, .port = s->port, .http2 = true}};
    out->server.cluster = str_fmt(p->a, "outside|limits|%.*s|%lld", STR_FMT(s->host), (long long)s->port);
    out->server.origin = p->upstream->title;
    for (each(have, *p->counters))
        if (str_eq(have->cluster, out->server.cluster)) return out;
    list_push(p->a, p->counters, out->server);
    return out;
}

static struct plan_global_limit *global_tcp_of(struct limits_plan *p, const struct global_tcp_limit *s)
{
    if (!s) return NULL;
    struct plan_global_limit *out = counted_by(p, &s->service);
    out->domain = s->domain;
    out->timeout_ns = s->timeout_ns;
    out->fail_open = s->fail_open;
    for (each(d, s->descriptors)) {
        struct plan_descriptor *to = list_add(p->a, &out->descriptors);
        for (each(e, d->entries))
            list_push(p->a, &to->entries,
                      ((struct plan_entry){.kind = PLAN_ENTRY_FIXED, .key = e->key, .value = e->value}));
    }
    return out;
}

static struct plan_global_limit *global_http_of(struct limits_plan *p, const struct global_http_limit *s)
{
    if (!s) return NULL;
    struct plan_global_limit *out = counted_by(p, &s->service);
    out->domain = s->domain;
    out->timeout_ns = s->timeout_ns;
    out->fail_open = s->fail_open;
    out->headers = s->x_ratelimit_headers;
    out->status = s->status;
    add_descriptors(p->a, s->descriptors.v, s->descriptors.n, &out->descriptors.v, &out->descriptors.n);
    return out;
}

static bool has_path(const struct plan_limits *l, struct str path)
{
    for (size_t i = 0; i < l->paths.n; i++)
        if (str_eq(l->paths.v[i].path, path)) return true;
    return false;
}

static void add_path(struct limits_plan *p, const struct http_route_setting *s, struct plan_limits *out)
{
    if (!s->limit || has_path(out, s->path)) return;
    struct plan_path_limit l = {.path = s->path, .local = requests_of(p->a, s->limit->local)};
    if (out->global_http)
        add_descriptors(p->a, s->limit->global.descriptors.v, s->limit->global.descriptors.n, &l.descriptors.v,
                        &l.descriptors.n);
    if (l.local || l.descriptors.n) list_push(p->a, &out->paths, l);
}

bool plan_has_limits(const struct plan_limits *l)
{
    return l->tcp || l->http || l->global_tcp || l->global_http || l->paths.n;
}

struct plan_limits plan_limits_of(struct limits_plan *p, bool is_http)
{
    struct plan_limits out = {0};
    const struct upstream_traffic_setting_spec *s = p->upstream ? &p->upstream->spec : NULL;
    const struct local_limit *local = s && s->limit ? s->limit->local : NULL;
    const struct global_limit *global = s && s->limit ? s->limit->global : NULL;
    if (local) out.tcp = connections_of(p->a, local->tcp);
    if (global) out.global_tcp = global_tcp_of(p, global->tcp);
    if (!is_http) return out;
    if (local) out.http = requests_of(p->a, local->http);
    if (global) out.global_http = global_http_of(p, global->http);
    for (size_t i = 0; s && i < s->routes.n; i++) add_path(p, &s->routes.v[i], &out);
    return out;
}
