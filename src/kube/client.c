#include "kube/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/metrics.h"
#include "kube/client_internal.h"
#include "kube/credentials.h"
#include "net/loop.h"

enum { TIMEOUT_MS = 30000, MAX_WARNINGS = 100, TIMES_WAITED = 5 };

struct kube_client {
    struct event_base *base;
    bool owns_base;
    struct arena *arena; /* of |config| and the texts below */
    struct kube_config config;
    const char *url, *connect_to, *host_header, *proxy;
    struct credentials *credentials;
    struct http_client *streams, *requests;
    struct kube_lists lists;
    bool no_streaming_lists;
    struct map warnings; /* texts that were logged */
    uint64_t random;
    struct kube_call *calls;
};

struct kube_call {
    struct kube_client *client;
    struct arena *arena; /* of |r| */
    struct kube_request r;
    void (*done)(void *arg, const struct kube_answer *answer);
    void *arg;
    struct http_call *http;
    struct event *timer; /* begins, waits for Retry-After, and ends */
    struct credentials_wait wait;
    struct err failed;
    int64_t deadline_ns, sent_ns; /* monotonic; deadline 0: none */
    bool was_refused, was_lost, has_data;
    int waited;
    struct kube_call *prev, *next;
};

static struct metric count = {.name = "osm_kube_request_count",
                              .help = "Requests to the Kubernetes API by answer; 0: none came",
                              .type = METRIC_COUNTER,
                              .labels = {"method", "code"}};
static const double seconds[] = {0.005, 0.025, 0.1, 0.5, 2.5, 10, 0};
static struct metric duration = {.name = "osm_kube_request_time",
                                 .help = "Seconds to the answer of the Kubernetes API, streams left out",
                                 .type = METRIC_HISTOGRAM,
                                 .labels = {"method"},
                                 .buckets = seconds};
static struct metric received = {.name = "osm_kube_received_bytes",
                                 .help = "Bytes of lists and watches from the Kubernetes API",
                                 .type = METRIC_COUNTER};

void kube_metrics_init(void)
{
    metric_register(&count);
    metric_register(&duration);
    kube_watch_metrics_init();
    metric_add(&received, 0, STR_NULL, STR_NULL, STR_NULL, STR_NULL);
}

/* ---- the client ---- */

static struct kube_config copy_config(struct arena *a, const struct kube_config *c)
{
    struct kube_config k = *c;
    struct str *texts[] = {&k.from,      &k.context,  &k.server,     &k.ns,         &k.tls_server_name,
                           &k.proxy_url, &k.roots,    &k.roots_file, &k.cert,       &k.cert_file,
                           &k.key,       &k.key_file, &k.token,      &k.token_file, &k.username,
                           &k.password,  &k.as_user,  &k.as_uid};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) *texts[i] = str_dup(a, *texts[i]);
    k.as_groups = (struct strs){0};
    for (size_t i = 0; i < c->as_groups.n; i++) list_push(a, &k.as_groups, str_dup(a, c->as_groups.v[i]));
    if (!c->exec) return k;
    struct kube_exec *e = arena_make(a, struct kube_exec);
    *e = *c->exec;
    e->command = str_dup(a, e->command);
    e->api_version = str_dup(a, e->api_version);
    e->install_hint = str_dup(a, e->install_hint);
    e->args = (struct strs){0};
    e->env = (struct kvs){0};
    for (size_t i = 0; i < c->exec->args.n; i++) list_push(a, &e->args, str_dup(a, c->exec->args.v[i]));
    for (each(v, c->exec->env)) list_push(a, &e->env, ((struct kv){str_dup(a, v->key), str_dup(a, v->value)}));
    k.exec = e;
    return k;
}

/* "https://host:6443/base" as "host:6443" and "/base". */
static void split_server(struct str server, struct str *scheme, struct str *host, struct str *base)
{
    ptrdiff_t colon = str_find(server, ':');
    struct str rest = str_sub(server, (size_t)colon + 3, server.n);
    ptrdiff_t slash = str_find(rest, '/');
    *scheme = str_sub(server, 0, (size_t)colon);
    *host = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
    *base = slash < 0 ? STR_NULL : str_sub(rest, (size_t)slash, rest.n);
}

/* A certificate for another name than the address has: the URL carries that name, and the connection goes to the
 * address all the same. */
static void set_place(struct kube_client *c)
{
    struct str scheme, host, base, name = c->config.tls_server_name;
    struct arena *a = c->arena;
    c->url = c->config.server.p;
    c->proxy = c->config.proxy_url.n ? c->config.proxy_url.p : NULL;
    split_server(c->config.server, &scheme, &host, &base);
    if (!name.n || !str_is(scheme, "https")) return;
    ptrdiff_t colon = str_rfind(host, ':');
    bool has_port = colon >= 0 && str_find(str_sub(host, (size_t)colon, host.n), ']') < 0;
    struct str port = has_port ? str_sub(host, (size_t)colon, host.n) : S(":443");
    c->url = str_fmt(a, "https://%.*s%.*s%.*s", STR_FMT(name), STR_FMT(port), STR_FMT(base)).p;
    c->connect_to = str_fmt(a, "%.*s%s", STR_FMT(host), has_port ? "" : ":443").p;
    c->host_header = str_fmt(a, "Host: %.*s", STR_FMT(host)).p;
}

static bool start(struct kube_client *c, struct err *err)
{
    if (!c->base) {
        c->base = loop_base_new(err);
        c->owns_base = true;
        if (!c->base) return false;
    }
    c->credentials = credentials_new(c->base, &c->config, err);
    if (!c->credentials) return false;
    c->streams = http_client_new(c->base, err);
    if (!c->streams) return false;
    c->requests = http_client_new(c->base, err);
    return c->requests != NULL;
}

struct kube_client *kube_client_new(struct event_base *base, const struct kube_config *config, struct err *err)
{
    struct kube_client *c = xcalloc(1, sizeof *c);
    c->base = base;
    c->arena = arena_new();
    c->config = copy_config(c->arena, config);
    c->random = (uint64_t)clock_mono_ns() | 1;
    set_place(c);
    if (start(c, err)) return c;
    kube_client_free(c);
    return NULL;
}

void kube_client_free(struct kube_client *c)
{
    if (!c) return;
    while (c->calls) kube_call_cancel(c->calls);
    http_client_free(c->streams);
    http_client_free(c->requests);
    credentials_free(c->credentials);
    map_release(&c->warnings);
    arena_free(c->arena);
    if (c->owns_base && c->base) event_base_free(c->base);
    free(c);
}

const struct kube_config *kube_client_config(const struct kube_client *c) { return &c->config; }
struct event_base *kube_client_base(const struct kube_client *c) { return c->base; }
struct credentials *kube_client_credentials(const struct kube_client *c) { return c->credentials; }
struct kube_lists *kube_client_lists(struct kube_client *c) { return &c->lists; }
bool kube_client_streams_lists(const struct kube_client *c) { return !c->no_streaming_lists; }
void kube_client_no_streaming_lists(struct kube_client *c) { c->no_streaming_lists = true; }

int64_t kube_jitter(struct kube_client *c, int64_t max)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return max > 0 ? (int64_t)(c->random % (uint64_t)max) : 0;
}

/* ---- what an answer says ---- */

static void read_status(struct kube_answer *out)
{
    const json_t *details = json_object_get(out->json, "details");
    out->go_on = json_text(json_object_get(out->json, "metadata"), "continue");
    if (!str_is(json_text(out->json, "kind"), "Status")) return;
    out->reason = json_text(out->json, "reason");
    out->message = json_text(out->json, "message");
    out->cause = json_text(json_array_get(json_object_get(details, "causes"), 0), "reason");
    const json_t *wait = json_object_get(details, "retryAfterSeconds");
    if (wait && !out->retry_after_ms) out->retry_after_ms = json_integer_value(wait) * 1000;
}

static bool is_gzip(struct str body) { return body.n >= 2 && (uint8_t)body.p[0] == 0x1f && (uint8_t)body.p[1] == 0x8b; }

static bool is_json(const struct http_answer *h) { return str_starts(h->content_type, S("application/json")); }

static const char *status_name(int status)
{
    static const struct {
        int status;
        const char *name;
    } names[] = {{400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {409, "Conflict"},
                 {410, "Gone"},
                 {415, "Unsupported Media Type"},
                 {422, "Invalid"},
                 {429, "Too Many Requests"},
                 {500, "Internal Server Error"},
                 {503, "Unavailable"},
                 {504, "Timeout"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].status == status) return names[i].name;
    return "no success";
}

static void read_body(struct kube_answer *out, json_t **owned, const struct http_answer *h, struct err *why)
{
    json_error_t e;
    if (is_gzip(h->body)) {
        err_set(why, "the answer is compressed, which nobody asked for");
        return;
    }
    if (!h->body.n || (!is_json(h) && h->body.p[0] != '{')) return;
    *owned = json_loadb(h->body.p, h->body.n, 0, &e);
    out->json = *owned;
    if (*owned)
        read_status(out);
    else if (is_json(h))
        err_set(why, "the answer is not JSON: %s", e.text);
}

static const char *method_of(const struct kube_request *r)
{
    return r->method ? r->method : r->body.p ? "POST" : "GET";
}

/* The path without what its query says: shorter, and the same for every try. */
static struct str short_path(const char *path) { return (struct str){path, strcspn(path, "?")}; }

void kube_answer_of(const struct kube_request *r, const struct http_answer *h, json_t **owned, struct kube_answer *out)
{
    struct err why = {0};
    struct str path = short_path(r->path);
    *out = (struct kube_answer){
        .status = h->ok || h->status ? h->status : 0, .body = h->body, .retry_after_ms = h->retry_after_ms};
    if (!h->ok)
        err_set(&why, "%s", h->err.text);
    else
        read_body(out, owned, h, &why);
    out->is_ok = h->ok && h->status >= 200 && h->status < 300 && !why.is_set;
    out->is_away = h->is_away || (h->ok && (h->status == 429 || h->status >= 500));
    if (out->is_ok) return;
    if (!h->ok)
        err_set(&out->err, "%s %.*s: %s", method_of(r), STR_FMT(path), why.text);
    else if (why.is_set)
        err_set(&out->err, "%s %.*s: %s (%d)", method_of(r), STR_FMT(path), why.text, h->status);
    else
        err_set(&out->err, "%s %.*s: %.*s (%d %s)", method_of(r), STR_FMT(path),
                STR_FMT(out->message.n ? out->message : S("refused")), h->status, status_name(h->status));
}

/* ---- a call ---- */

static void call_unlink(struct kube_call *k)
{
    *(k->prev ? &k->prev->next : &k->client->calls) = k->next;
    if (k->next) k->next->prev = k->prev;
}

static void call_free(struct kube_call *k)
{
    credentials_stop_waiting(k->client->credentials, &k->wait);
    event_free(k->timer);
    arena_free(k->arena);
    free(k);
}

static void finish(struct kube_call *k, const struct kube_answer *answer)
{
    call_unlink(k);
    k->done(k->arg, answer);
    call_free(k);
}

static void fail(struct kube_call *k, const char *text)
{
    struct kube_answer answer = {0};
    struct str path = short_path(k->r.path);
    err_set(&answer.err, "%s %.*s: %s", method_of(&k->r), STR_FMT(path), text);
    finish(k, &answer);
}

static void wait_ms(struct kube_call *k, int64_t ms)
{
    struct timeval t = {ms / 1000, ms % 1000 * 1000};
    event_add(k->timer, &t);
}

static int64_t left_ms(const struct kube_call *k)
{
    if (!k->deadline_ns) return INT64_MAX / 2;
    return (k->deadline_ns - clock_mono_ns()) / 1000000;
}

static void log_warning(struct kube_client *c, struct str text)
{
    if (!text.n || map_get(&c->warnings, text) || c->warnings.n >= MAX_WARNINGS) return;
    map_put(&c->warnings, text, c);
    log_warn("the Kubernetes API says: %.*s", STR_FMT(text));
}

/* What the client does by itself; true: the call goes on. */
static bool goes_on(struct kube_call *k, const struct kube_answer *answer)
{
    const char *method = method_of(&k->r);
    bool is_read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (k->has_data) return false;
    if (answer->status == 401 && !k->was_refused) {
        k->was_refused = true;
        credentials_refused(k->client->credentials);
        wait_ms(k, 0);
        return true;
    }
    if (k->r.no_retry) return false;
    if (answer->status == 0 && is_read && !k->was_lost && left_ms(k) > 0) {
        k->was_lost = true;
        wait_ms(k, kube_jitter(k->client, 100));
        return true;
    }
    int64_t wait = answer->retry_after_ms + kube_jitter(k->client, answer->retry_after_ms / 4 + 50);
    bool is_busy = (answer->status == 429 || answer->status == 503) && answer->retry_after_ms;
    if (!is_busy || k->waited >= TIMES_WAITED || wait >= left_ms(k)) return false;
    k->waited++;
    wait_ms(k, wait);
    return true;
}

static void count_answer(const struct kube_call *k, int status)
{
    char code[16];
    struct str method = str_of(method_of(&k->r));
    snprintf(code, sizeof code, "%d", status);
    metric_add(&count, 1, method, str_of(code), STR_NULL, STR_NULL);
    if (!k->r.is_stream)
        metric_observe(&duration, (double)(clock_mono_ns() - k->sent_ns) / 1e9, method, STR_NULL, STR_NULL, STR_NULL);
}

static void on_answer(void *arg, const struct http_answer *h)
{
    struct kube_call *k = arg;
    struct kube_answer answer;
    json_t *owned = NULL;
    k->http = NULL;
    kube_answer_of(&k->r, h, &owned, &answer);
    count_answer(k, answer.status);
    log_warning(k->client, h->warning);
    if (!goes_on(k, &answer)) finish(k, &answer);
    json_decref(owned);
}

static bool on_data(void *arg, struct str piece)
{
    struct kube_call *k = arg;
    k->has_data = true;
    metric_add(&received, (double)piece.n, STR_NULL, STR_NULL, STR_NULL, STR_NULL);
    return k->r.data(k->arg, piece);
}

static void on_head(void *arg, int status)
{
    struct kube_call *k = arg;
    if (k->r.started && status < 300) k->r.started(k->arg);
}

void kube_client_place(const struct kube_client *c, struct arena *a, const char *path, struct http_call_options *o)
{
    o->url = str_fmt(a, "%s%s", c->url, path).p;
    o->connect_to = c->connect_to;
    o->proxy = c->proxy;
    list_push(a, &o->headers, S("User-Agent: osm/" OSM_VERSION));
    if (c->host_header) list_push(a, &o->headers, str_of(c->host_header));
    credentials_fill(c->credentials, a, o);
}

static void send_now(struct kube_call *k)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct kube_client *c = k->client;
    int64_t left = left_ms(k);
    if (left <= 0) {
        fail(k, "no answer in time");
        return;
    }
    struct http_call_options o = {.method = method_of(&k->r),
                                  .body = k->r.body,
                                  .timeout_ms = k->deadline_ns ? left : -1,
                                  .max_body = k->r.max_body,
                                  .few_connections = true,
                                  .keepalive = true,
                                  .data = k->r.data ? on_data : NULL,
                                  .head = k->r.started ? on_head : NULL};
    list_push(a, &o.headers, str_fmt(a, "Accept: %s", k->r.accept ? k->r.accept : "application/json"));
    if (k->r.type) list_push(a, &o.headers, str_fmt(a, "Content-Type: %s", k->r.type));
    kube_client_place(c, a, k->r.path, &o);
    k->sent_ns = clock_mono_ns();
    k->http = http_call_start(k->r.is_stream ? c->streams : c->requests, &o, on_answer, k);
}

static void credentials_ready(void *arg, const struct err *err)
{
    struct kube_call *k = arg;
    if (err)
        fail(k, err->text);
    else
        send_now(k);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct kube_call *k = arg;
    if (credentials_get(k->client->credentials, &k->wait)) send_now(k);
}

static struct kube_request copy_request(struct arena *a, const struct kube_request *r)
{
    struct kube_request copy = *r;
    copy.path = str_c(a, str_of(r->path));
    if (r->method) copy.method = str_c(a, str_of(r->method));
    if (r->accept) copy.accept = str_c(a, str_of(r->accept));
    if (r->type) copy.type = str_c(a, str_of(r->type));
    if (r->body.p) copy.body = str_dup(a, r->body);
    return copy;
}

struct kube_call *kube_call_start(struct kube_client *c, const struct kube_request *r,
                                  void (*done)(void *arg, const struct kube_answer *answer), void *arg)
{
    struct kube_call *k = xcalloc(1, sizeof *k);
    int64_t ms = r->timeout_ms ? r->timeout_ms : TIMEOUT_MS;
    *k = (struct kube_call){.client = c, .arena = arena_new(), .done = done, .arg = arg, .next = c->calls};
    k->r = copy_request(k->arena, r);
    k->wait = (struct credentials_wait){.ready = credentials_ready, .arg = k};
    k->deadline_ns = ms < 0 ? 0 : clock_mono_ns() + ms * 1000000;
    k->timer = evtimer_new(c->base, on_timer, k);
    if (c->calls) c->calls->prev = k;
    c->calls = k;
    wait_ms(k, 0);
    return k;
}

void kube_call_cancel(struct kube_call *k)
{
    if (!k) return;
    http_call_cancel(k->http);
    call_unlink(k);
    call_free(k);
}

/* ---- blocking ---- */

struct fetch {
    struct arena *a;
    struct kube_answer *out;
    bool is_done;
};

static void drop_json(void *j) { json_decref(j); }

static void on_fetched(void *arg, const struct kube_answer *answer)
{
    struct fetch *f = arg;
    struct kube_answer *o = f->out;
    *o = *answer;
    struct str *texts[] = {&o->body, &o->reason, &o->message, &o->cause, &o->go_on};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) *texts[i] = str_dup(f->a, *texts[i]);
    if (answer->json) arena_on_free(f->a, drop_json, json_incref((json_t *)answer->json));
    f->is_done = true;
}

bool kube_fetch(struct kube_client *c, const struct kube_request *r, struct arena *a, struct kube_answer *out,
                struct err *err)
{
    struct fetch f = {.a = a, .out = out};
    kube_call_start(c, r, on_fetched, &f);
    while (!f.is_done) event_base_loop(c->base, EVLOOP_ONCE);
    return out->is_ok || err_set(err, "%s", out->err.text);
}
