/* After random changes the sheet says what a sheet made from nothing says; forks included. */
#include "base/map.h"
#include "cells.h"

enum { KEYS = 24, SETS = 3, MEMBERS = 5, ROUNDS = 60, SEEDS = 40 };

struct world {
    char *prog[KEYS]; /* NULL: absent */
    int observed[KEYS];
};

static uint32_t seed;
static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static const char *key_name(int i)
{
    static char name[4][16];
    static int at;
    at = (at + 1) % 4;
    snprintf(name[at], sizeof name[at], "k%d", i);
    return name[at];
}

/* Reads only keys above its own, so that no cycle can come. */
static char *random_prog(int key)
{
    SCOPED_BUF struct buf b = {0};
    buf_fmt(&b, "=%u", rnd(3));
    for (uint32_t words = rnd(6); words; words--) {
        switch (rnd(5)) {
        case 0:
            buf_c(&b, " ?");
            break;
        case 1:
            buf_fmt(&b, " %%%u", 2 + rnd(3));
            break;
        case 2:
            buf_fmt(&b, " +set%u/m%u", rnd(SETS), rnd(MEMBERS));
            break;
        default:
            if (key + 1 < KEYS) buf_fmt(&b, " k%u", (uint32_t)key + 1 + rnd((uint32_t)(KEYS - key - 1)));
        }
    }
    if (rnd(12) == 0) buf_c(&b, " !");
    return xstrndup(b.p, b.n);
}

static void change_prog(struct world *w, struct sheet *s, int key)
{
    free(w->prog[key]);
    w->prog[key] = rnd(5) == 0 ? NULL : random_prog(key);
    prog_set(s, key_name(key), w->prog[key]);
}

static void change_observed(struct world *w, struct sheet *s, int key)
{
    if (w->observed[key] && rnd(2))
        w->observed[key]--, unobserve(s, key_name(key));
    else
        w->observed[key]++, observe(s, key_name(key));
}

static void change(struct world *w, struct sheet *s)
{
    for (uint32_t n = 1 + rnd(4); n; n--) {
        if (rnd(4) == 0)
            change_observed(w, s, (int)rnd(KEYS));
        else
            change_prog(w, s, (int)rnd(KEYS));
    }
}

static struct sheet *from_nothing(const struct world *w)
{
    struct sheet *s = sheet_new();
    for (int i = 0; i < KEYS; i++) {
        if (w->prog[i]) prog_set(s, key_name(i), w->prog[i]);
        if (w->observed[i]) observe(s, key_name(i));
    }
    run_text(s);
    return s;
}

/* Everything that can be seen from outside. */
static char *picture(const struct world *w, const struct sheet *s)
{
    SCOPED_ARENA struct arena *a = arena_new();
    SCOPED_BUF struct buf b = {0};
    for (int i = 0; i < KEYS; i++) {
        if (!w->observed[i]) continue;
        const struct number *n = sheet_value(s, &sum_kind, str_of(key_name(i)));
        struct str text = n ? n->text : S("absent");
        buf_fmt(&b, "%s=%.*s\n", key_name(i), STR_FMT(text));
    }
    for (int i = 0; i < SETS; i++) {
        char set[8];
        snprintf(set, sizeof set, "set%d", i);
        struct strs m = sheet_set(s, str_of(set), a);
        buf_fmt(&b, "%s: %.*s\n", set, STR_FMT(str_join(a, m, S(" "))));
    }
    return xstrndup(b.p, b.n);
}

static void check(const struct world *w, const struct sheet *s)
{
    struct sheet *fresh = from_nothing(w);
    char *want = picture(w, fresh), *got = picture(w, s);
    assert_string_equal(got, want);
    free(want);
    free(got);
    sheet_free(fresh);
}

/* The deltas alone must lead from one picture to the next: a mirror that is only ever told what changed. */
struct mirror {
    struct map cells, members;
};
static char present;

static void mirror_apply(struct mirror *m, const struct sheet_delta *d)
{
    for (each(c, d->cells)) {
        free(map_del(&m->cells, c->key));
        const struct number *n = c->value;
        if (n) map_put(&m->cells, c->key, xstrndup(n->text.p, n->text.n));
    }
    for (each(c, d->sets)) {
        SCOPED_ARENA struct arena *a = arena_new();
        struct str id = str_fmt(a, "%.*s/%.*s", STR_FMT(c->set), STR_FMT(c->member));
        void *was = c->added ? map_put(&m->members, id, &present) : map_del(&m->members, id);
        assert_true(c->added ? was == NULL : was != NULL);
    }
}

static void mirror_check(struct mirror *m, const struct world *w, const struct sheet *s)
{
    SCOPED_ARENA struct arena *a = arena_new();
    size_t n_cells = 0, n_members = 0;
    for (int i = 0; i < KEYS; i++) {
        const struct number *n = w->observed[i] ? sheet_value(s, &sum_kind, str_of(key_name(i))) : NULL;
        const char *told = map_get(&m->cells, str_of(key_name(i)));
        assert_true(n ? told && str_is(n->text, told) : !told);
        n_cells += n != NULL;
    }
    for (int i = 0; i < SETS; i++) n_members += sheet_set(s, str_fmt(a, "set%d", i), a).n;
    assert_int_equal(m->cells.n, n_cells);
    assert_int_equal(m->members.n, n_members);
}

static void mirror_release(struct mirror *m)
{
    void *v;
    for (size_t it = 0; map_next(&m->cells, &it, NULL, &v);) free(v);
    map_release(&m->cells);
    map_release(&m->members);
}

/* In slices, with changes in between now and then. */
static void run(struct world *w, struct sheet *s, struct mirror *m, bool may_change)
{
    SCOPED_ARENA struct arena *a = arena_new();
    struct sheet_delta d;
    int64_t budget = rnd(2) ? 0 : 1;
    while (!sheet_run(s, budget, a, &d))
        if (may_change && rnd(6) == 0) change(w, s);
    if (m) mirror_apply(m, &d);
}

static void world_copy(struct world *to, const struct world *from)
{
    *to = *from;
    for (int i = 0; i < KEYS; i++) to->prog[i] = from->prog[i] ? xstrdup(from->prog[i]) : NULL;
}
static void world_free(struct world *w)
{
    for (int i = 0; i < KEYS; i++) free(w->prog[i]);
}

static void try_fork(const struct world *w, struct sheet *s)
{
    struct world fw;
    world_copy(&fw, w);
    char *before = picture(w, s);
    uint64_t cells = sheet_stats(s).cells;
    struct sheet *f = sheet_fork(s);
    for (uint32_t n = 1 + rnd(3); n; n--) {
        change(&fw, f);
        run(&fw, f, NULL, true);
        check(&fw, f);
    }
    sheet_free(f);
    char *after = picture(w, s);
    assert_string_equal(after, before);
    assert_int_equal(sheet_stats(s).cells, cells);
    free(before);
    free(after);
    world_free(&fw);
}

static void random_changes_equal_a_computation_from_nothing(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= SEEDS; i++) {
        seed = i * 7919;
        struct world w = {0};
        struct mirror m = {0};
        struct sheet *s = sheet_new();
        for (int round = 0; round < ROUNDS; round++) {
            change(&w, s);
            run(&w, s, &m, true);
            check(&w, s);
            mirror_check(&m, &w, s);
            if (rnd(3) == 0) try_fork(&w, s);
        }
        /* nothing is left over when nobody looks any more */
        for (int k = 0; k < KEYS; k++) {
            while (w.observed[k]) w.observed[k]--, unobserve(s, key_name(k));
            prog_set(s, key_name(k), NULL);
        }
        run(&w, s, &m, false);
        assert_int_equal(sheet_stats(s).cells, 0);
        assert_int_equal(m.cells.n + m.members.n, 0);
        mirror_release(&m);
        world_free(&w);
        sheet_free(s);
    }
}

static void a_fork_stores_only_what_it_touches(void **state)
{
    (void)state;
    struct sheet *s = sheet_new();
    for (int i = 0; i < 1000; i++) {
        prog_set(s, key_name(i), "=1");
        observe(s, key_name(i));
    }
    run_text(s);
    struct sheet *f = sheet_fork(s);
    prog_set(f, "k5", "=2");
    assert_string_equal(run_text(f), "sum k5=2");
    assert_string_equal(computed_text(f), "k5");
    assert_int_equal(sheet_stats(f).cells, 2);
    assert_int_equal(sum_of(f, "k5"), 2);
    assert_int_equal(sum_of(f, "k6"), 1);
    assert_int_equal(sum_of(s, "k5"), 1);
    prog_set(f, "k5", "=1");
    assert_string_equal(run_text(f), "sum k5=1");
    sheet_free(f);
    sheet_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_changes_equal_a_computation_from_nothing),
                                       cmocka_unit_test(a_fork_stores_only_what_it_touches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
