#include <stdlib.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "net/h2_internal.h"

enum { MAX_STREAMS = 100, MAX_HEADERS = 64, MAX_HEADER_BYTES = 16 << 10, WINDOW = 256 << 10 };

void h2_wants_write(struct h2_session *s)
{
    if (!s->out && s->opt.wants_write) s->opt.wants_write(s->opt.arg);
}

/* ---- the queue of a stream ---- */
void h2_queue_add(struct h2_stream *s, struct h2_chunk c)
{
    if (s->queue_at && s->queue_at == s->queue_n) s->queue_at = s->queue_n = 0;
    if (s->queue_n == s->queue_cap) {
        s->queue_cap = s->queue_cap ? 2 * s->queue_cap : 4;
        s->queue = xrealloc(s->queue, s->queue_cap * sizeof *s->queue);
    }
    s->queue[s->queue_n++] = c;
    s->queued += c.n;
}

static void pop_chunk(struct h2_stream *s)
{
    struct h2_chunk *c = &s->queue[s->queue_at++];
    s->chunk_at = 0;
    if (c->done) c->done(c->owner);
}

void h2_queue_clear(struct h2_stream *s)
{
    while (s->queue_at < s->queue_n) pop_chunk(s);
    free(s->queue);
    s->queue = NULL;
    s->queue_at = s->queue_n = s->queue_cap = s->queued = 0;
}

void h2_queue_copy_out(struct h2_stream *s, struct buf *out, size_t n)
{
    s->queued -= n;
    while (n) {
        struct h2_chunk *c = &s->queue[s->queue_at];
        size_t part = c->n - s->chunk_at < n ? c->n - s->chunk_at : n;
        buf_add(out, c->p + s->chunk_at, part);
        s->chunk_at += part;
        n -= part;
        if (s->chunk_at == c->n) pop_chunk(s);
    }
    if (!s->queued) h2_queue_clear(s);
}

/* Says how much may go; send_data copies it. The body thus never passes through the library's own buffer, which
 * stays untouched memory. */
ssize_t h2_queue_read(nghttp2_session *ng, int32_t id, uint8_t *p, size_t n, uint32_t *flags,
                      nghttp2_data_source *source, void *arg)
{
    (void)ng, (void)id, (void)p, (void)arg;
    struct h2_stream *s = source->ptr;
    s->is_deferred = !s->queued && !s->is_ended;
    if (s->is_deferred) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    size_t take = s->queued < n ? s->queued : n;
    if (s->is_ended && take == s->queued) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->has_trailers) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            h2_grpc_trailers(s);
        }
    }
    return (ssize_t)take;
}

static bool is_full(const struct h2_session *s) { return !s->out || s->out->n >= s->out_max; }

static int send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t n,
                     nghttp2_data_source *source, void *arg)
{
    (void)ng, (void)frame;
    struct h2_session *s = arg;
    if (is_full(s)) return NGHTTP2_ERR_WOULDBLOCK;
    buf_add(s->out, head, 9);
    h2_queue_copy_out(source->ptr, s->out, n);
    return 0;
}

static ssize_t send_bytes(nghttp2_session *ng, const uint8_t *p, size_t n, int flags, void *arg)
{
    (void)ng, (void)flags;
    struct h2_session *s = arg;
    if (is_full(s)) return NGHTTP2_ERR_WOULDBLOCK;
    buf_add(s->out, p, n);
    return (ssize_t)n;
}

/* ---- streams ---- */
static struct h2_stream *stream_new(struct h2_session *session, int32_t id)
{
    struct h2_stream *s = xcalloc(1, sizeof *s);
    struct arena *a = arena_new();
    s->session = session;
    s->id = id;
    s->since = clock_mono_ns();
    s->request = arena_make(a, struct h2_request);
    *s->request = (struct h2_request){.arena = a, .stream = s, .peer = session->opt.peer};
    s->request->headers = arena_array(a, struct h2_header, MAX_HEADERS);
    s->next = session->streams;
    if (s->next) s->next->prev = s;
    session->streams = s;
    session->n_streams++;
    return s;
}

static void stream_free(struct h2_stream *s)
{
    if (s->kind == H2_GRPC)
        h2_grpc_closed(s);
    else
        h2_request_closed(s);
    h2_queue_clear(s);
    buf_free(&s->body);
    free(s->message);
    if (s->prev) s->prev->next = s->next;
    if (s->next) s->next->prev = s->prev;
    if (s->session->streams == s) s->session->streams = s->next;
    s->session->n_streams--;
    free(s);
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    struct h2_stream *s = stream_new(arg, frame->hd.stream_id);
    nghttp2_session_set_stream_user_data(ng, s->id, s);
    return 0;
}

static void set_pseudo(struct h2_request *r, struct str name, struct str value)
{
    struct str rest = str_dup(r->arena, value);
    if (str_is(name, ":method")) r->method = rest;
    if (str_is(name, ":authority")) r->authority = rest;
    if (!str_is(name, ":path")) return;
    r->path = str_cut(&rest, '?');
    r->query = rest;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t n_name,
                     const uint8_t *value, size_t n_value, uint8_t flags, void *arg)
{
    (void)flags, (void)arg;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    if (!s || !s->request || s->kind == H2_GRPC || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    struct h2_request *r = s->request;
    s->header_bytes += n_name + n_value + 32;
    if (s->header_bytes > MAX_HEADER_BYTES || r->n_headers == MAX_HEADERS) {
        s->refusal = 431;
        return 0;
    }
    struct str n = {(const char *)name, n_name}, v = {(const char *)value, n_value};
    if (n_name && *name == ':')
        set_pseudo(r, n, v);
    else
        r->headers[r->n_headers++] = (struct h2_header){str_dup(r->arena, n), str_dup(r->arena, v)};
    return 0;
}

static void on_headers_end(struct h2_stream *s)
{
    if (!s->refusal && h2_is_grpc(s->request)) {
        h2_grpc_begin(s);
        return;
    }
    h2_request_headers_done(s);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct h2_session *session = arg;
    if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK) session->pongs++;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    if (!s) return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) on_headers_end(s);
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    s->is_complete = true;
    if (s->kind == H2_GRPC)
        h2_grpc_end(s, GRPC_OK, "");
    else
        h2_request_complete(s);
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *arg)
{
    (void)flags, (void)arg;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(ng, id);
    if (!s) return 0;
    if (s->kind == H2_GRPC)
        h2_grpc_data(s, p, n);
    else
        h2_request_data(s, p, n);
    return 0;
}

static int on_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg)
{
    (void)code, (void)arg;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(ng, id);
    if (!s) return 0;
    nghttp2_session_set_stream_user_data(ng, id, NULL);
    stream_free(s);
    return 0;
}

/* Our answer is out but the peer may go on sending: end its half, too. */
static int on_frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    (void)arg;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    if (s && frame->hd.flags & NGHTTP2_FLAG_END_STREAM && !s->is_complete)
        h2_check(s->session, nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR));
    return 0;
}

static nghttp2_session_callbacks *callbacks(void)
{
    nghttp2_session_callbacks *c;
    if (nghttp2_session_callbacks_new(&c)) abort();
    nghttp2_session_callbacks_set_send_callback(c, send_bytes);
    nghttp2_session_callbacks_set_send_data_callback(c, send_data);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_sent);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
    return c;
}

/* ---- memory ---- */
/* The library makes a buffer for a whole frame with each session, of which our frames, whose bodies never pass through
 * it, touch the beginning. From the heap it would be some 16 kB that others have dirtied; pages of its own stay
 * unused. */
enum { LARGE = 16 << 10 };

static void *allocate(size_t n, void *arg)
{
    struct h2_session *s = arg;
    if (n < LARGE || s->large) return malloc(n);
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return malloc(n);
    s->large = p;
    s->large_n = n;
    return p;
}

static void release(void *p, void *arg)
{
    struct h2_session *s = arg;
    if (!p || p != s->large) {
        free(p);
        return;
    }
    munmap(s->large, s->large_n);
    s->large = NULL;
}

static void *allocate_zeroed(size_t n, size_t size, void *arg)
{
    (void)arg;
    return calloc(n, size);
}

static void *reallocate(void *p, size_t n, void *arg)
{
    struct h2_session *s = arg;
    if (!p) return allocate(n, arg);
    if (p != s->large) return realloc(p, n);
    void *q = malloc(n);
    if (!q) return NULL;
    memcpy(q, p, n < s->large_n ? n : s->large_n);
    release(p, s);
    return q;
}

struct h2_session *h2_session_new(const struct h2_session_options *opt, struct err *err)
{
    struct h2_session *s = xcalloc(1, sizeof *s);
    s->opt = *opt;
    nghttp2_option *o;
    if (nghttp2_option_new(&o)) abort();
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_deflate_dynamic_table_size(o, 0);
    nghttp2_session_callbacks *c = callbacks();
    nghttp2_mem memory = {s, allocate, release, allocate_zeroed, reallocate};
    int rc = nghttp2_session_server_new3(&s->ng, c, s, o, opt->memory ? opt->memory : &memory);
    nghttp2_session_callbacks_del(c);
    nghttp2_option_del(o);
    /* No dynamic header table in either direction: a connection carries few headers and must stay small. */
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MAX_STREAMS},
                                               {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0},
                                               {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, MAX_HEADER_BYTES},
                                               {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW}};
    if (!rc) rc = nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings);
    if (!rc) rc = nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0, 2 * WINDOW);
    if (!rc) return s;
    err_set(err, "cannot begin an HTTP/2 session: %s", nghttp2_strerror(rc));
    h2_session_free(s);
    return NULL;
}

void h2_session_free(struct h2_session *s)
{
    if (!s) return;
    s->opt.wants_write = NULL;
    while (s->streams) {
        if (s->ng) nghttp2_session_set_stream_user_data(s->ng, s->streams->id, NULL);
        stream_free(s->streams);
    }
    nghttp2_session_del(s->ng);
    free(s);
}

void h2_check(struct h2_session *s, int rc)
{
    if (!nghttp2_is_fatal(rc)) return;
    s->is_failed = true;
    h2_wants_write(s);
}

bool h2_session_feed(struct h2_session *s, const void *p, size_t n)
{
    ssize_t rc = nghttp2_session_mem_recv(s->ng, p, n);
    if (rc < 0) s->is_failed = true;
    return rc >= 0;
}

bool h2_session_take(struct h2_session *s, struct buf *out, size_t max)
{
    s->out = out;
    s->out_max = out->n + max;
    int rc = nghttp2_session_send(s->ng);
    s->out = NULL;
    return rc == 0;
}

bool h2_session_is_over(const struct h2_session *s)
{
    return s->is_failed || (!nghttp2_session_want_read(s->ng) && !nghttp2_session_want_write(s->ng));
}

size_t h2_session_streams(const struct h2_session *s) { return s->n_streams; }

unsigned h2_session_pongs(const struct h2_session *s) { return s->pongs; }

void h2_session_ping(struct h2_session *s)
{
    h2_check(s, nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, NULL));
    h2_wants_write(s);
}

void h2_session_goaway(struct h2_session *s, const char *why)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(s->ng);
    h2_check(s, nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0));
    for (struct h2_stream *at = s->streams; at; at = at->next)
        if (at->kind == H2_GRPC) h2_grpc_end(at, GRPC_UNAVAILABLE, why);
    h2_wants_write(s);
}

bool h2_session_is_late(const struct h2_session *s, int64_t age_ns)
{
    int64_t limit = clock_mono_ns() - age_ns;
    for (const struct h2_stream *at = s->streams; at; at = at->next)
        if (at->kind == H2_REQUEST && !at->is_complete && at->since <= limit) return true;
    return false;
}
