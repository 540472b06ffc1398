/* probe_run.c - carries one probe out against the application on loopback. */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/probes.h"
#include "base/file.h"
#include "net/http_client.h"

enum { MAX_GRPC_ANSWER = 65536 };

struct probe_run {
    const struct probe *p;
    void (*done)(void *arg, const struct probe_outcome *out);
    void *arg;
    struct http_call *call;
    struct event *connected;
    int fd;
};

static void run_free(struct probe_run *r)
{
    if (r->connected) event_free(r->connected);
    if (r->fd >= 0) close(r->fd);
    free(r);
}

static void finish(struct probe_run *r, bool ok, int status, const char *text)
{
    struct probe_outcome out = {ok, ok ? 200 : status, text};
    r->done(r->arg, &out);
    run_free(r);
}

/* ---- http, https, grpc ---- */

static bool drop(void *arg, struct str piece)
{
    (void)arg, (void)piece;
    return true;
}

static void on_http(void *arg, const struct http_answer *answer)
{
    struct probe_run *r = arg;
    char text[64];
    if (!answer->ok) {
        finish(r, false, 503, answer->err.text);
        return;
    }
    snprintf(text, sizeof text, "the application answers %d", answer->status);
    bool ok = answer->status >= 200 && answer->status < 400;
    finish(r, ok, answer->status >= 400 ? answer->status : 503, text);
}

static void on_grpc(void *arg, const struct http_answer *answer)
{
    struct probe_run *r = arg;
    bool ok = answer->ok && answer->status == 200 && probe_grpc_is_serving(answer->body);
    finish(r, ok, 503,
           answer->ok ? ok ? "SERVING" : "the application's health service does not say SERVING" : answer->err.text);
}

static bool has_header(const struct probe *p, struct str name)
{
    for (each(h, p->headers))
        if (str_eq_nocase(str_sub(*h, 0, name.n), name)) return true;
    return false;
}

/* As the kubelet sends them; the application sees the host it would see without a mesh. */
static struct strs http_headers(struct arena *a, const struct probe *p, struct str host)
{
    struct strs all = {0};
    for (each(h, p->headers)) list_push(a, &all, *h);
    if (!has_header(p, S("Host:")) && !str_empty(host))
        list_push(a, &all, str_fmt(a, "Host: %.*s:%u", STR_FMT(host), p->port));
    if (!has_header(p, S("User-Agent:"))) list_push(a, &all, S("User-Agent: kube-probe/osm"));
    if (!has_header(p, S("Accept:"))) list_push(a, &all, S("Accept: */*"));
    list_push(a, &all, S("Connection: close"));
    return all;
}

static void start_http(struct probe_run *r, struct http_client *http, struct str host)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const struct probe *p = r->p;
    bool tls = p->kind == PROBE_HTTPS;
    struct http_call_options o = {
        .url = str_fmt(a, "http%s://127.0.0.1:%u%.*s", tls ? "s" : "", p->port, STR_FMT(p->path)).p,
        .headers = http_headers(a, p, host),
        .no_verify = tls,
        .no_reuse = true,
        .timeout_ms = p->timeout_s * 1000,
        .data = drop,
    };
    r->call = http_call_start(http, &o, on_http, r);
}

static void start_grpc(struct probe_run *r, struct http_client *http)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str headers[] = {S("Content-Type: application/grpc"), S("TE: trailers"), S("User-Agent: kube-probe/osm")};
    struct http_call_options o = {
        .url = str_fmt(a, "http://127.0.0.1:%u/grpc.health.v1.Health/Check", r->p->port).p,
        .h2c = true,
        .no_reuse = true,
        .headers = {headers, sizeof headers / sizeof *headers},
        .body = probe_grpc_request(a, r->p->service),
        .timeout_ms = r->p->timeout_s * 1000,
        .max_body = MAX_GRPC_ANSWER,
    };
    r->call = http_call_start(http, &o, on_grpc, r);
}

/* ---- tcp ---- */

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    struct probe_run *r = arg;
    int code = what & EV_TIMEOUT ? ETIMEDOUT : 0;
    socklen_t n = sizeof code;
    if (!code && getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n) < 0) code = errno;
    finish(r, code == 0, 503, code ? strerror(code) : "connected");
}

/* A failure to connect at once is seen as an error of the socket, on the loop like all others. */
static void start_tcp(struct probe_run *r, struct event_base *base)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(r->p->port)};
    struct timeval limit = {.tv_sec = r->p->timeout_s};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool failed = connect(r->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS;
    r->connected = event_new(base, r->fd, EV_WRITE, on_connected, r);
    event_add(r->connected, &limit);
    if (failed) event_active(r->connected, EV_TIMEOUT, 0);
}

struct probe_run *probe_start(struct event_base *base, struct http_client *http, const struct probe *p, struct str host,
                              void (*done)(void *arg, const struct probe_outcome *out), void *arg)
{
    struct probe_run *r = xcalloc(1, sizeof *r);
    *r = (struct probe_run){.p = p, .done = done, .arg = arg, .fd = -1};
    if (p->kind == PROBE_TCP)
        start_tcp(r, base);
    else if (p->kind == PROBE_GRPC)
        start_grpc(r, http);
    else
        start_http(r, http, host);
    return r;
}

void probe_cancel(struct probe_run *r)
{
    if (!r) return;
    http_call_cancel(r->call);
    run_free(r);
}
