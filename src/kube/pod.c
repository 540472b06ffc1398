#include "kube/pod.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "kube/channels.h"
#include "kube/client_internal.h"
#include "kube/request.h"
#include "kube/websocket.h"

enum { TIMEOUT_MS = 30000, MAX_BYTES = 16 << 20, PIECE = 16384 };

/* One WebSocket from its upgrade to its end. */
struct session {
    struct kube_client *client;
    const char *path;
    const char *protocols;
    /* Upgraded; may be NULL. */
    void (*opened)(void *arg, struct websocket *w);
    /* A message; false: done, or failed with |err|. */
    bool (*message)(void *arg, struct str bytes, struct err *err);
    void *arg;
    int64_t deadline_ns;

    struct http_socket *socket;
    struct websocket *ws;
    struct event *event;
    bool is_opened, is_done, is_refused; /* refused: 401 */
    struct err err;
};

/* ---- bytes to and fro ---- */

static bool on_message(void *arg, struct str bytes)
{
    struct session *s = arg;
    if (s->message(s->arg, bytes, &s->err)) return true;
    s->is_done = true;
    return false;
}

/* The server's refusal, in the words of every other request. */
static void explain_refusal(struct session *s, const struct http_text *t)
{
    struct kube_request r = {.method = "GET", .path = s->path};
    struct http_answer h = {
        .ok = true, .status = t->status, .body = t->body, .content_type = http_text_header(t, "content-type")};
    struct kube_answer answer;
    json_t *owned = NULL;
    kube_answer_of(&r, &h, &owned, &answer);
    s->is_refused = t->status == 401;
    s->err = answer.err;
    if (!s->err.is_set) err_set(&s->err, "the server answers %d to the upgrade to a WebSocket", t->status);
    json_decref(owned);
}

static void fail(struct session *s)
{
    const struct http_text *refusal = websocket_refusal(s->ws);
    if (refusal) explain_refusal(s, refusal);
    s->is_done = true;
}

static void read_all(struct session *s)
{
    char piece[PIECE];
    ssize_t n = 0;
    while (!s->is_done && (n = http_socket_read(s->socket, piece, sizeof piece)) > 0)
        if (!websocket_feed(s->ws, str_make(piece, (size_t)n), &s->err)) fail(s);
    if (s->is_done) return;
    if (!s->is_opened && websocket_protocol(s->ws).n) {
        s->is_opened = true;
        if (s->opened) s->opened(s->arg, s->ws);
    }
    if (n == HTTP_SOCKET_END && !websocket_end(s->ws, &s->err)) fail(s);
    if (n == HTTP_SOCKET_END || websocket_is_closed(s->ws)) s->is_done = true;
}

static void write_all(struct session *s)
{
    struct buf *out = websocket_output(s->ws);
    ssize_t n;
    while (out->n && (n = http_socket_write(s->socket, out->p, out->n)) > 0) buf_drop(out, (size_t)n);
    /* When the other side is gone, reading says so. */
}

static int64_t left_ms(const struct session *s) { return (s->deadline_ns - clock_mono_ns()) / 1000000; }

static void on_ready(evutil_socket_t fd, short what, void *arg);

static void await(struct session *s)
{
    int64_t ms = left_ms(s) > 0 ? left_ms(s) : 0;
    struct timeval t = {ms / 1000, ms % 1000 * 1000};
    short kinds = (short)(EV_READ | (websocket_output(s->ws)->n ? EV_WRITE : 0));
    event_assign(s->event, kube_client_base(s->client), http_socket_fd(s->socket), kinds, on_ready, s);
    event_add(s->event, &t);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct session *s = arg;
    read_all(s);
    write_all(s);
    if (s->is_done) return;
    s->is_done =
        left_ms(s) <= 0 && !err_set(&s->err, "GET %.*s: no answer in time", (int)strcspn(s->path, "?"), s->path);
    if (!s->is_done) await(s);
}

/* ---- the connection ---- */

struct waiting {
    bool is_ready;
    struct err err;
};

static void on_credentials(void *arg, const struct err *err)
{
    struct waiting *w = arg;
    w->is_ready = true;
    if (err) w->err = *err;
}

static bool await_credentials(struct kube_client *c, struct err *err)
{
    struct waiting waiting = {0};
    struct credentials_wait w = {.ready = on_credentials, .arg = &waiting};
    waiting.is_ready = credentials_get(kube_client_credentials(c), &w);
    while (!waiting.is_ready) event_base_loop(kube_client_base(c), EVLOOP_ONCE);
    return !waiting.err.is_set || err_set(err, "%s", waiting.err.text);
}

/* "https://host:6443/base/api/…": the host, and what the request line says. */
static struct str take_apart(const char *url, struct str *target)
{
    const char *host = strstr(url, "//") + 2;
    size_t n = strcspn(host, "/");
    *target = str_of(host + n);
    return str_make(host, n);
}

static bool is_host(struct str header) { return str_starts(header, S("Host:")); }

static bool connect_now(struct session *s, struct arena *a, struct err *err)
{
    struct http_call_options o = {.keepalive = true, .timeout_ms = left_ms(s)};
    struct websocket_options w = {.protocols = str_of(s->protocols), .message = on_message, .arg = s};
    if (!await_credentials(s->client, err)) return false;
    kube_client_place(s->client, a, s->path, &o);
    s->socket = http_socket_open(&o, err);
    if (!s->socket) return false;
    w.host = take_apart(o.url, &w.target);
    for (size_t i = 0; i < o.headers.n; i++)
        if (is_host(o.headers.v[i]))
            w.host = str_trim(str_sub(o.headers.v[i], 5, o.headers.v[i].n));
        else
            list_push(a, &w.headers, o.headers.v[i]);
    s->ws = websocket_new(&w);
    s->event = event_new(kube_client_base(s->client), -1, 0, on_ready, s);
    return true;
}

static void disconnect(struct session *s)
{
    if (s->event) event_free(s->event);
    websocket_free(s->ws);
    http_socket_close(s->socket);
    s->event = NULL;
    s->ws = NULL;
    s->socket = NULL;
    s->is_opened = s->is_done = false;
}

/* False with |s|->err. */
static bool run_once(struct session *s)
{
    struct arena *a SCOPED_ARENA = arena_new();
    s->is_refused = false;
    err_clear(&s->err);
    if (connect_now(s, a, &s->err)) {
        write_all(s);
        await(s);
        while (!s->is_done) event_base_loop(kube_client_base(s->client), EVLOOP_ONCE);
    }
    disconnect(s);
    return !s->err.is_set;
}

static bool run(struct session *s, int64_t timeout_ms, struct err *err)
{
    s->deadline_ns = clock_mono_ns() + (timeout_ms ? timeout_ms : TIMEOUT_MS) * 1000000;
    bool ok = run_once(s);
    if (s->is_refused) {
        credentials_refused(kube_client_credentials(s->client));
        ok = run_once(s);
    }
    return ok || err_set(err, "%s", s->err.text);
}

static struct str path_of(struct arena *a, struct str ns, struct str pod, const char *sub)
{
    return str_of(
        kube_path(a, (struct kube_ref){.version = "v1", .plural = "pods", .ns = ns, .name = pod, .sub = sub}));
}

/* ---- exec ---- */

static bool on_exec_message(void *arg, struct str bytes, struct err *err)
{
    return exec_channels_take(arg, bytes, err);
}

bool kube_exec(struct kube_client *c, const struct kube_command *cmd, struct arena *a, struct kube_ended *out,
               struct err *err)
{
    struct buf path SCOPED_BUF = {0};
    struct exec_channels said = {.max = cmd->max_output ? cmd->max_output : MAX_BYTES};
    buf_fmt(&path, "%.*s?stdout=true&stderr=true", STR_FMT(path_of(a, cmd->ns, cmd->pod, "exec")));
    if (cmd->container) buf_fmt(&path, "&container=%.*s", STR_FMT(kube_escape(a, str_of(cmd->container))));
    for (size_t i = 0; i < cmd->argv.n; i++) buf_fmt(&path, "&command=%.*s", STR_FMT(kube_escape(a, cmd->argv.v[i])));
    struct session s = {.client = c,
                        .path = str_c(a, buf_view(&path)),
                        .protocols = "v5.channel.k8s.io, v4.channel.k8s.io",
                        .message = on_exec_message,
                        .arg = &said};
    bool ok = run(&s, cmd->timeout_ms, err);
    if (ok || said.status.n) { /* the command's end is known before the connection's */
        err_clear(err);
        ok = exec_channels_end(&said, &out->exit, err);
    }
    out->out = str_dup(a, buf_view(&said.out));
    out->errors = str_dup(a, buf_view(&said.errors));
    exec_channels_release(&said);
    return ok || err_wrap(err, "exec in pod %.*s/%.*s", STR_FMT(cmd->ns), STR_FMT(cmd->pod));
}

/* ---- a request to a port ---- */

struct port_call {
    struct forward_channels said;
    struct str request;
    struct arena *a;
    struct http_text *answer;
    enum http_text_state state;
};

static void on_port_open(void *arg, struct websocket *w)
{
    struct port_call *p = arg;
    websocket_send(w, p->request);
}

static bool on_port_message(void *arg, struct str bytes, struct err *err)
{
    struct port_call *p = arg;
    if (!forward_channels_take(&p->said, bytes, err)) return false;
    p->state = http_text_read(buf_view(&p->said.data), false, p->a, p->answer, err);
    return p->state == HTTP_TEXT_MORE;
}

/* The connection has ended, or was not made. */
static bool read_rest(struct port_call *p, uint16_t port, struct err *err)
{
    if (p->said.failure.n)
        return err_set(err, "port %d does not answer: %.*s", port, (int)p->said.failure.n, p->said.failure.p);
    if (p->state == HTTP_TEXT_MORE) p->state = http_text_read(buf_view(&p->said.data), true, p->a, p->answer, err);
    return p->state == HTTP_TEXT_WHOLE || err_wrap(err, "port %d", port);
}

static void keep_answer(struct port_call *p)
{
    struct http_text *t = p->answer;
    struct str *texts[] = {&t->reason, &t->head, &t->body};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) *texts[i] = str_dup(p->a, *texts[i]);
}

bool kube_port_get(struct kube_client *c, const struct kube_port_request *r, struct arena *a, struct http_text *out,
                   struct err *err)
{
    struct port_call p = {.said = {.max = r->max_answer ? r->max_answer : MAX_BYTES}, .a = a, .answer = out};
    p.request = str_fmt(a, "%cGET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 0, r->path);
    struct str path = str_fmt(a, "%.*s?ports=%d", STR_FMT(path_of(a, r->ns, r->pod, "portforward")), r->port);
    struct session s = {.client = c,
                        .path = path.p,
                        .protocols = "v4.channel.k8s.io",
                        .opened = on_port_open,
                        .message = on_port_message,
                        .arg = &p};
    bool ok = run(&s, r->timeout_ms, err) && read_rest(&p, r->port, err);
    if (ok) keep_answer(&p);
    forward_channels_release(&p.said);
    return ok || err_wrap(err, "pod %.*s/%.*s", STR_FMT(r->ns), STR_FMT(r->pod));
}
