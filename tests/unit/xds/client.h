/* client.h - a scripted delta-ADS client on a real socket, with mTLS, blocking: says exactly what the test says. */
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../net/pki.h"
#include "base/buf.h"
#include "net/tls.h"
#include "xds/xds.h"

struct ads_resource {
    struct str name, version, bytes;
};
struct ads_response {
    struct str type_url, nonce;
    struct ads_resource resources[256];
    size_t n;
    struct str removed[256];
    size_t n_removed;
    struct str raw;
};
struct ads {
    int fd;
    SSL *ssl;
    nghttp2_session *ng;
    struct arena *a;
    int32_t stream;
    struct buf out, in; /* of the ADS stream: to be sent, received and not yet decoded */
    bool is_deferred, is_closed, is_gone, has_goaway;
    bool does_not_read;
    int status; /* grpc-status, -1: none yet */
    char message[256];
    int pongs;
    size_t received; /* bytes of bodies */
};

/* ---- HTTP/2 ---- */
static ssize_t ads_data(nghttp2_session *ng, int32_t id, uint8_t *p, size_t n, uint32_t *flags,
                        nghttp2_data_source *source, void *arg)
{
    (void)ng, (void)id, (void)flags, (void)arg;
    struct ads *c = source->ptr;
    size_t take = c->out.n < n ? c->out.n : n;
    c->is_deferred = !take;
    if (!take) return NGHTTP2_ERR_DEFERRED;
    memcpy(p, c->out.p, take);
    buf_drop(&c->out, take);
    return (ssize_t)take;
}
static int ads_on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *arg)
{
    (void)ng, (void)flags, (void)id;
    struct ads *c = arg;
    buf_add(&c->in, p, n);
    c->received += n;
    return 0;
}
static int ads_on_header(nghttp2_session *ng, const nghttp2_frame *f, const uint8_t *name, size_t nn, const uint8_t *v,
                         size_t vn, uint8_t flags, void *arg)
{
    (void)ng, (void)f, (void)flags;
    struct ads *c = arg;
    if (nn == 11 && memcmp(name, "grpc-status", 11) == 0) c->status = atoi((const char *)v);
    if (nn == 12 && memcmp(name, "grpc-message", 12) == 0)
        snprintf(c->message, sizeof c->message, "%.*s", (int)vn, (const char *)v);
    return 0;
}
static int ads_on_frame(nghttp2_session *ng, const nghttp2_frame *f, void *arg)
{
    (void)ng;
    struct ads *c = arg;
    if (f->hd.type == NGHTTP2_PING && f->hd.flags & NGHTTP2_FLAG_ACK) c->pongs++;
    if (f->hd.type == NGHTTP2_GOAWAY) c->has_goaway = true;
    return 0;
}
static int ads_on_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg)
{
    (void)ng, (void)code;
    struct ads *c = arg;
    if (id == c->stream) c->is_closed = true;
    return 0;
}

static inline void ads_flush(struct ads *c)
{
    const uint8_t *p;
    for (ssize_t n; (n = nghttp2_session_mem_send(c->ng, &p)) > 0;)
        for (int sent; n > 0 && !c->is_gone; p += sent, n -= sent)
            if ((sent = SSL_write(c->ssl, p, (int)n)) <= 0) c->is_gone = true;
}

/* Reads what comes within |ms|; false: nothing came, or the connection is over. */
static inline bool ads_read(struct ads *c, int ms)
{
    char p[16384];
    ads_flush(c);
    if (c->is_gone) return false;
    if (!SSL_pending(c->ssl)) {
        struct pollfd at = {c->fd, POLLIN, 0};
        if (poll(&at, 1, ms) <= 0) return false;
    }
    int n = SSL_read(c->ssl, p, sizeof p);
    if (n <= 0 || nghttp2_session_mem_recv(c->ng, (uint8_t *)p, (size_t)n) < 0) c->is_gone = true;
    return !c->is_gone;
}

#define ADS_NV(n, v)                                                                                                   \
    {                                                                                                                  \
        (uint8_t *)(n), (uint8_t *)(v), strlen(n), strlen(v), 0                                                        \
    }

static inline struct ads *ads_connect(uint16_t port, struct pki *pki, const struct pki_leaf *leaf, bool small_window)
{
    struct ads *c = calloc(1, sizeof *c);
    struct err err = {0};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    c->a = arena_new();
    c->status = -1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) abort();
    struct tls_options o = {.roots = pki->root_pem, .alpn = "h2"};
    if (leaf) o.chain = leaf->chain, o.key = leaf->key;
    SSL_CTX *ctx = tls_client_context(&o, &err);
    c->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    if (!tls_expect_name(c->ssl, "osm-controller.osm-system.svc", &err)) abort();
    SSL_set_fd(c->ssl, c->fd);
    if (SSL_connect(c->ssl) != 1) c->is_gone = true;
    nghttp2_session_callbacks *cb;
    nghttp2_session_callbacks_new(&cb);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, ads_on_data);
    nghttp2_session_callbacks_set_on_header_callback(cb, ads_on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, ads_on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, ads_on_close);
    nghttp2_session_client_new(&c->ng, cb, c);
    nghttp2_session_callbacks_del(cb);
    nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, small_window ? 1000 : 16 << 20};
    nghttp2_submit_settings(c->ng, 0, &window, 1);
    if (!small_window) nghttp2_session_set_local_window_size(c->ng, 0, 0, 24 << 20);
    return c;
}

static inline void ads_open(struct ads *c, const char *path, const char *encoding)
{
    nghttp2_nv head[] = {ADS_NV(":method", "POST"),
                         ADS_NV(":scheme", "http"),
                         ADS_NV(":path", path),
                         ADS_NV(":authority", "osm-controller"),
                         ADS_NV("te", "trailers"),
                         ADS_NV("content-type", "application/grpc"),
                         ADS_NV("grpc-encoding", encoding)};
    nghttp2_data_provider from = {.source.ptr = c, .read_callback = ads_data};
    c->stream = nghttp2_submit_request(c->ng, NULL, head, 7, &from, NULL);
}

static inline struct ads *ads_new(uint16_t port, struct pki *pki, const struct pki_leaf *leaf)
{
    struct ads *c = ads_connect(port, pki, leaf, false);
    ads_open(c, "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources", "identity");
    return c;
}

static inline void ads_free(struct ads *c)
{
    nghttp2_session_del(c->ng);
    SSL_free(c->ssl);
    close(c->fd);
    buf_free(&c->out);
    buf_free(&c->in);
    arena_free(c->a);
    free(c);
}

/* ---- requests ---- */
static inline void pb_varint(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) buf_char(b, (char)(v | 0x80));
    buf_char(b, (char)v);
}
static inline void pb_bytes(struct buf *b, unsigned field, struct str s)
{
    pb_varint(b, field << 3 | 2);
    pb_varint(b, s.n);
    buf_str(b, s);
}
static inline void pb_text(struct buf *b, unsigned field, const char *s) { pb_bytes(b, field, str_of(s)); }

struct ads_request {
    const char *node, *nonce, *error;
    enum xds_type type;
    const char *subscribe[64], *unsubscribe[64]; /* NULL-terminated when fewer */
    struct ads_resource held[64];                /* name and version */
    size_t n_held;
    size_t ballast; /* bytes of node.extensions */
    int minor;      /* of Envoy's version 1.x.0; 0: not said */
};

static inline void ads_encode(struct buf *m, const struct ads_request *q)
{
    struct buf part SCOPED_BUF = {0};
    if (q->node) {
        pb_text(&part, 1, q->node);
        pb_text(&part, 2, "some-cluster");
        if (q->minor) {
            struct buf build SCOPED_BUF = {0};
            char numbers[] = {1 << 3, 1, 2 << 3, (char)q->minor};
            pb_bytes(&build, 1, str_make(numbers, sizeof numbers));
            pb_bytes(&part, 8, buf_view(&build));
        }
        if (q->ballast) {
            char *p = calloc(1, q->ballast);
            pb_bytes(&part, 9, str_make(p, q->ballast));
            free(p);
        }
        pb_bytes(m, 1, buf_view(&part));
    }
    pb_text(m, 2, xds_type_url(q->type));
    for (size_t i = 0; i < 64 && q->subscribe[i]; i++) pb_text(m, 3, q->subscribe[i]);
    for (size_t i = 0; i < 64 && q->unsubscribe[i]; i++) pb_text(m, 4, q->unsubscribe[i]);
    for (size_t i = 0; i < q->n_held; i++) {
        buf_reset(&part);
        pb_bytes(&part, 1, q->held[i].name);
        pb_bytes(&part, 2, q->held[i].version);
        pb_bytes(m, 5, buf_view(&part));
    }
    if (q->nonce) pb_text(m, 6, q->nonce);
    if (!q->error) return;
    buf_reset(&part);
    pb_varint(&part, 1 << 3);
    pb_varint(&part, 13);
    pb_text(&part, 2, q->error);
    pb_bytes(m, 7, buf_view(&part));
}

static inline void ads_send_raw(struct ads *c, struct str message, unsigned char flag)
{
    unsigned char head[5] = {flag};
    for (int i = 0; i < 4; i++) head[1 + i] = (unsigned char)(message.n >> (24 - 8 * i));
    buf_add(&c->out, head, 5);
    buf_str(&c->out, message);
    if (c->is_deferred) nghttp2_session_resume_data(c->ng, c->stream);
    ads_flush(c);
}

static inline void ads_send(struct ads *c, const struct ads_request *q)
{
    struct buf m SCOPED_BUF = {0};
    ads_encode(&m, q);
    ads_send_raw(c, buf_view(&m), 0);
}

/* ---- responses ---- */
static inline uint64_t pb_take(struct str *s)
{
    uint64_t v = 0;
    for (int shift = 0; s->n; shift += 7) {
        unsigned char b = (unsigned char)*s->p;
        *s = str_sub(*s, 1, s->n);
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) break;
    }
    return v;
}
/* The next field, length-delimited: all that responses have. */
static inline bool pb_next(struct str *s, unsigned *field, struct str *value)
{
    if (!s->n) return false;
    uint64_t tag = pb_take(s), n = pb_take(s);
    if ((tag & 7) != 2 || n > s->n) abort();
    *field = (unsigned)(tag >> 3);
    *value = str_sub(*s, 0, n);
    *s = str_sub(*s, n, s->n);
    return true;
}
static inline void ads_decode_resource(struct str s, struct ads_resource *r)
{
    unsigned f;
    struct str v, any, url = STR_NULL;
    while (pb_next(&s, &f, &v)) {
        if (f == 1) r->version = v;
        if (f == 3) r->name = v;
        if (f != 2) continue;
        any = v;
        while (pb_next(&any, &f, &v)) *(f == 1 ? &url : &r->bytes) = v;
    }
}
static inline struct ads_response *ads_decode(struct arena *a, struct str s)
{
    struct ads_response *r = arena_make(a, struct ads_response);
    unsigned f;
    struct str v;
    r->raw = s;
    while (pb_next(&s, &f, &v)) {
        if (f == 2) ads_decode_resource(v, &r->resources[r->n++]);
        if (f == 4) r->type_url = v;
        if (f == 5) r->nonce = v;
        if (f == 6) r->removed[r->n_removed++] = v;
    }
    return r;
}
static inline struct ads_response *ads_take(struct ads *c)
{
    const unsigned char *p = (const unsigned char *)c->in.p;
    if (c->in.n < 5) return NULL;
    size_t n = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
    if (c->in.n < 5 + n) return NULL;
    struct str m = str_dup(c->a, str_make(c->in.p + 5, n));
    buf_drop(&c->in, 5 + n);
    return ads_decode(c->a, m);
}
/* The next response within 10 s; NULL: the stream ended, or none. */
static inline struct ads_response *ads_next(struct ads *c)
{
    struct ads_response *r;
    while (!(r = ads_take(c)) && !c->is_closed && ads_read(c, 10000)) {}
    return r;
}
/* Everything that was to be said on what has been sent or published so far has arrived when this returns: two
 * PINGs, as an answer to the first may overtake data. */
static inline void ads_sync(struct ads *c)
{
    for (int i = 0; i < 2; i++) {
        int before = c->pongs;
        nghttp2_submit_ping(c->ng, 0, NULL);
        while (c->pongs == before && ads_read(c, 10000)) {}
    }
}
static inline bool ads_is_silent(struct ads *c)
{
    ads_sync(c);
    return c->in.n == 0;
}
static inline int ads_wait_end(struct ads *c)
{
    while (!c->is_closed && ads_read(c, 10000)) {}
    return c->status;
}
static inline void ads_answer(struct ads *c, const struct ads_response *r, const char *error)
{
    struct ads_request q = {.error = error};
    for (int t = 0; t < XDS_TYPE_COUNT; t++)
        if (str_is(r->type_url, xds_type_url((enum xds_type)t))) q.type = (enum xds_type)t;
    q.nonce = str_c(c->a, r->nonce);
    ads_send(c, &q);
}
static inline void ads_ack(struct ads *c, const struct ads_response *r) { ads_answer(c, r, NULL); }
