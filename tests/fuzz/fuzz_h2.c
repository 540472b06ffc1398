// rooms: net
/* Bytes into an HTTP/2 server session, with and without the client's preface in front; answers are taken. */
#include <stdlib.h>

#include "net/h2.h"

static void on_request(void *arg, struct h2_request *r)
{
    (void)arg;
    if (r->body.n > 1000) abort();
    h2_query(r, "after");
    if (r->n_headers % 2)
        h2_respond_error(r, 400, "%.*s", STR_FMT(r->path));
    else
        h2_respond(r, 200, "text/plain", r->body);
}
static bool accepts(void *arg, struct str path)
{
    (void)arg;
    return !str_is(path, "/no");
}
static void *on_open(void *arg, struct h2_stream *s, const struct h2_peer *peer)
{
    (void)arg, (void)peer;
    return s;
}
static void on_message(void *state, struct str piece, bool is_last)
{
    struct h2_chunk c = {"answer", 6, NULL, NULL};
    if (piece.n && *piece.p == 'x') h2_grpc_end(state, GRPC_INTERNAL, "50% \x01");
    if (is_last) h2_grpc_send(state, &c, 1);
}
static void on_closed(void *state) { (void)state; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct h2_peer peer;
    static const struct h2_handler other = {on_request, NULL, 1000};
    static const struct h2_grpc grpc = {accepts, on_open, on_message, on_closed, NULL, 5000};
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    struct h2_session_options o = {.peer = &peer, .other = &other, .grpc = &grpc};
    struct err err = {0};
    struct h2_session *s = h2_session_new(&o, &err);
    struct buf out = {0};
    bool ok = size % 8 == 0 || h2_session_feed(s, preface, sizeof preface - 1);
    for (size_t at = 0; ok && at < size; at += 100) {
        ok = h2_session_feed(s, data + at, size - at < 100 ? size - at : 100) && h2_session_take(s, &out, 300);
        buf_reset(&out);
    }
    h2_session_goaway(s, "end");
    if (!h2_session_take(s, &out, 1 << 20)) ok = false;
    buf_free(&out);
    h2_session_free(s);
    return 0;
}
