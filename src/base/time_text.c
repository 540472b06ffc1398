#include <stdio.h>
#include <time.h>

#include "base/field.h"

struct unit {
    const char *name;
    int64_t ns;
};

/* Longer names first where one is the other's beginning. The two micro signs are U+00B5 and U+03BC. */
static const struct unit units[] = {
    {"ns", 1},       {"us", 1000},      {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},
    {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000},  {"h", 3600000000000},
};

static const struct unit *unit_cut(struct str *rest)
{
    const struct unit *best = NULL;
    size_t len = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        struct str name = str_of(units[i].name);
        if (name.n > len && str_starts(*rest, name)) best = &units[i], len = name.n;
    }
    *rest = str_sub(*rest, len, rest->n);
    return best;
}

static bool is_digit(struct str s) { return s.n && s.p[0] >= '0' && s.p[0] <= '9'; }

/* One "12.5" and its unit; adds it to |*sum|. Digits beyond the nanosecond are cut off. */
static bool term(struct str *rest, int64_t *sum)
{
    int64_t whole = 0, frac = 0, scale = 1, ns;
    bool any = is_digit(*rest);
    for (; is_digit(*rest); *rest = str_sub(*rest, 1, rest->n))
        if (__builtin_mul_overflow(whole, (int64_t)10, &whole) ||
            __builtin_add_overflow(whole, (int64_t)(rest->p[0] - '0'), &whole))
            return false;
    if (str_starts(*rest, S("."))) {
        *rest = str_sub(*rest, 1, rest->n);
        any |= is_digit(*rest);
        for (; is_digit(*rest); *rest = str_sub(*rest, 1, rest->n))
            if (scale < 1000000000000000) frac = frac * 10 + (rest->p[0] - '0'), scale *= 10;
    }
    const struct unit *u = unit_cut(rest);
    if (!any || !u || __builtin_mul_overflow(whole, u->ns, &ns)) return false;
    ns += (int64_t)((__int128)frac * u->ns / scale);
    return ns >= 0 && !__builtin_add_overflow(*sum, ns, sum);
}

bool duration_parse(struct str s, int64_t *ns)
{
    int64_t sum = 0;
    if (str_starts(s, S("+"))) s = str_sub(s, 1, s.n);
    if (str_is(s, "0")) {
        *ns = 0;
        return true;
    }
    if (str_empty(s)) return false;
    while (s.n)
        if (!term(&s, &sum)) return false;
    *ns = sum;
    return true;
}

/* "1.5" of v/unit without trailing zeros. */
static struct str fraction(struct arena *a, int64_t v, int64_t unit, const char *name)
{
    char digits[32];
    int64_t part = v % unit;
    int width = 0, n;
    for (int64_t u = unit; u > 1; u /= 10) width++;
    n = snprintf(digits, sizeof digits, ".%0*lld", width, (long long)part);
    while (n > 0 && (digits[n - 1] == '0' || digits[n - 1] == '.')) n--;
    if (part == 0) n = 0;
    return str_fmt(a, "%lld%.*s%s", (long long)(v / unit), n, digits, name);
}

struct str duration_text(struct arena *a, int64_t ns)
{
    enum { US = 1000, MS = 1000000, SEC = 1000000000 };
    if (ns == 0) return S("0s");
    if (ns < US) return str_fmt(a, "%lldns", (long long)ns);
    if (ns < MS) return fraction(a, ns, US, "\xc2\xb5s");
    if (ns < SEC) return fraction(a, ns, MS, "ms");
    int64_t minutes = ns / SEC / 60;
    struct str seconds = fraction(a, ns - minutes * 60 * SEC, SEC, "s");
    if (minutes == 0) return seconds;
    if (minutes < 60) return str_fmt(a, "%lldm%.*s", (long long)minutes, STR_FMT(seconds));
    return str_fmt(a, "%lldh%lldm%.*s", (long long)(minutes / 60), (long long)(minutes % 60), STR_FMT(seconds));
}

static bool number(struct str *s, size_t width, int max, int *out)
{
    int64_t v;
    if (s->n < width || !is_digit(*s) || !str_to_i64(str_sub(*s, 0, width), 0, max, &v)) return false;
    *s = str_sub(*s, width, s->n);
    *out = (int)v;
    return true;
}

static bool literal(struct str *s, const char *chars)
{
    if (!s->n || !strchr(chars, s->p[0]) || !s->p[0]) return false;
    *s = str_sub(*s, 1, s->n);
    return true;
}

/* "Z" or "+01:30"; seconds east of Greenwich. */
static bool zone(struct str *s, int *east)
{
    int h, m;
    bool west = str_starts(*s, S("-"));
    *east = 0;
    if (literal(s, "Zz")) return true;
    if (!literal(s, "+-") || !number(s, 2, 23, &h) || !literal(s, ":") || !number(s, 2, 59, &m)) return false;
    *east = (west ? -1 : 1) * (h * 3600 + m * 60);
    return true;
}

static bool is_real_date(const struct tm *tm)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y = tm->tm_year + 1900, leap = tm->tm_mon == 1 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    return tm->tm_mon >= 0 && tm->tm_mday >= 1 && tm->tm_mday <= days[tm->tm_mon] + leap;
}

bool time_parse(struct str s, int64_t *unix_s)
{
    struct tm tm = {0};
    int east;
    bool ok = number(&s, 4, 9999, &tm.tm_year) && literal(&s, "-") && number(&s, 2, 12, &tm.tm_mon) &&
              literal(&s, "-") && number(&s, 2, 31, &tm.tm_mday) && literal(&s, "Tt ") &&
              number(&s, 2, 23, &tm.tm_hour) && literal(&s, ":") && number(&s, 2, 59, &tm.tm_min) && literal(&s, ":") &&
              number(&s, 2, 60, &tm.tm_sec);
    if (!ok) return false;
    if (literal(&s, ".")) {
        if (!is_digit(s)) return false;
        while (is_digit(s)) s = str_sub(s, 1, s.n);
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    if (!zone(&s, &east) || s.n || !is_real_date(&tm)) return false;
    *unix_s = (int64_t)timegm(&tm) - east;
    return true;
}

struct str time_text(struct arena *a, int64_t unix_s)
{
    time_t t = (time_t)unix_s;
    struct tm tm;
    char out[64];
    if (!gmtime_r(&t, &tm)) return S("");
    /* Four digits of year (RFC 3339 section 5.6); strftime's %Y does not pad. */
    size_t n = strftime(out, sizeof out, "-%m-%dT%H:%M:%SZ", &tm);
    return str_fmt(a, "%04ld%.*s", 1900L + tm.tm_year, (int)n, out);
}
