#include "base/str.h"

#include <stdlib.h>
#include <strings.h>

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c != 0) return c;
    return (a.n > b.n) - (a.n < b.n);
}

bool str_eq_nocase(struct str a, struct str b) { return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0); }

bool str_starts(struct str s, struct str prefix) { return s.n >= prefix.n && str_eq(str_make(s.p, prefix.n), prefix); }

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_sub(s, s.n - suffix.n, s.n), suffix);
}

ptrdiff_t str_find(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? at - s.p : -1;
}

ptrdiff_t str_rfind(struct str s, char c)
{
    const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;
    return at ? at - s.p : -1;
}

struct str str_sub(struct str s, size_t from, size_t to)
{
    if (to > s.n) to = s.n;
    if (from > to) from = to;
    return s.p ? str_make(s.p + from, to - from) : STR_NULL;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

struct str str_trim(struct str s)
{
    while (s.n && is_blank(s.p[0])) s = str_sub(s, 1, s.n);
    while (s.n && is_blank(s.p[s.n - 1])) s.n--;
    return s;
}

struct str str_cut(struct str *rest, char sep)
{
    ptrdiff_t at = str_find(*rest, sep);
    struct str head = *rest;
    if (at < 0) {
        *rest = STR_NULL;
        return head;
    }
    head.n = (size_t)at;
    *rest = str_make(rest->p + at + 1, rest->n - (size_t)at - 1);
    return head;
}

bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out)
{
    bool neg = s.n && s.p[0] == '-';
    size_t i = neg ? 1 : 0;
    int64_t v = 0;
    if (i == s.n) return false;
    for (; i < s.n; i++) {
        int d = s.p[i] - '0';
        if (d < 0 || d > 9) return false;
        if (__builtin_mul_overflow(v, (int64_t)10, &v)) return false;
        if (__builtin_add_overflow(v, neg ? -(int64_t)d : (int64_t)d, &v)) return false;
    }
    if (v < min || v > max) return false;
    *out = v;
    return true;
}

int str_qsort_cmp(const void *a, const void *b) { return str_cmp(*(const struct str *)a, *(const struct str *)b); }

bool strs_has(struct strs l, struct str s)
{
    for (size_t i = 0; i < l.n; i++)
        if (str_eq(l.v[i], s)) return true;
    return false;
}

struct strs strs_sort_unique(struct strs l)
{
    size_t out = 0;
    if (l.n > 1) qsort(l.v, l.n, sizeof *l.v, str_qsort_cmp);
    for (size_t i = 0; i < l.n; i++)
        if (i == 0 || !str_eq(l.v[i], l.v[out - 1])) l.v[out++] = l.v[i];
    l.n = out;
    return l;
}
