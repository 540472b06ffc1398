#include "grpc.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

enum { HEAD = 9, MAX_FRAME = 16384, STREAM = 1, STREAM_WINDOW = 16 << 20, WINDOW = 24 << 20, DEFAULT_WINDOW = 65535 };

static struct grpc_options opt;

static uint32_t read32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(struct buf *b, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8) buf_char(b, (char)(v >> shift));
}

static void put_head(struct buf *b, size_t n, int type, int flags, uint32_t stream)
{
    put32(b, (uint32_t)n << 8 | (uint32_t)type);
    buf_char(b, (char)flags);
    put32(b, stream);
}

/* A literal without indexing; |index| names it in the static table, else |name| does. */
static void put_header(struct buf *b, int index, const char *name, const char *value)
{
    buf_char(b, (char)(index < 15 ? index : 15));
    if (index >= 15) buf_char(b, (char)(index - 15));
    if (!index) buf_char(b, (char)strlen(name)), buf_c(b, name);
    buf_char(b, (char)strlen(value));
    buf_c(b, value);
}

static void put_setting(struct buf *b, int id, uint32_t v)
{
    buf_char(b, 0), buf_char(b, (char)id);
    put32(b, v);
}

static void begin(struct link *l)
{
    struct grpc *g = (struct grpc *)l;
    struct buf b SCOPED_BUF = {0}, head SCOPED_BUF = {0};
    g->window = g->stream_window = g->initial_window = DEFAULT_WINDOW;
    buf_c(&b, NGHTTP2_CLIENT_MAGIC);
    put_head(&b, 18, NGHTTP2_SETTINGS, 0, 0);
    put_setting(&b, NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0);
    put_setting(&b, NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
    put_setting(&b, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW);
    put_head(&b, 4, NGHTTP2_WINDOW_UPDATE, 0, 0);
    put32(&b, WINDOW - DEFAULT_WINDOW);
    buf_c(&head, l->ssl ? "\x83\x87" : "\x83\x86"); /* :method POST, :scheme */
    put_header(&head, 4, NULL, opt.path);
    put_header(&head, 1, NULL, opt.authority);
    put_header(&head, 31, NULL, "application/grpc");
    put_header(&head, 0, "te", "trailers");
    put_head(&b, head.n, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, STREAM);
    buf_str(&b, buf_view(&head));
    link_send(l, b.p, b.n);
    opt.ops->opened(l);
}

/* What the windows let through. */
static void flush(struct grpc *g)
{
    struct buf b SCOPED_BUF = {0};
    size_t at = 0;
    while (at < g->queue.n && g->window > 0 && g->stream_window > 0) {
        int64_t n = (int64_t)(g->queue.n - at), least = g->window < g->stream_window ? g->window : g->stream_window;
        if (n > least) n = least;
        if (n > MAX_FRAME) n = MAX_FRAME;
        put_head(&b, (size_t)n, NGHTTP2_DATA, 0, STREAM);
        buf_add(&b, g->queue.p + at, (size_t)n);
        at += (size_t)n;
        g->window -= n;
        g->stream_window -= n;
    }
    buf_drop(&g->queue, at);
    if (!g->queue.n) buf_free(&g->queue);
    link_send(&g->link, b.p, b.n);
}

void grpc_send(struct grpc *g, struct str message)
{
    buf_char(&g->queue, 0);
    put32(&g->queue, (uint32_t)message.n);
    buf_str(&g->queue, message);
    flush(g);
}

void grpc_reset(struct grpc *g)
{
    buf_free(&g->in);
    buf_free(&g->message);
    buf_free(&g->queue);
    g->unacknowledged = 0;
}

/* ---- frames ---- */
static void end(struct grpc *g, int status)
{
    link_close(&g->link);
    opt.ops->ended(&g->link, status);
}

/* Our settings allow no header table, so that a block can be read without those before it. */
static int status_in(const unsigned char *p, size_t n)
{
    nghttp2_hd_inflater *in;
    int flags = 0, status = -1;
    if (nghttp2_hd_inflate_new(&in)) return -1;
    while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
        nghttp2_nv nv;
        ssize_t took = nghttp2_hd_inflate_hd2(in, &nv, &flags, p, n, 1);
        if (took < 0 || (!took && !flags)) break;
        p += took, n -= (size_t)took;
        if (flags & NGHTTP2_HD_INFLATE_EMIT && nv.namelen == 11 && !memcmp(nv.name, "grpc-status", 11))
            status = atoi((const char *)nv.value);
    }
    nghttp2_hd_inflate_del(in);
    return status;
}

static void take_data(struct grpc *g, const char *p, size_t n)
{
    buf_add(&g->message, p, n);
    size_t at = 0;
    while (g->link.state == LINK_UP && g->message.n - at >= 5) {
        size_t size = read32((const unsigned char *)g->message.p + at + 1);
        if (g->message.n - at < 5 + size) break;
        g->messages++;
        opt.ops->message(&g->link, str_make(g->message.p + at + 5, size));
        at += 5 + size;
    }
    buf_drop(&g->message, at < g->message.n ? at : g->message.n);
    if (!g->message.n) buf_free(&g->message);
}

static void widen(struct grpc *g, size_t n)
{
    struct buf b SCOPED_BUF = {0};
    g->unacknowledged += (uint32_t)n;
    if (g->unacknowledged < STREAM_WINDOW / 4) return;
    for (uint32_t stream = 0; stream <= STREAM; stream++) {
        put_head(&b, 4, NGHTTP2_WINDOW_UPDATE, 0, stream);
        put32(&b, g->unacknowledged);
    }
    g->unacknowledged = 0;
    link_send(&g->link, b.p, b.n);
}

static void take_settings(struct grpc *g, int flags, const unsigned char *p, size_t n)
{
    struct buf b SCOPED_BUF = {0};
    if (flags & NGHTTP2_FLAG_ACK) return;
    for (; n >= 6; p += 6, n -= 6) {
        if ((p[0] << 8 | p[1]) != NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) continue;
        g->stream_window += (int64_t)read32(p + 2) - g->initial_window;
        g->initial_window = read32(p + 2);
    }
    put_head(&b, 0, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0);
    link_send(&g->link, b.p, b.n);
    flush(g);
}

static void answer_ping(struct grpc *g, int flags, const unsigned char *p)
{
    struct buf b SCOPED_BUF = {0};
    if (flags & NGHTTP2_FLAG_ACK) return;
    put_head(&b, 8, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0);
    buf_add(&b, p, 8);
    link_send(&g->link, b.p, b.n);
}

static void take_frame(struct grpc *g, const unsigned char *head, size_t n)
{
    const unsigned char *p = head + HEAD;
    int flags = head[4];
    switch (head[3]) {
    case NGHTTP2_DATA:
        take_data(g, (const char *)p, n);
        if (g->link.state == LINK_UP) widen(g, n);
        return;
    case NGHTTP2_HEADERS:
        if (flags & NGHTTP2_FLAG_END_STREAM) end(g, status_in(p, n));
        return;
    case NGHTTP2_SETTINGS:
        take_settings(g, flags, p, n);
        return;
    case NGHTTP2_PING:
        if (n == 8) answer_ping(g, flags, p);
        return;
    case NGHTTP2_WINDOW_UPDATE:
        if (n == 4) *(read32(head + 5) ? &g->stream_window : &g->window) += read32(p);
        flush(g);
        return;
    case NGHTTP2_RST_STREAM:
        end(g, -1);
        return;
    default:
        return;
    }
}

/* Takes whole frames; returns how many bytes they were. */
static size_t take_frames(struct grpc *g, struct str in)
{
    size_t at = 0;
    while (g->link.state == LINK_UP && in.n - at >= HEAD) {
        const unsigned char *head = (const unsigned char *)in.p + at;
        size_t n = read32(head) >> 8;
        if (in.n - at < HEAD + n) break;
        take_frame(g, head, n);
        at += HEAD + n;
    }
    return at;
}

static void on_data(struct link *l, struct str in)
{
    struct grpc *g = (struct grpc *)l;
    bool is_split = g->in.n > 0;
    if (is_split) buf_str(&g->in, in);
    size_t at = take_frames(g, is_split ? buf_view(&g->in) : in);
    if (l->state != LINK_UP) {
        buf_free(&g->in);
        return;
    }
    if (!is_split && at < in.n) buf_add(&g->in, in.p + at, in.n - at);
    if (is_split) buf_drop(&g->in, at);
    if (!g->in.n) buf_free(&g->in);
}

static void on_down(struct link *l) { opt.ops->ended(l, -1); }

const struct link_ops *grpc_link_ops(const struct grpc_options *o)
{
    static const struct link_ops ops = {.up = begin, .data = on_data, .down = on_down};
    opt = *o;
    return &ops;
}
