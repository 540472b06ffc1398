#include "base/node_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static bool one_of(struct str s, const char *const *words)
{
    for (; *words; words++)
        if (str_is(s, *words)) return true;
    return false;
}

static bool is_null(struct str s)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return one_of(s, words);
}

static bool is_bool(struct str s, int64_t *value)
{
    static const char *const yes[] = {"true", "True", "TRUE", NULL}, *const no[] = {"false", "False", "FALSE", NULL};
    *value = one_of(s, yes);
    return *value || one_of(s, no);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 99;
}

static bool all_digits(struct str s, int base)
{
    for (size_t i = 0; i < s.n; i++)
        if (digit_of(s.p[i]) >= base) return false;
    return s.n > 0;
}

static bool in_base(struct str digits, int base, bool neg, int64_t *out)
{
    int64_t v = 0;
    if (!all_digits(digits, base)) return false;
    for (size_t i = 0; i < digits.n; i++) {
        int64_t d = digit_of(digits.p[i]);
        if (__builtin_mul_overflow(v, (int64_t)base, &v)) return false;
        if (__builtin_add_overflow(v, neg ? -d : d, &v)) return false;
    }
    *out = v;
    return true;
}

static bool is_int(struct str s, int64_t *out)
{
    bool is_signed = s.n && (s.p[0] == '-' || s.p[0] == '+');
    bool neg = is_signed && s.p[0] == '-';
    struct str digits = str_sub(s, is_signed ? 1 : 0, s.n);
    struct str rest = str_sub(digits, 2, digits.n);
    if (str_starts(s, S("0o"))) return in_base(rest, 8, false, out);
    if (str_starts(s, S("0x"))) return in_base(rest, 16, false, out);
    if (digits.n > 1 && digits.p[0] == '0' && all_digits(digits, 8)) return in_base(digits, 8, neg, out);
    return in_base(digits, 10, neg, out);
}

static size_t skip_digits(struct str s, size_t i)
{
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') i++;
    return i;
}

static size_t skip_sign(struct str s, size_t i) { return i < s.n && (s.p[i] == '-' || s.p[i] == '+') ? i + 1 : i; }

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool looks_like_float(struct str s)
{
    size_t at = skip_sign(s, 0), whole = skip_digits(s, at), end = whole;
    bool has_whole = whole > at, has_part = false;
    if (end < s.n && s.p[end] == '.') {
        size_t part = skip_digits(s, end + 1);
        has_part = part > end + 1;
        end = part;
    }
    if (!has_whole && !has_part) return false;
    if (end < s.n && (s.p[end] == 'e' || s.p[end] == 'E')) {
        size_t exp = skip_sign(s, end + 1);
        end = skip_digits(s, exp);
        if (end == exp) return false;
    }
    return end == s.n;
}

static bool is_special_float(struct str s, double *f)
{
    static const char *const inf[] = {".inf", ".Inf", ".INF", NULL}, *const nan[] = {".nan", ".NaN", ".NAN", NULL};
    size_t sign = skip_sign(s, 0);
    if (one_of(str_sub(s, sign, s.n), inf)) {
        *f = sign && s.p[0] == '-' ? -INFINITY : INFINITY;
        return true;
    }
    *f = NAN;
    return one_of(s, nan);
}

/* Any length: strtod needs NUL, and a scalar's text always has one behind it (node.c copies). */
static bool is_float(struct str s, double *f)
{
    if (is_special_float(s, f)) return true;
    if (!looks_like_float(s)) return false;
    *f = strtod(s.p, NULL);
    return true;
}

void node_type_plain(struct node *n)
{
    if (is_null(n->text))
        n->type = NODE_NULL;
    else if (is_bool(n->text, &n->i))
        n->type = NODE_BOOL;
    else if (is_int(n->text, &n->i))
        n->type = NODE_INT, n->f = (double)n->i;
    else if (is_float(n->text, &n->f))
        n->type = NODE_FLOAT;
    else
        n->type = NODE_STR;
}
