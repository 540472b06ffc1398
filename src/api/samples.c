#include "api/samples.h"

#include <stdlib.h>

enum { MAX_SAMPLES = 100000 };

static bool take_quoted(struct str *at, struct arena *a, struct str *out)
{
    if (!at->n || at->p[0] != '"') return false;
    char *p = arena_alloc(a, at->n), *to = p;
    for (size_t i = 1; i < at->n; i++) {
        char c = at->p[i];
        if (c == '"') {
            *out = str_make(p, (size_t)(to - p));
            *at = str_sub(*at, i + 1, at->n);
            return true;
        }
        if (c == '\\' && ++i < at->n) c = at->p[i] == 'n' ? '\n' : at->p[i];
        *to++ = c;
    }
    return false;
}

static bool take_labels(struct str *at, struct arena *a, struct kvs *labels)
{
    while (at->n && at->p[0] != '}') {
        struct kv kv;
        ptrdiff_t eq = str_find(*at, '=');
        if (eq < 0) return false;
        kv.key = str_trim(str_sub(*at, 0, (size_t)eq));
        *at = str_sub(*at, (size_t)eq + 1, at->n);
        if (!take_quoted(at, a, &kv.value)) return false;
        list_push(a, labels, kv);
        if (at->n && at->p[0] == ',') *at = str_sub(*at, 1, at->n);
    }
    if (!at->n) return false;
    *at = str_sub(*at, 1, at->n);
    return true;
}

static bool take_line(struct str line, struct arena *a, struct sample *s)
{
    size_t end = 0;
    char number[64], *stop;
    while (end < line.n && line.p[end] != '{' && line.p[end] != ' ') end++;
    s->name = str_sub(line, 0, end);
    line = str_sub(line, end, line.n);
    if (line.n && line.p[0] == '{') {
        line = str_sub(line, 1, line.n);
        if (!take_labels(&line, a, &s->labels)) return false;
    }
    line = str_trim(line);
    if (line.n == 0 || line.n >= sizeof number) return false;
    memcpy(number, line.p, line.n);
    number[line.n] = '\0';
    s->value = strtod(number, &stop);
    return stop != number;
}

struct samples samples_parse(struct str text, struct str prefix, struct arena *a)
{
    struct samples out = {0};
    while (text.p && out.n < MAX_SAMPLES) {
        struct str line = str_cut(&text, '\n');
        struct sample s = {0};
        if (str_starts(line, prefix) && take_line(line, a, &s)) list_push(a, &out, s);
    }
    return out;
}

struct str sample_label(const struct sample *s, const char *name)
{
    for (each(l, s->labels))
        if (str_is(l->key, name)) return l->value;
    return STR_NULL;
}
