#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){0};
}

void buf_reset(struct buf *b) { b->n = 0; }

char *buf_reserve(struct buf *b, size_t n)
{
    if (!b->p || b->cap - b->n < n) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        while (cap - b->n < n) cap *= 2;
        b->p = xrealloc(b->p, cap);
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_commit(struct buf *b, size_t n) { b->n += n; }

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (!n) return;
    memcpy(buf_reserve(b, n), p, n);
    b->n += n;
}

void buf_str(struct buf *b, struct str s) { buf_add(b, s.p, s.n); }
void buf_c(struct buf *b, const char *s) { buf_add(b, s, strlen(s)); }
void buf_char(struct buf *b, char c) { buf_add(b, &c, 1); }

void buf_fmt(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void buf_drop(struct buf *b, size_t n)
{
    if (n && n < b->n) memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

/* Length of the valid UTF-8 sequence at |p|, or 0. Table 3-7 of the Unicode standard. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    unsigned char c = p[0], lo = 0x80, hi = 0xbf;
    size_t need;
    if (c < 0x80) return 1;
    if (c >= 0xc2 && c <= 0xdf)
        need = 2;
    else if (c >= 0xe0 && c <= 0xef)
        need = 3;
    else if (c >= 0xf0 && c <= 0xf4)
        need = 4;
    else
        return 0;
    if (n < need) return 0;
    if (c == 0xe0) lo = 0xa0;
    if (c == 0xed) hi = 0x9f;
    if (c == 0xf0) lo = 0x90;
    if (c == 0xf4) hi = 0x8f;
    if (p[1] < lo || p[1] > hi) return 0;
    for (size_t i = 2; i < need; i++)
        if (p[i] < 0x80 || p[i] > 0xbf) return 0;
    return need;
}

static void json_ascii(struct buf *b, unsigned char c)
{
    static const char *const shorts[] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\n'] = "\\n", ['\t'] = "\\t", ['\r'] = "\\r"};
    if (c < sizeof shorts / sizeof *shorts && shorts[c])
        buf_c(b, shorts[c]);
    else if (c < 0x20 || c == 0x7f)
        buf_fmt(b, "\\u%04x", c);
    else
        buf_char(b, (char)c);
}

void buf_json_str(struct buf *b, struct str s)
{
    buf_char(b, '"');
    for (size_t i = 0; i < s.n;) {
        const unsigned char *p = (const unsigned char *)s.p + i;
        size_t n = utf8_len(p, s.n - i);
        if (n == 1)
            json_ascii(b, *p);
        else if (n)
            buf_add(b, p, n);
        else
            buf_c(b, "\xef\xbf\xbd");
        i += n ? n : 1;
    }
    buf_char(b, '"');
}
