#include "net/http_text.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/buf.h"

enum { MAX_HEAD = 16384, MAX_CHUNK_LINE = 256, MAX_DIGITS = 15 };

/* Where the first |what| in |s| begins, or -1. */
static ptrdiff_t find(struct str s, struct str what)
{
    const char *at = s.n ? memmem(s.p, s.n, what.p, what.n) : NULL;
    return at ? at - s.p : -1;
}

static struct str from(struct str s, size_t n) { return str_sub(s, n, s.n); }

struct str http_text_header(const struct http_text *t, const char *name)
{
    struct str rest = t->head, line;
    while (rest.p) {
        line = str_cut(&rest, '\n');
        ptrdiff_t colon = str_find(line, ':');
        if (colon > 0 && str_eq_nocase(str_sub(line, 0, (size_t)colon), str_of(name)))
            return str_trim(from(line, (size_t)colon + 1));
    }
    return STR_NULL;
}

/* "HTTP/1.1 404 Not Found" */
static bool read_status(struct http_text *t, struct str line)
{
    int64_t status;
    struct str version = str_cut(&line, ' '), code = str_cut(&line, ' ');
    if (!str_starts(version, S("HTTP/1.")) || code.n != 3 || !str_to_i64(code, 100, 599, &status)) return false;
    t->status = (int)status;
    t->reason = str_trim(line);
    return true;
}

/* The size that begins a chunk, and what is behind its line; -1: no size, -2: its line is not whole. */
static int64_t chunk_size(struct str s, struct str *rest)
{
    char text[MAX_DIGITS + 1] = "";
    ptrdiff_t eol = find(str_sub(s, 0, MAX_CHUNK_LINE), S("\r\n"));
    if (eol < 0) return s.n >= MAX_CHUNK_LINE ? -1 : -2;
    struct str line = str_sub(s, 0, (size_t)eol), number = str_trim(str_cut(&line, ';'));
    if (!number.n || number.n > MAX_DIGITS) return -1;
    for (size_t i = 0; i < number.n; i++)
        if (!isxdigit((unsigned char)number.p[i])) return -1;
    memcpy(text, number.p, number.n);
    *rest = from(s, (size_t)eol + 2);
    return strtoll(text, NULL, 16);
}

static enum http_text_state bad(struct err *err, const char *what)
{
    err_set(err, "the answer is not HTTP: %s", what);
    return HTTP_TEXT_BAD;
}

static enum http_text_state read_chunks(struct str s, struct buf *out, size_t *used, struct err *err)
{
    struct str rest = s;
    for (;;) {
        int64_t size = chunk_size(rest, &rest);
        if (size == -1) return bad(err, "a chunk has no size");
        if (size < 0) return HTTP_TEXT_MORE;
        if (size == 0) break;
        if ((uint64_t)size + 2 > rest.n) return HTTP_TEXT_MORE;
        if (memcmp(rest.p + size, "\r\n", 2) != 0) return bad(err, "a chunk is longer than its size");
        buf_add(out, rest.p, (size_t)size);
        rest = from(rest, (size_t)size + 2);
    }
    for (;;) { /* trailers, and the empty line */
        ptrdiff_t eol = find(rest, S("\r\n"));
        if (eol < 0) return rest.n > MAX_HEAD ? bad(err, "its trailers are too long") : HTTP_TEXT_MORE;
        rest = from(rest, (size_t)eol + 2);
        if (eol == 0) break;
    }
    *used = s.n - rest.n;
    return HTTP_TEXT_WHOLE;
}

static enum http_text_state read_body(struct http_text *t, struct str s, bool at_end, struct arena *a, struct err *err)
{
    struct str length = http_text_header(t, "content-length"), coding = http_text_header(t, "transfer-encoding");
    int64_t n = (int64_t)s.n;
    size_t used = 0;
    if (t->status < 200 || t->status == 204 || t->status == 304) return HTTP_TEXT_WHOLE;
    if (coding.n && !str_eq_nocase(coding, S("chunked")))
        return bad(err, "it has another transfer coding than chunked");
    if (coding.n) {
        struct buf body SCOPED_BUF = {0};
        enum http_text_state state = read_chunks(s, &body, &used, err);
        if (state == HTTP_TEXT_WHOLE) t->body = str_dup(a, buf_view(&body));
        t->used += used;
        return state;
    }
    if (length.n && !str_to_i64(length, 0, INT64_MAX, &n)) return bad(err, "its length is no number");
    if (length.n ? n > (int64_t)s.n : !at_end) return HTTP_TEXT_MORE;
    t->body = str_sub(s, 0, (size_t)n);
    t->used += (size_t)n;
    return HTTP_TEXT_WHOLE;
}

enum http_text_state http_text_read(struct str bytes, bool at_end, struct arena *a, struct http_text *out,
                                    struct err *err)
{
    ptrdiff_t head = find(str_sub(bytes, 0, MAX_HEAD), S("\r\n\r\n"));
    enum http_text_state state = HTTP_TEXT_MORE;
    if (head < 0 && bytes.n >= MAX_HEAD) return bad(err, "its head is too long");
    if (!str_starts(str_sub(bytes, 0, 5), str_sub(S("HTTP/"), 0, bytes.n))) return bad(err, "it begins otherwise");
    if (head >= 0) {
        *out = (struct http_text){.head = str_sub(bytes, 0, (size_t)head), .used = (size_t)head + 4};
        struct str lines = out->head, first = str_trim(str_cut(&lines, '\n'));
        if (!read_status(out, first)) return bad(err, "its first line has no status");
        out->head = lines;
        state = read_body(out, from(bytes, out->used), at_end, a, err);
    }
    if (state != HTTP_TEXT_MORE || !at_end) return state;
    err_set(err, "%s",
            bytes.n ? "the connection ended in the middle of the answer" : "the connection ended without an answer");
    return HTTP_TEXT_BAD;
}
