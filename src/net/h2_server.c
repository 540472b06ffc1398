/* HTTP/2 sessions on the connections of one loop. Between bursts a connection holds no buffers of ours: bytes are
 * read into and written from the server's own, and only what the socket refuses is kept. */
#include <errno.h>
#include <event2/event_struct.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/h2.h"
#include "net/listen.h"
#include "net/tls.h"

enum {
    READ_SIZE = 16 << 10,
    WRITE_SIZE = 64 << 10,
    BURST = 16, /* reads or writes before others get their turn */
    MAX_CONNECTIONS = 65536,
    MANY = 256, /* connections that came at once: their handshakes and first responses leave the heap full of holes */
    MAX_SHAKING = 64, /* handshakes under way; further ones wait in the order in which their first bytes came */
};
static const int64_t second = 1000000000;
static const int64_t late = 10 * second, grace = 10 * second;
static const int64_t patience = second; /* a slower handshake goes on, but keeps nobody waiting */

struct conn {
    struct h2_server *server;
    struct conn *prev, *next, *next_waiting;
    int fd;
    SSL *ssl;
    struct event read, write, turn;
    struct h2_session *session; /* NULL: in the handshake */
    struct h2_peer peer;
    struct buf pending; /* what the socket did not take */
    int64_t begun;      /* the handshake; 0: not yet */
    int64_t opened, last_read, blocked, pinged, last_busy, ends;
    unsigned pongs;
    bool is_leaving, has_failed, is_waiting, is_shaking;
};

struct h2_server {
    struct event_base *base;
    SSL_CTX *tls;
    int fd;
    struct event *accept, *tick;
    struct h2_server_options opt;
    struct h2_handler other;
    struct h2_grpc grpc;
    struct conn *conns;
    size_t n, shaking;
    size_t opened;                       /* since the heap was last trimmed */
    struct conn *waiting, **waiting_end; /* their first bytes are there; for their handshake */
    struct buf out;
    char in[READ_SIZE];
};

/* ---- the turn for a handshake: work is limited, not connections, and memory with it ---- */
static void begin_handshake(struct conn *c)
{
    c->begun = clock_mono_ns();
    c->is_shaking = true;
    c->server->shaking++;
}

static void wait_for_turn(struct conn *c)
{
    struct h2_server *s = c->server;
    event_del(&c->read);
    c->is_waiting = true;
    c->next_waiting = NULL;
    *s->waiting_end = c;
    s->waiting_end = &c->next_waiting;
}

static void stop_waiting(struct conn *c)
{
    struct h2_server *s = c->server;
    struct conn **at = &s->waiting;
    if (!c->is_waiting) return;
    while (*at != c) at = &(*at)->next_waiting;
    *at = c->next_waiting;
    if (!*at) s->waiting_end = at;
    c->is_waiting = false;
}

/* Its place is for the next. */
static void end_handshake(struct conn *c)
{
    struct h2_server *s = c->server;
    if (!c->is_shaking) return;
    c->is_shaking = false;
    s->shaking--;
    struct conn *next = s->waiting;
    if (!next) return;
    stop_waiting(next);
    begin_handshake(next);
    event_add(&next->read, NULL);
}

static void conn_free(struct conn *c)
{
    struct h2_server *s = c->server;
    stop_waiting(c);
    end_handshake(c);
    event_del(&c->read);
    event_del(&c->write);
    event_del(&c->turn);
    h2_session_free(c->session);
    if (c->ssl) {
        if (c->session && !c->has_failed) SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
        ERR_clear_error();
    }
    close(c->fd);
    buf_free(&c->pending);
    free((char *)c->peer.spiffe_id.p);
    free((char *)c->peer.address.p);
    if (c->prev) c->prev->next = c->next;
    if (c->next) c->next->prev = c->prev;
    if (s->conns == c) s->conns = c->next;
    s->n--;
    free(c);
}

/* ---- bytes: > 0 so many, 0 would block, < 0 over ---- */
static ssize_t tls_result(struct conn *c, int rc)
{
    if (rc > 0) return rc;
    int code = SSL_get_error(c->ssl, rc);
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) return 0;
    c->has_failed = code == SSL_ERROR_SSL || code == SSL_ERROR_SYSCALL;
    ERR_clear_error();
    return -1;
}

static ssize_t plain_result(ssize_t n)
{
    if (n > 0) return n;
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static ssize_t conn_read(struct conn *c, void *p, size_t n)
{
    if (!c->ssl) return plain_result(recv(c->fd, p, n, 0));
    return tls_result(c, SSL_read(c->ssl, p, (int)n));
}

static ssize_t conn_write(struct conn *c, const void *p, size_t n)
{
    if (!c->ssl) return plain_result(send(c->fd, p, n, MSG_NOSIGNAL));
    return tls_result(c, SSL_write(c->ssl, p, (int)n));
}

/* ---- writing ---- */
static bool wait_to_write(struct conn *c)
{
    if (!c->blocked) c->blocked = clock_mono_ns();
    event_add(&c->write, NULL);
    return true;
}

static bool write_pending(struct conn *c)
{
    while (c->pending.n) {
        ssize_t n = conn_write(c, c->pending.p, c->pending.n);
        if (n < 0) return false;
        if (!n) return wait_to_write(c);
        c->blocked = 0;
        buf_drop(&c->pending, (size_t)n);
    }
    buf_free(&c->pending);
    return true;
}

static bool write_fresh(struct conn *c, const struct buf *out)
{
    for (size_t at = 0; at < out->n;) {
        ssize_t n = conn_write(c, out->p + at, out->n - at);
        if (n < 0) return false;
        if (n) c->blocked = 0;
        at += (size_t)n;
        if (n) continue;
        buf_add(&c->pending, out->p + at, out->n - at);
        return wait_to_write(c);
    }
    return true;
}

/* False: the connection must be freed. */
static bool flush(struct conn *c)
{
    struct buf *out = &c->server->out;
    for (int i = 0; i < BURST; i++) {
        if (!write_pending(c)) return false;
        if (c->pending.n) return true;
        buf_reset(out);
        if (!h2_session_take(c->session, out, WRITE_SIZE)) return false;
        if (!out->n) return !h2_session_is_over(c->session) && !(c->is_leaving && !h2_session_streams(c->session));
        if (!write_fresh(c, out)) return false;
    }
    event_active(&c->turn, EV_TIMEOUT, 0);
    return true;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct conn *c = arg;
    if (c->session && !flush(c)) conn_free(c);
}

/* The session has something to say outside of our own reading: after the current event. */
static void wants_write(void *arg)
{
    struct conn *c = arg;
    event_active(&c->turn, EV_TIMEOUT, 0);
}

/* ---- reading ---- */
static struct str keep(struct str s) { return str_make(xstrndup(s.p ? s.p : "", s.n), s.n); }

static bool begin_session(struct conn *c, const struct tls_peer *peer)
{
    c->peer.has_certificate = peer->has_certificate;
    c->peer.ends = peer->ends;
    c->peer.spiffe_id = keep(peer->spiffe_id);
    struct h2_server *s = c->server;
    struct h2_session_options o = {.peer = &c->peer,
                                   .other = s->opt.other ? &s->other : NULL,
                                   .grpc = s->opt.grpc ? &s->grpc : NULL,
                                   .mail = s->opt.mail,
                                   .wants_write = wants_write,
                                   .arg = c};
    struct err err = {0};
    c->session = h2_session_new(&o, &err);
    if (!c->session) log_error("%s", err.text);
    return c->session != NULL;
}

/* 1: finished; 0: not yet; -1: failed */
static int handshake(struct conn *c)
{
    struct tls_peer peer = {0};
    if (!c->ssl) return begin_session(c, &peer) ? 1 : -1;
    if (!c->begun && c->server->shaking >= MAX_SHAKING) {
        wait_for_turn(c);
        return 0;
    }
    if (!c->begun) begin_handshake(c);
    int rc = SSL_accept(c->ssl);
    if (rc != 1 && SSL_get_error(c->ssl, rc) == SSL_ERROR_WANT_WRITE) event_add(&c->write, NULL);
    struct err err = {0};
    if (rc != 1 && tls_result(c, rc) < 0) {
        log_debug("%.*s: TLS handshake failed", STR_FMT(c->peer.address));
        return -1;
    }
    if (rc != 1) return 0;
    end_handshake(c);
    struct arena *a SCOPED_ARENA = arena_new();
    bool ok = tls_peer_of(c->ssl, a, &peer, &err) && begin_session(c, &peer);
    if (!ok) log_info("%.*s: connection refused: %s", STR_FMT(c->peer.address), err.text);
    return ok ? 1 : -1;
}

/* False: the connection must be freed. */
static bool read_some(struct conn *c)
{
    for (int i = 0; i < BURST; i++) {
        ssize_t n = conn_read(c, c->server->in, READ_SIZE);
        if (n < 0) return false;
        if (!n) return true;
        c->last_read = clock_mono_ns();
        if (!h2_session_feed(c->session, c->server->in, (size_t)n)) {
            flush(c);
            return false;
        }
        if (c->ssl && !SSL_has_pending(c->ssl)) return true; /* the loop says if more comes */
    }
    event_active(&c->read, EV_READ, 0);
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct conn *c = arg;
    int ready = c->session ? 1 : handshake(c);
    if (ready < 0 || (ready && (!read_some(c) || !flush(c)))) conn_free(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    if (!c->session)
        on_readable(fd, what, arg);
    else if (!flush(c))
        conn_free(c);
}

/* ---- coming ---- */
/* |age| and up to a tenth more or less: peers that came together must not leave together. */
/* Any time up to |ns|. */
static int64_t some_of(int64_t ns)
{
    uint32_t r = 0;
    if (getrandom(&r, sizeof r, 0) != sizeof r) return ns / 2;
    return (int64_t)((double)ns * r / UINT32_MAX);
}

static int64_t jittered(int64_t age) { return age - age / 10 + some_of(age / 5); }

void h2_server_adopt(struct h2_server *s, int fd)
{
    int one = 1, max = s->opt.max_connections ? s->opt.max_connections : MAX_CONNECTIONS;
    if (s->n >= (size_t)max) {
        log_warn("connection refused: there are %d already", max);
        close(fd);
        return;
    }
    SSL *ssl = s->tls ? SSL_new(s->tls) : NULL;
    if (s->tls && (!ssl || SSL_set_fd(ssl, fd) != 1)) { /* never in plain text instead */
        struct err err = {0};
        if (!tls_err(&err, "connection refused")) log_warn("%s", err.text);
        SSL_free(ssl);
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct conn *c = xcalloc(1, sizeof *c);
    char address[64];
    peer_address(fd, address);
    c->server = s;
    c->fd = fd;
    c->peer.address = keep(str_of(address));
    c->opened = c->last_read = c->last_busy = clock_mono_ns();
    c->ends = s->opt.max_age_ns ? c->opened + jittered(s->opt.max_age_ns) : INT64_MAX;
    c->ssl = ssl;
    if (ssl) SSL_set_read_ahead(ssl, 1); /* a record's head and body by one call of the system */
    if (ssl) SSL_set_accept_state(ssl);
    event_assign(&c->read, s->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->write, s->base, fd, EV_WRITE, on_writable, c);
    event_assign(&c->turn, s->base, -1, EV_PERSIST, on_turn, c);
    event_add(&c->read, NULL);
    c->next = s->conns;
    if (c->next) c->next->prev = c;
    s->conns = c;
    s->n++;
    s->opened++;
    if (!c->ssl) on_readable(fd, EV_READ, c);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    for (int i = 0; i < 4 * BURST; i++) {
        int con = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (con < 0) return;
        h2_server_adopt(arg, con);
    }
}

/* ---- going ---- */
static void leave(struct conn *c, const char *why, int64_t now)
{
    c->is_leaving = true;
    c->ends = now + grace;
    h2_session_goaway(c->session, why);
}

static void keep_alive(struct conn *c, int64_t now)
{
    const struct h2_server_options *o = &c->server->opt;
    if (c->pinged && h2_session_pongs(c->session) != c->pongs) c->pinged = 0;
    if (c->pinged || !o->keepalive_ns || now - c->last_read < o->keepalive_ns) return;
    c->pinged = now;
    c->pongs = h2_session_pongs(c->session);
    h2_session_ping(c->session);
}

/* Why the connection has to go at once, or NULL. */
static const char *overdue(struct conn *c, int64_t now)
{
    int64_t idle = c->server->opt.idle_close_ns;
    if (!c->session && now - c->begun > patience) end_handshake(c);
    if (!c->session && c->is_waiting) return NULL;
    if (!c->session) return now - (c->begun ? c->begun : c->opened) > late ? "the TLS handshake is late" : NULL;
    if (h2_session_streams(c->session)) c->last_busy = now;
    if (h2_session_is_late(c->session, late)) return "a request is late";
    if (c->blocked && now - c->blocked > idle) return "it does not read";
    if (c->pinged && now - c->pinged > idle) return "it does not answer PING";
    if (now - c->last_busy > idle) return "it is idle";
    if (c->is_leaving && now > c->ends) return "it is too old";
    return NULL;
}

static void check(struct conn *c, int64_t now, int64_t unix_now)
{
    const char *why = overdue(c, now);
    if (why) {
        log_debug("%.*s: connection closed: %s", STR_FMT(c->peer.address), why);
        conn_free(c);
        return;
    }
    if (!c->session) return;
    keep_alive(c, now);
    if (c->is_leaving) return;
    if (now > c->ends)
        leave(c, "this connection has reached its age", now);
    else if (c->peer.has_certificate && unix_now >= c->peer.ends)
        leave(c, "the client certificate has ended", now);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct h2_server *s = arg;
    int64_t now = clock_mono_ns(), unix_now = clock_unix_s();
    bool is_busy = false;
    for (struct conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        is_busy = is_busy || !c->session || c->blocked;
        check(c, now, unix_now);
    }
    if (is_busy || s->opened < MANY) return;
    malloc_trim(0);
    s->opened = 0;
}

/* ---- the server ---- */
static struct timeval tick_of(const struct h2_server_options *o)
{
    int64_t ns = second, each[] = {o->idle_close_ns, o->keepalive_ns, o->max_age_ns};
    for (size_t i = 0; i < 3; i++)
        if (each[i] && each[i] / 4 < ns) ns = each[i] / 4;
    return (struct timeval){ns / second, ns % second / 1000};
}

struct h2_server *h2_server_new(struct event_base *base, const struct h2_server_options *opt, struct err *err)
{
    (void)err;
    struct h2_server *s = xcalloc(1, sizeof *s);
    s->base = base;
    s->waiting_end = &s->waiting;
    s->opt = *opt;
    if (!s->opt.idle_close_ns) s->opt.idle_close_ns = 60 * second;
    s->fd = opt->listen_fd;
    if (opt->other) s->other = *opt->other;
    if (opt->grpc) s->grpc = *opt->grpc;
    h2_server_set_tls(s, opt->tls);
    struct timeval tick = tick_of(&s->opt);
    s->tick = event_new(base, -1, EV_PERSIST, on_tick, s);
    event_add(s->tick, &tick);
    if (s->fd < 0) return s;
    s->accept = event_new(base, s->fd, EV_READ | EV_PERSIST, on_accept, s);
    event_add(s->accept, NULL);
    return s;
}

void h2_server_free(struct h2_server *s)
{
    if (!s) return;
    while (s->conns) {
        if (s->conns->session) h2_session_goaway(s->conns->session, "the server is ending");
        if (s->conns->session) flush(s->conns);
        conn_free(s->conns);
    }
    if (s->accept) event_free(s->accept);
    if (s->fd >= 0) close(s->fd);
    event_free(s->tick);
    SSL_CTX_free(s->tls);
    buf_free(&s->out);
    free(s);
}

void h2_server_set_tls(struct h2_server *s, SSL_CTX *tls)
{
    if (tls) SSL_CTX_up_ref(tls);
    SSL_CTX_free(s->tls);
    s->tls = tls;
}

void h2_server_drain(struct h2_server *s, int64_t over_ns)
{
    int64_t now = clock_mono_ns(), tick_us = over_ns / 1000 / 64;
    for (struct conn *c = s->conns; c; c = c->next) {
        int64_t ends = now + some_of(over_ns);
        if (!c->is_leaving && ends < c->ends) c->ends = ends;
    }
    struct timeval tick = {tick_us / 1000000, tick_us % 1000000};
    event_add(s->tick, &tick);
}

size_t h2_server_connections(const struct h2_server *s) { return s->n; }
