#include "platform/local/probe.h"

#include <event2/bufferevent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "platform/local/reaper.h"

enum { EAGER_FIRST_MS = 50, EAGER_MAX_MS = 500 };

struct probe {
    struct probe_spec spec;
    struct probe_count count;
    struct event *timer, *deadline;
    int64_t period_ms, timeout_ms, counted_at; /* when a failure was last counted, mono ns; 0: never */
    int64_t eager_ms;
    struct http_call *call;
    struct bufferevent *connection;
    pid_t pid;
};

const char *const probe_names[PROBE_KINDS] = {"startupProbe", "readinessProbe", "livenessProbe"};

bool probe_count(struct probe_count *c, bool ok)
{
    if (ok) {
        c->failures = 0;
        if (++c->successes < c->success_threshold || c->verdict == 1) return false;
        c->verdict = 1;
        return true;
    }
    c->successes = 0;
    if (++c->failures < c->failure_threshold) return false;
    c->failures = 0;
    c->verdict = 0;
    return true;
}

int probe_port(const json_t *container, const json_t *port)
{
    if (json_is_integer(port)) return (int)json_integer_value(port);
    size_t i;
    json_t *p;
    json_array_foreach(
        doc_at(container, "ports"), i,
        p) if (json_is_string(port) &&
               str_is(doc_text(p, "name"), json_string_value(port))) return (int)doc_int(p, "containerPort", 0);
    return json_is_string(port) ? atoi(json_string_value(port)) : 0;
}

static void wait_ms(struct event *e, int64_t ms)
{
    struct timeval t = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(e, &t);
}

static void stop_attempt(struct probe *p)
{
    http_call_cancel(p->call);
    p->call = NULL;
    if (p->connection) bufferevent_free(p->connection);
    p->connection = NULL;
    if (p->pid) {
        reaper_forget(p->pid);
        kill(-p->pid, SIGKILL);
    }
    p->pid = 0;
    event_del(p->deadline);
}

static bool is_eager(const struct probe *p) { return p->spec.kind != PROBE_LIVENESS && p->count.verdict != 1; }

static int64_t next_wait(struct probe *p)
{
    if (!is_eager(p)) return p->period_ms;
    int64_t ms = p->eager_ms < p->period_ms ? p->eager_ms : p->period_ms;
    if (p->eager_ms < EAGER_MAX_MS) p->eager_ms *= 2;
    return ms;
}

static void finish(struct probe *p, bool ok, const char *why)
{
    stop_attempt(p);
    int64_t now = clock_mono_ns();
    bool counts = ok || !is_eager(p) || !p->counted_at || now - p->counted_at >= p->period_ms * 1000000;
    if (counts && !ok) p->counted_at = now;
    bool tell = counts && probe_count(&p->count, ok);
    wait_ms(p->timer, next_wait(p));
    if (tell) p->spec.verdict(p->spec.arg, p->spec.kind, ok, why);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    finish(arg, false, "no answer in time");
}

/* ---- http and grpc ---- */

static void on_http(void *arg, const struct http_answer *answer)
{
    struct probe *p = arg;
    char why[96];
    p->call = NULL;
    snprintf(why, sizeof why, "HTTP status %d", answer->status);
    bool ok = answer->ok && answer->status >= 200 && answer->status < 400;
    finish(p, ok, answer->ok ? why : answer->err.text);
}

static void try_http(struct probe *p, const json_t *get)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str host = doc_text(get, "host"), path = doc_text(get, "path");
    bool tls = str_is(doc_text(get, "scheme"), "HTTPS");
    struct http_call_options opt = {.timeout_ms = p->timeout_ms, .no_verify = true, .no_reuse = true};
    opt.url =
        str_fmt(a, "%s://%.*s:%d%s%.*s", tls ? "https" : "http", STR_FMT(host.n ? host : str_of(p->spec.address)),
                probe_port(p->spec.container, doc_at(get, "port")), str_starts(path, S("/")) ? "" : "/", STR_FMT(path))
            .p;
    size_t i;
    json_t *h;
    LIST(struct str) headers = {0};
    json_array_foreach(doc_at(get, "httpHeaders"), i, h)
        list_push(a, &headers, str_fmt(a, "%.*s: %.*s", STR_FMT(doc_text(h, "name")), STR_FMT(doc_text(h, "value"))));
    list_push(a, &headers, S("User-Agent: kube-probe/1.31"));
    opt.headers = (struct strs){headers.v, headers.n};
    p->call = http_call_start(p->spec.http, &opt, on_http, p);
}

/* The answer is one frame: flags, length, HealthCheckResponse{status (1): SERVING (1)}. */
static void on_grpc(void *arg, const struct http_answer *answer)
{
    struct probe *p = arg;
    p->call = NULL;
    bool ok = answer->ok && str_eq(answer->body, str_make("\0\0\0\0\2\10\1", 7));
    finish(p, ok, answer->ok ? "the service says that it does not serve" : answer->err.text);
}

static void try_grpc(struct probe *p, const json_t *grpc)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf body SCOPED_BUF = {0};
    struct str service = str_sub(doc_text(grpc, "service"), 0, 120);
    char head[7] = {0, 0, 0, 0, (char)(service.n ? service.n + 2 : 0), 10, (char)service.n};
    buf_add(&body, head, service.n ? 7 : 5);
    buf_str(&body, service);
    struct str headers[] = {S("Content-Type: application/grpc"), S("TE: trailers")};
    struct http_call_options opt = {
        .h2c = true, .no_reuse = true, .timeout_ms = p->timeout_ms, .headers = {headers, 2}, .body = buf_view(&body)};
    opt.url = str_fmt(a, "http://%s:%d/grpc.health.v1.Health/Check", p->spec.address,
                      probe_port(p->spec.container, doc_at(grpc, "port")))
                  .p;
    p->call = http_call_start(p->spec.http, &opt, on_grpc, p);
}

/* ---- tcp ---- */

static void on_connection(struct bufferevent *connection, short what, void *arg)
{
    (void)connection;
    finish(arg, what & BEV_EVENT_CONNECTED, "the connection was refused");
}

static void try_tcp(struct probe *p, const json_t *tcp)
{
    char where[64];
    struct sockaddr_storage to;
    int n = sizeof to;
    snprintf(where, sizeof where, "%s:%d", p->spec.address, probe_port(p->spec.container, doc_at(tcp, "port")));
    if (evutil_parse_sockaddr_port(where, (struct sockaddr *)&to, &n) < 0) return finish(p, false, "it names no port");
    p->connection = bufferevent_socket_new(p->spec.base, -1, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(p->connection, NULL, NULL, on_connection, p);
    bufferevent_socket_connect(p->connection, (struct sockaddr *)&to, n);
}

/* ---- exec ---- */

static void on_command_end(void *arg, int status)
{
    struct probe *p = arg;
    p->pid = 0;
    finish(p, WIFEXITED(status) && WEXITSTATUS(status) == 0, "the command failed");
}

static void try_exec(struct probe *p, const json_t *exec)
{
    const char *argv[128];
    size_t i, n = 0;
    json_t *word;
    json_array_foreach(doc_at(exec, "command"), i, word) if (n < 127) argv[n++] = json_string_value(word);
    argv[n] = NULL;
    p->pid = n ? p->spec.exec(p->spec.arg, argv) : 0;
    if (!p->pid) return finish(p, false, "the command cannot be run");
    reaper_watch(p->pid, on_command_end, p);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct probe *p = arg;
    const json_t *how;
    wait_ms(p->deadline, p->timeout_ms);
    if ((how = doc_at(p->spec.probe, "httpGet"))) return try_http(p, how);
    if ((how = doc_at(p->spec.probe, "grpc"))) return try_grpc(p, how);
    if ((how = doc_at(p->spec.probe, "tcpSocket"))) return try_tcp(p, how);
    try_exec(p, doc_at(p->spec.probe, "exec"));
}

struct probe *probe_new(const struct probe_spec *spec)
{
    struct probe *p = xcalloc(1, sizeof *p);
    p->spec = *spec;
    p->count = (struct probe_count){.success_threshold = doc_int(spec->probe, "successThreshold", 1),
                                    .failure_threshold = doc_int(spec->probe, "failureThreshold", 3),
                                    .verdict = -1};
    p->period_ms = doc_int(spec->probe, "periodSeconds", 10) * 1000;
    p->timeout_ms = doc_int(spec->probe, "timeoutSeconds", 1) * 1000;
    if (p->period_ms < 1000) p->period_ms = 10000;
    if (p->timeout_ms < 1000) p->timeout_ms = 1000;
    p->eager_ms = EAGER_FIRST_MS;
    p->timer = evtimer_new(spec->base, on_timer, p);
    p->deadline = evtimer_new(spec->base, on_deadline, p);
    wait_ms(p->timer, doc_int(spec->probe, "initialDelaySeconds", 0) * 1000);
    return p;
}

void probe_free(struct probe *p)
{
    if (!p) return;
    stop_attempt(p);
    event_free(p->timer);
    event_free(p->deadline);
    free(p);
}
