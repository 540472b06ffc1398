/* cells.h - a little world for the sheet's tests: a cell is a program that is an input. */
#pragma once
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "sheet/sheet.h"

struct number {
    int64_t n;
    struct str text;
};
static const struct field number_fields[] = {FIELD(struct number, n, "n", F_INT),
                                             FIELD(struct number, text, "text", F_STR)};
static const struct table number_table = TABLE("number", struct number, number_fields);

/* A program: words. "=5" adds 5; "x" reads cell x and adds it; "?" ends here if the sum is odd; "%3" takes the
 * remainder; "+set/member" contributes; "!" is absent. */
static const struct cell_kind prog_kind = {.name = "prog"};

static bool sum_compute(struct cell *c, struct str key, struct arena *a, void *out);
static const struct cell_kind sum_kind = {"sum", &number_table, sum_compute};

static bool sum_word(struct cell *c, struct str w, int64_t *sum)
{
    switch (w.p[0]) {
    case '=':
        *sum += atoi(w.p + 1);
        return true;
    case '%':
        *sum %= atoi(w.p + 1);
        return true;
    case '?':
        return *sum % 2 == 0;
    case '+': {
        struct str member = str_sub(w, 1, w.n), set = str_cut(&member, '/');
        sheet_member(c, set, member);
        return true;
    }
    default: {
        const struct number *n = sheet_read(c, &sum_kind, w);
        *sum += n ? n->n : 1000;
        return true;
    }
    }
}

static bool sum_compute(struct cell *c, struct str key, struct arena *a, void *out)
{
    const char *prog = sheet_read(c, &prog_kind, key);
    struct number *n = out;
    if (!prog) return false;
    struct str rest = str_of(str_c(a, str_of(prog)));
    while (rest.p) {
        struct str w = str_cut(&rest, ' ');
        if (str_empty(w)) continue;
        if (str_is(w, "!")) return false;
        if (!sum_word(c, w, &n->n)) break;
    }
    n->text = str_fmt(a, "%lld", (long long)n->n);
    return true;
}

static void prog_set(struct sheet *s, const char *key, const char *prog)
{
    char *p = prog ? xstrdup(prog) : NULL;
    sheet_input(s, &prog_kind, str_of(key), p, hash128_of(p, p ? strlen(p) : 0), free, p);
}

/* -1: absent. */
static int64_t sum_of(const struct sheet *s, const char *key)
{
    const struct number *n = sheet_value(s, &sum_kind, str_of(key));
    return n ? n->n : -1;
}

/* Runs to the end and writes what changed: "sum a=5, sum b gone, +set/m, -set/m". */
static const char *run_text(struct sheet *s)
{
    static char text[65536];
    SCOPED_ARENA struct arena *a = arena_new();
    SCOPED_BUF struct buf b = {0};
    struct sheet_delta d;
    if (!sheet_run(s, 0, a, &d)) return "not done";
    for (each(c, d.cells)) {
        const struct number *n = c->value;
        buf_fmt(&b, "%s%s %.*s", b.n ? ", " : "", c->kind->name, STR_FMT(c->key));
        if (!n)
            buf_c(&b, " gone");
        else if (c->kind->compute)
            buf_fmt(&b, "=%lld", (long long)n->n);
    }
    for (each(c, d.sets))
        buf_fmt(&b, "%s%c%.*s/%.*s", b.n ? ", " : "", c->added ? '+' : '-', STR_FMT(c->set), STR_FMT(c->member));
    snprintf(text, sizeof text, "%.*s", STR_FMT(buf_view(&b)));
    return text;
}

/* Keys computed in the last run, "a b". */
static inline const char *computed_text(struct sheet *s)
{
    static char text[4096];
    SCOPED_BUF struct buf b = {0};
    sheet_dump_last_run(s, &b);
    text[0] = '\0';
    struct str rest = buf_view(&b);
    for (size_t n = 0; rest.n;) {
        struct str line = str_cut(&rest, '\n');
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", n ? " " : "", (int)line.n - 4, line.p + 4);
    }
    return text;
}

static inline struct strs set_of(struct sheet *s, const char *set, struct arena *a)
{
    return sheet_set(s, str_of(set), a);
}
static inline void observe(struct sheet *s, const char *key) { sheet_observe(s, &sum_kind, str_of(key)); }
static inline void unobserve(struct sheet *s, const char *key) { sheet_unobserve(s, &sum_kind, str_of(key)); }
