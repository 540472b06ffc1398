#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(struct str bytes, struct buf *out)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    size_t length = (bytes.n + 2) / 3 * 4;
    char *to = buf_reserve(out, length);
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
        unsigned v = (unsigned)p[i] << 16 | (n > 1 ? (unsigned)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0u);
        *to++ = digits[v >> 18];
        *to++ = digits[v >> 12 & 63];
        *to++ = n > 1 ? digits[v >> 6 & 63] : '=';
        *to++ = n > 2 ? digits[v & 63] : '=';
    }
    buf_commit(out, length);
}

static int value_of(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool base64_read(struct arena *a, struct str text, struct str *out)
{
    char *p = arena_alloc(a, text.n / 4 * 3 + 4);
    size_t n = 0, count = 0, pads = 0;
    unsigned v = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\n' || c == '\r') continue;
        int d = value_of(c);
        if (c == '=' && ++pads <= 2)
            d = 0;
        else if (pads || d < 0)
            return false;
        v = v << 6 | (unsigned)d;
        if (++count % 4) continue;
        p[n++] = (char)(v >> 16);
        p[n++] = (char)(v >> 8);
        p[n++] = (char)v;
    }
    if (count % 4) return false;
    *out = str_make(p, n - pads);
    return true;
}
