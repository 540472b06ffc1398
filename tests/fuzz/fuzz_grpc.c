// rooms: net
/* gRPC's framing: the input is the body of a stream, cut into DATA frames; the messages that come out must be those
 * that a simple reading of the whole finds. */
#include <stdlib.h>

#include "net/h2.h"

enum { MAX_MESSAGE = 300 };
static struct buf got; /* lengths and bytes of whole messages */
static size_t in_message;

static bool accepts(void *arg, struct str path)
{
    (void)arg, (void)path;
    return true;
}
static void *on_open(void *arg, struct h2_stream *s, const struct h2_peer *peer)
{
    (void)arg, (void)peer;
    return s;
}
static void on_message(void *state, struct str piece, bool is_last)
{
    (void)state;
    buf_str(&got, piece);
    in_message += piece.n;
    if (in_message > MAX_MESSAGE) abort();
    if (!is_last) return;
    buf_fmt(&got, "|%zu|", in_message);
    in_message = 0;
}
static void on_closed(void *state) { (void)state; }

static void frame(struct buf *b, unsigned char type, unsigned char flags, const void *p, size_t n)
{
    const char head[9] = {0, (char)(n >> 8), (char)n, (char)type, (char)flags, 0, 0, 0, 1};
    buf_add(b, head, 9);
    buf_add(b, p, n);
}
/* The messages of the body, read plainly, in the same form. */
static void expect(struct buf *out, const uint8_t *p, size_t n)
{
    while (n >= 5) {
        size_t size = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
        if (p[0] || size > MAX_MESSAGE) return;
        size_t here = size < n - 5 ? size : n - 5;
        buf_add(out, p + 5, here);
        if (here < size) return;
        buf_fmt(out, "|%zu|", size);
        p += 5 + size;
        n -= 5 + size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct h2_peer peer;
    static const struct h2_grpc grpc = {accepts, on_open, on_message, on_closed, NULL, MAX_MESSAGE};
    static const char begin[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    /* :method POST, :scheme http, :path /x, :authority h, content-type application/grpc */
    static const char head[] = "\x83\x86\x04\x02/x\x01\x01h\x0f\x10\x10"
                               "application/grpc";
    struct h2_session_options o = {.peer = &peer, .grpc = &grpc};
    struct err err = {0};
    struct h2_session *s = h2_session_new(&o, &err);
    struct buf in = {0}, out = {0}, wanted = {0};
    if (size > 30000) size = 30000; /* within the window */
    buf_reset(&got);
    in_message = 0;
    buf_add(&in, begin, sizeof begin - 1);
    frame(&in, 1, 4, head, sizeof head - 1);
    size_t step = 1 + size % 13;
    for (size_t at = 0; at < size; at += step) frame(&in, 0, 0, data + at, size - at < step ? size - at : step);
    if (!h2_session_feed(s, in.p, in.n) || !h2_session_take(s, &out, 1 << 20)) abort();
    expect(&wanted, data, size);
    if (!str_eq(buf_view(&got), buf_view(&wanted))) abort();
    buf_free(&in), buf_free(&out), buf_free(&wanted), buf_free(&got);
    h2_session_free(s);
    return 0;
}
