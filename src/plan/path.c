#include "plan/path.h"

#include <ctype.h>

#include "base/buf.h"

/* ---- characters ------------------------------------------------------------------------------------------ */

static bool is_unreserved(unsigned char c) { return isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~'; }
static bool must_escape(unsigned char c) { return strchr("\"<>^`{|}", c) != NULL && c; }
static bool is_slash(char c) { return c == '/' || c == '\\'; }

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of "%XX" at |i|, or -1. */
static int escape_at(struct str s, size_t i)
{
    if (i + 2 >= s.n || s.p[i] != '%') return -1;
    int hi = hex(s.p[i + 1]), lo = hex(s.p[i + 2]);
    return hi < 0 || lo < 0 ? -1 : hi * 16 + lo;
}

/* Bytes of the dot at |i|: 1, 3 when escaped, 0 when there is none. */
static size_t dot_at(struct str s, size_t i)
{
    if (i < s.n && s.p[i] == '.') return 1;
    return escape_at(s, i) == '.' ? 3 : 0;
}

static bool has_escaped(struct str path, const char *bytes, size_t n)
{
    for (size_t i = 0; i < path.n; i++) {
        int e = escape_at(path, i);
        if (e >= 0 && memchr(bytes, e, n)) return true;
    }
    return false;
}

/* ---- step 1: "/..;name=value/" is "/../" ------------------------------------------------------------------ */

static struct str without_dot_parameters(struct arena *a, struct str in)
{
    struct buf out SCOPED_BUF = {0};
    for (size_t i = 0; i < in.n;) {
        buf_char(&out, in.p[i]);
        if (in.p[i++] != '/') continue;
        size_t dots = 0;
        while (dots < 2 && i + dots < in.n && in.p[i + dots] == '.') dots++;
        if (!dots || i + dots >= in.n || in.p[i + dots] != ';') continue;
        buf_add(&out, in.p + i, dots);
        for (i += dots; i < in.n && in.p[i] != '/';) i++;
    }
    return str_dup(a, buf_view(&out));
}

/* ---- step 2: dot segments, backslashes, escapes ----------------------------------------------------------- */

struct writer {
    struct buf out;
    size_t percent; /* 1 + index of the last "%" that begins no escape; 0: none */
};

static void up(struct buf *b)
{
    if (b->n > 1) b->n--; /* the slash that ends the present segment */
    while (b->n > 1 && b->p[b->n - 1] != '/') b->n--;
}

/* At the start of a segment: takes "." or ".." with the slash behind it. False when the segment is another. */
static bool dot_segment(struct writer *w, struct str in, size_t *i)
{
    size_t first = dot_at(in, *i), second = first ? dot_at(in, *i + first) : 0, end = *i + first + second;
    if (!first || (end < in.n && !is_slash(in.p[end]))) return false;
    if (second) up(&w->out);
    *i = end < in.n ? end + 1 : end;
    return true;
}

/* A character that was unescaped may complete an escape with a "%" that stood alone: that "%" becomes "%25". */
static void guard_percent(struct writer *w, struct str in, size_t next)
{
    if (!w->percent) return;
    size_t at = w->percent - 1, behind = w->out.n - at - 1;
    char tail[2] = {0};
    if (behind > 2) return;
    memcpy(tail, w->out.p + at + 1, behind);
    if (behind == 1 && next >= in.n) return;
    if (behind == 1) tail[1] = in.p[next];
    if (hex(tail[0]) < 0 || hex(tail[1]) < 0) return;
    w->out.n = at + 1;
    buf_c(&w->out, "25");
    buf_add(&w->out, tail, behind);
}

static void percent(struct writer *w, struct str in, size_t *i)
{
    int e = escape_at(in, *i);
    if (e < 0) {
        w->percent = w->out.n + 1;
        buf_char(&w->out, in.p[(*i)++]);
    } else if (is_unreserved((unsigned char)e)) {
        *i += 3;
        buf_char(&w->out, (char)e);
        guard_percent(w, in, *i);
    } else {
        buf_add(&w->out, in.p + *i, 3);
        *i += 3;
    }
}

static void character(struct writer *w, struct str in, size_t *i)
{
    char c = in.p[*i];
    if (c == '%') {
        percent(w, in, i);
        return;
    }
    ++*i;
    if (is_slash(c))
        buf_char(&w->out, '/');
    else if (must_escape((unsigned char)c))
        buf_fmt(&w->out, "%%%02X", (unsigned char)c);
    else
        buf_char(&w->out, c);
}

static struct str canonical(struct arena *a, struct str in)
{
    struct writer w = {0};
    buf_char(&w.out, '/');
    for (size_t i = 1; i < in.n;)
        if (w.out.p[w.out.n - 1] != '/' || !dot_segment(&w, in, &i)) character(&w, in, &i);
    struct str out = str_dup(a, buf_view(&w.out));
    buf_free(&w.out);
    return out;
}

/* ---- step 3 ---------------------------------------------------------------------------------------------- */

/* A path of slashes alone keeps two of them: Envoy puts back the first and the last. */
static struct str merged(struct arena *a, struct str in)
{
    struct buf out SCOPED_BUF = {0};
    if (in.n > 1 && strspn(in.p, "/") == in.n) return S("//");
    for (size_t i = 0; i < in.n; i++)
        if (i == 0 || in.p[i] != '/' || in.p[i - 1] != '/') buf_char(&out, in.p[i]);
    return str_dup(a, buf_view(&out));
}

bool path_normalize(struct arena *a, struct str raw, bool refuse_escaped, struct str *path)
{
    for (size_t i = 0; i < raw.n; i++)
        if ((unsigned char)raw.p[i] <= ' ' || (unsigned char)raw.p[i] >= 0x7f || raw.p[i] == '#') return false;
    struct str p = str_cut(&raw, '?');
    if (!p.n || p.p[0] != '/' || (refuse_escaped && has_escaped(p, "/\\", 2))) return false;
    p = without_dot_parameters(a, p);
    if (has_escaped(p, "", 1)) return false;
    *path = merged(a, canonical(a, p));
    return true;
}
