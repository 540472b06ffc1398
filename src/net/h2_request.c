/* Short requests: collect, hand over, answer. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/h2_internal.h"

struct h2_later {
    struct h2_stream *stream; /* the loop's thread only; NULL: the peer has left */
    struct mailbox *mail;
    atomic_bool is_gone;
    int status;
    char *type;
    struct buf body;
};

static void drop_request(struct h2_stream *s)
{
    struct h2_request *r = s->request;
    s->request = NULL;
    if (r) arena_free(r->arena);
}

static void answer(struct h2_stream *s, int status, const char *type, struct str body)
{
    char code[12];
    snprintf(code, sizeof code, "%03d", status);
    const nghttp2_nv head[] = {H2_NV(":status", code), H2_NV("content-type", type ? type : "text/plain")};
    nghttp2_data_provider from = {.source.ptr = s, .read_callback = h2_queue_read};
    if (body.n) {
        char *copy = xstrndup(body.p, body.n);
        h2_queue_add(s, (struct h2_chunk){copy, body.n, free, copy});
    }
    s->is_ended = s->is_answered = true;
    h2_check(s->session, nghttp2_submit_response(s->session->ng, s->id, head, 2, body.n ? &from : NULL));
    buf_free(&s->body);
    h2_wants_write(s->session);
}

void h2_respond(struct h2_request *r, int status, const char *content_type, struct str body)
{
    struct h2_stream *s = r->stream;
    answer(s, status, content_type, body);
    drop_request(s);
}

void h2_respond_error(struct h2_request *r, int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str text = str_vfmt(r->arena, fmt, ap);
    va_end(ap);
    struct buf json SCOPED_BUF = {0};
    buf_c(&json, "{\"error\":");
    buf_json_str(&json, text);
    buf_char(&json, '}');
    h2_respond(r, status, "application/json", buf_view(&json));
}

static void refuse(struct h2_stream *s, int status)
{
    drop_request(s);
    answer(s, status, "text/plain", STR_NULL);
}

void h2_request_headers_done(struct h2_stream *s)
{
    const struct h2_handler *h = s->session->opt.other;
    const struct h2_request *r = s->request;
    if (s->refusal)
        refuse(s, s->refusal);
    else if (!str_starts(r->path, S("/")) || str_find(r->path, '\0') >= 0)
        refuse(s, 400);
    else if (!h)
        refuse(s, 404);
}

void h2_request_data(struct h2_stream *s, const uint8_t *p, size_t n)
{
    if (!s->request) return;
    if (s->body.n + n > s->session->opt.other->max_body) {
        refuse(s, 413);
        return;
    }
    buf_add(&s->body, p, n);
}

void h2_request_complete(struct h2_stream *s)
{
    if (!s->request) return;
    s->request->body = buf_view(&s->body);
    s->session->opt.other->request(s->session->opt.other->arg, s->request);
}

void h2_request_closed(struct h2_stream *s)
{
    if (s->later) {
        s->later->stream = NULL;
        atomic_store(&s->later->is_gone, true);
    }
    drop_request(s);
}

struct str h2_header(const struct h2_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (str_is(r->headers[i].name, name)) return r->headers[i].value;
    return STR_NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct str percent_decode(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool is_code = s.p[i] == '%' && i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 && hex_digit(s.p[i + 2]) >= 0;
        out[n++] = is_code ? (char)(hex_digit(s.p[i + 1]) * 16 + hex_digit(s.p[i + 2])) : s.p[i] == '+' ? ' ' : s.p[i];
        if (is_code) i += 2;
    }
    return str_make(out, n);
}

struct str h2_query(const struct h2_request *r, const char *name)
{
    for (struct str rest = r->query; rest.p;) {
        struct str pair = str_cut(&rest, '&');
        struct str key = str_cut(&pair, '=');
        if (str_is(key, name)) return pair.p ? percent_decode(r->arena, pair) : S("");
    }
    return STR_NULL;
}

struct h2_later *h2_later_new(struct h2_request *r)
{
    struct h2_stream *s = r->stream;
    struct h2_later *l = xcalloc(1, sizeof *l);
    l->stream = s;
    l->mail = s->session->opt.mail;
    s->later = l;
    drop_request(s);
    buf_free(&s->body);
    return l;
}

static void deliver(void *arg)
{
    struct h2_later *l = arg;
    if (l->stream) {
        l->stream->later = NULL;
        answer(l->stream, l->status, l->type, buf_view(&l->body));
    }
    buf_free(&l->body);
    free(l->type);
    free(l);
}

void h2_later_respond(struct h2_later *l, int status, const char *content_type, struct str body)
{
    l->status = status;
    l->type = xstrdup(content_type ? content_type : "text/plain");
    buf_add(&l->body, body.p, body.n);
    mailbox_post(l->mail, deliver, l);
}

bool h2_later_is_gone(const struct h2_later *l) { return atomic_load(&l->is_gone); }
