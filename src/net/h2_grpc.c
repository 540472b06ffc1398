/* gRPC over a stream: frames in, frames out, the status at the end. */
#include <stdio.h>
#include <stdlib.h>

#include "net/h2_internal.h"

bool h2_is_grpc(const struct h2_request *r)
{
    struct str type = h2_header(r, "content-type");
    return str_eq(type, S("application/grpc")) || str_starts(type, S("application/grpc+")) ||
           str_starts(type, S("application/grpc;"));
}

/* A percent-encoded copy: what gRPC wants of grpc-message. */
static char *encode_message(const char *text)
{
    struct buf b = {0};
    for (; *text; text++) {
        if (*text >= 0x20 && *text < 0x7f && *text != '%')
            buf_char(&b, *text);
        else
            buf_fmt(&b, "%%%02X", (unsigned char)*text);
    }
    buf_char(&b, '\0');
    return b.p;
}

/* The library puts trailers before any data still to come, so they are submitted by whoever hands out the last. */
void h2_grpc_trailers(struct h2_stream *s)
{
    char code[12];
    snprintf(code, sizeof code, "%d", s->code);
    const nghttp2_nv head[] = {H2_NV("grpc-status", code), H2_NV("grpc-message", s->message)};
    h2_check(s->session, nghttp2_submit_trailer(s->session->ng, s->id, head, 2));
}

static void submit_status_alone(struct h2_stream *s)
{
    char code[12];
    snprintf(code, sizeof code, "%d", s->code);
    const nghttp2_nv head[] = {H2_NV(":status", "200"), H2_NV("content-type", "application/grpc"),
                               H2_NV("grpc-accept-encoding", "identity"), H2_NV("grpc-status", code),
                               H2_NV("grpc-message", s->message)};
    h2_check(s->session, nghttp2_submit_response(s->session->ng, s->id, head, 5, NULL));
}

static void wake(struct h2_stream *s)
{
    if (s->is_deferred) h2_check(s->session, nghttp2_session_resume_data(s->session->ng, s->id));
    h2_wants_write(s->session);
}

void h2_grpc_end(struct h2_stream *s, enum grpc_code code, const char *message)
{
    if (s->is_ended) return;
    s->is_ended = s->has_trailers = true;
    s->code = code;
    s->message = encode_message(message);
    if (code != GRPC_OK && !s->chunk_at) h2_queue_clear(s);
    if (s->is_answered) wake(s); /* else still in open(), and h2_grpc_begin sends it */
}

static void submit_headers(struct h2_stream *s)
{
    const nghttp2_nv head[] = {H2_NV(":status", "200"), H2_NV("content-type", "application/grpc")};
    nghttp2_data_provider from = {.source.ptr = s, .read_callback = h2_queue_read};
    h2_check(s->session, nghttp2_submit_response(s->session->ng, s->id, head, 2, &from));
}

static void open_stream(struct h2_stream *s)
{
    const struct h2_grpc *g = s->session->opt.grpc;
    struct str encoding = h2_header(s->request, "grpc-encoding");
    if (!str_is(s->request->method, "POST") || !g || !g->accepts(g->arg, s->request->path)) {
        h2_grpc_end(s, GRPC_UNIMPLEMENTED, "no such method");
    } else if (encoding.n && !str_is(encoding, "identity")) {
        h2_grpc_end(s, GRPC_UNIMPLEMENTED, "compressed messages are not understood");
    } else {
        s->is_open = true;
        s->state = g->open(g->arg, s, s->session->opt.peer);
    }
}

void h2_grpc_begin(struct h2_stream *s)
{
    s->kind = H2_GRPC;
    open_stream(s);
    arena_free(s->request->arena);
    s->request = NULL;
    s->is_answered = true;
    if (s->is_ended && !s->queued)
        submit_status_alone(s);
    else
        submit_headers(s);
    h2_wants_write(s->session);
}

void h2_grpc_closed(struct h2_stream *s)
{
    if (s->request) arena_free(s->request->arena);
    if (s->is_open) s->session->opt.grpc->closed(s->state);
    s->is_open = false;
}

static bool read_head(struct h2_stream *s, const uint8_t **p, size_t *n)
{
    struct grpc_reader *r = &s->reader;
    while (r->head_n < 5 && *n) {
        r->head[r->head_n++] = *(*p)++;
        (*n)--;
    }
    if (r->head_n < 5) return false;
    r->left = (size_t)r->head[1] << 24 | (size_t)r->head[2] << 16 | (size_t)r->head[3] << 8 | r->head[4];
    if (r->head[0]) h2_grpc_end(s, GRPC_UNIMPLEMENTED, "compressed messages are not understood");
    if (r->left > s->session->opt.grpc->max_message) h2_grpc_end(s, GRPC_RESOURCE_EXHAUSTED, "message too large");
    return true;
}

void h2_grpc_data(struct h2_stream *s, const uint8_t *p, size_t n)
{
    struct grpc_reader *r = &s->reader;
    while (!s->is_ended && n) {
        bool is_new = r->head_n < 5;
        if (is_new && !read_head(s, &p, &n)) return;
        if (s->is_ended) return;
        size_t part = n < r->left ? n : r->left;
        if (!part && r->left) return; /* the message begins with the next frame */
        r->left -= part;
        if (!r->left) r->head_n = 0;
        s->session->opt.grpc->message(s->state, str_make((const char *)p, part), !r->left);
        p += part;
        n -= part;
    }
}

void h2_grpc_send(struct h2_stream *s, const struct h2_chunk *chunks, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) total += chunks[i].n;
    if (s->is_ended) {
        for (size_t i = 0; i < n; i++)
            if (chunks[i].done) chunks[i].done(chunks[i].owner);
        return;
    }
    char *head = xmalloc(5);
    head[0] = 0;
    for (int i = 0; i < 4; i++) head[1 + i] = (char)(total >> (24 - 8 * i));
    h2_queue_add(s, (struct h2_chunk){head, 5, free, head});
    for (size_t i = 0; i < n; i++) h2_queue_add(s, chunks[i]);
    if (s->is_answered) wake(s);
}

size_t h2_grpc_queued(const struct h2_stream *s) { return s->queued; }
