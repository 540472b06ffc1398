#include "cells.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sheet *s;

static int setup(void **state) { return (void)state, s = sheet_new(), 0; }
static int teardown(void **state) { return (void)state, sheet_free(s), 0; }

static void a_first_run_reports_the_observed_cell(void **state)
{
    (void)state;
    prog_set(s, "a", "=2 b");
    prog_set(s, "b", "=3");
    observe(s, "a");
    assert_string_equal(run_text(s), "sum a=5");
    assert_string_equal(computed_text(s), "a b");
    assert_int_equal(sum_of(s, "a"), 5);
}

static void an_unobserved_cell_is_never_computed(void **state)
{
    (void)state;
    prog_set(s, "a", "=2");
    assert_string_equal(run_text(s), "");
    assert_int_equal(sheet_stats(s).computed, 0);
}

static void a_change_computes_only_its_readers(void **state)
{
    (void)state;
    prog_set(s, "top", "a b");
    prog_set(s, "a", "=1");
    prog_set(s, "b", "=2");
    prog_set(s, "other", "b");
    observe(s, "top");
    observe(s, "other");
    run_text(s);
    prog_set(s, "a", "=7");
    assert_string_equal(run_text(s), "sum top=9");
    assert_string_equal(computed_text(s), "a top");
}

static void an_equal_value_stops_the_wave(void **state)
{
    (void)state;
    prog_set(s, "top", "mid");
    prog_set(s, "mid", "a %2");
    prog_set(s, "a", "=4");
    observe(s, "top");
    run_text(s);
    prog_set(s, "a", "=6");
    assert_string_equal(run_text(s), "");
    assert_string_equal(computed_text(s), "a mid");
}

static void an_equal_hash_computes_nothing(void **state)
{
    (void)state;
    prog_set(s, "a", "=4");
    observe(s, "a");
    run_text(s);
    const void *before = sheet_value(s, &prog_kind, S("a"));
    prog_set(s, "a", "=4");
    assert_string_equal(run_text(s), "");
    assert_string_equal(computed_text(s), "");
    assert_ptr_not_equal(sheet_value(s, &prog_kind, S("a")), before);
}

static void an_absent_thing_is_a_read_and_its_coming_is_seen(void **state)
{
    (void)state;
    prog_set(s, "a", "b");
    observe(s, "a");
    assert_string_equal(run_text(s), "sum a=1000");
    prog_set(s, "b", "=1");
    assert_string_equal(run_text(s), "sum a=1");
    prog_set(s, "b", NULL);
    assert_string_equal(run_text(s), "sum a=1000");
}

static void an_input_put_back_before_the_run_changes_nothing(void **state)
{
    (void)state;
    prog_set(s, "a", "=1");
    observe(s, "a");
    sheet_observe(s, &prog_kind, S("a"));
    run_text(s);
    prog_set(s, "a", "=2");
    assert_int_equal(sum_of(s, "a"), 1);
    prog_set(s, "a", "=1");
    assert_string_equal(run_text(s), "");
}

/* b would divide the world by reading c, but a changed first, so c must not even be looked at. */
static void reads_are_verified_in_order(void **state)
{
    (void)state;
    prog_set(s, "top", "a ? c");
    prog_set(s, "a", "=2");
    prog_set(s, "c", "=10");
    observe(s, "top");
    run_text(s);
    prog_set(s, "a", "=3");
    prog_set(s, "c", "=20");
    assert_string_equal(run_text(s), "sum top=3");
    assert_string_equal(computed_text(s), "a top");
}

/* The old reads of a and b would make a ring with the new ones; in read order there is none. */
static void turning_an_edge_round_is_no_cycle(void **state)
{
    (void)state;
    prog_set(s, "a", "=1 b");
    prog_set(s, "b", "=1");
    observe(s, "a");
    observe(s, "b");
    run_text(s);
    prog_set(s, "a", "=1");
    prog_set(s, "b", "=1 a");
    assert_string_equal(run_text(s), "sum a=1, sum b=2");
}

static void a_cell_without_readers_is_dropped(void **state)
{
    (void)state;
    prog_set(s, "a", "b c");
    prog_set(s, "b", "d");
    prog_set(s, "d", "=1 +set/d");
    observe(s, "a");
    assert_string_equal(run_text(s), "sum a=1001, +set/d");
    uint64_t cells = sheet_stats(s).cells;
    prog_set(s, "a", "=1");
    assert_string_equal(run_text(s), "sum a=1, -set/d");
    assert_int_equal(sheet_stats(s).cells, cells - 4); /* sums b c d, the absent program c */
    prog_set(s, "d", "=2 +set/d");
    assert_string_equal(run_text(s), "");
    assert_string_equal(computed_text(s), "");
    prog_set(s, "a", "d");
    assert_string_equal(run_text(s), "sum a=2, +set/d");
}

static void unobserving_reports_gone_and_frees(void **state)
{
    (void)state;
    prog_set(s, "a", "b");
    prog_set(s, "b", "=1");
    observe(s, "a");
    observe(s, "a");
    run_text(s);
    unobserve(s, "a");
    assert_string_equal(run_text(s), "");
    unobserve(s, "a");
    assert_true(sheet_is_dirty(s));
    assert_string_equal(run_text(s), "sum a gone");
    assert_int_equal(sheet_stats(s).cells, 2); /* the two inputs */
    assert_int_equal(sheet_stats(s).bytes, 0);
    observe(s, "a");
    assert_string_equal(run_text(s), "sum a=1");
}

static void observing_what_is_known_reports_it(void **state)
{
    (void)state;
    prog_set(s, "a", "b");
    prog_set(s, "b", "=1");
    observe(s, "a");
    run_text(s);
    observe(s, "b");
    assert_string_equal(run_text(s), "sum b=1");
    assert_string_equal(computed_text(s), "");
    observe(s, "nothing");
    assert_string_equal(run_text(s), "");
}

static void an_observed_cell_goes_and_comes(void **state)
{
    (void)state;
    prog_set(s, "a", "=1");
    observe(s, "a");
    run_text(s);
    prog_set(s, "a", NULL);
    assert_string_equal(run_text(s), "sum a gone");
    assert_int_equal(sum_of(s, "a"), -1);
    prog_set(s, "a", "=1");
    assert_string_equal(run_text(s), "sum a=1");
}

static void an_observed_input_is_reported(void **state)
{
    (void)state;
    sheet_observe(s, &prog_kind, S("a"));
    assert_string_equal(run_text(s), "");
    prog_set(s, "a", "=1");
    assert_string_equal(run_text(s), "prog a");
    prog_set(s, "a", NULL);
    assert_string_equal(run_text(s), "prog a gone");
}

static void sets_count_contributions(void **state)
{
    (void)state;
    SCOPED_ARENA struct arena *a = arena_new();
    prog_set(s, "x", "+set/m +set/n");
    prog_set(s, "y", "+set/m");
    observe(s, "x");
    observe(s, "y");
    assert_string_equal(run_text(s), "sum x=0, sum y=0, +set/m, +set/n");
    prog_set(s, "x", "+set/n +set/n");
    assert_string_equal(run_text(s), "");
    prog_set(s, "y", "");
    prog_set(s, "x", "");
    assert_int_equal(set_of(s, "set", a).n, 2); /* as of the last complete run */
    assert_string_equal(run_text(s), "-set/m, -set/n");
    assert_int_equal(set_of(s, "set", a).n, 0);
}

static void a_member_that_moves_between_cells_is_no_change(void **state)
{
    (void)state;
    prog_set(s, "x", "+set/m");
    prog_set(s, "y", "");
    observe(s, "x");
    observe(s, "y");
    run_text(s);
    prog_set(s, "x", "");
    prog_set(s, "y", "+set/m");
    assert_string_equal(run_text(s), "");
}

static void an_absent_cell_contributes_nothing(void **state)
{
    (void)state;
    prog_set(s, "x", "+set/m !");
    observe(s, "x");
    assert_string_equal(run_text(s), "");
}

static void old_values_live_until_the_next_complete_run(void **state)
{
    (void)state;
    prog_set(s, "a", "=1");
    observe(s, "a");
    run_text(s);
    const struct number *old = sheet_value(s, &sum_kind, S("a"));
    const char *old_input = sheet_value(s, &prog_kind, S("a"));
    prog_set(s, "a", "=2");
    run_text(s);
    assert_int_equal(old->n, 1); /* ASan sees if they are not */
    assert_string_equal(old_input, "=1");
    prog_set(s, "a", NULL);
    assert_string_equal(run_text(s), "sum a gone");
}

static void slices_give_deltas_only_when_complete(void **state)
{
    (void)state;
    char key[16];
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "k%02d", i);
        prog_set(s, key, "shared +set/m");
        observe(s, key);
    }
    prog_set(s, "shared", "=1");
    run_text(s);
    uint64_t revision = sheet_stats(s).revision;
    prog_set(s, "shared", "=2");
    SCOPED_ARENA struct arena *a = arena_new();
    struct sheet_delta d;
    int slices = 1;
    for (; !sheet_run(s, 1, a, &d); slices++) {
        assert_int_equal(d.cells.n, 0);
        assert_true(sheet_is_dirty(s));
        assert_int_equal(sum_of(s, "k00"), 1);
        if (slices == 3) prog_set(s, "shared", "=3"); /* joins the run */
    }
    assert_true(slices >= 20);
    assert_int_equal(d.cells.n, 20);
    assert_int_equal(d.revision, revision + 1);
    for (each(c, d.cells)) assert_int_equal(((const struct number *)c->value)->n, 3);
}

static void with_nothing_to_do_the_revision_stays(void **state)
{
    (void)state;
    prog_set(s, "a", "=1");
    observe(s, "a");
    run_text(s);
    uint64_t revision = sheet_stats(s).revision;
    assert_false(sheet_is_dirty(s));
    assert_string_equal(run_text(s), "");
    assert_int_equal(sheet_stats(s).revision, revision);
}

static void hashes_stand_for_content(void **state)
{
    (void)state;
    prog_set(s, "a", "=1");
    prog_set(s, "b", "=1");
    prog_set(s, "c", "=2");
    observe(s, "a");
    observe(s, "b");
    observe(s, "c");
    run_text(s);
    struct hash128 a = sheet_hash(s, &sum_kind, S("a")), b = sheet_hash(s, &sum_kind, S("b"));
    assert_true(hash128_eq(a, b));
    assert_false(hash128_eq(a, sheet_hash(s, &sum_kind, S("c"))));
    assert_true(hash128_eq(sheet_hash(s, &sum_kind, S("none")), (struct hash128){0, 0}));
    assert_true(hash128_eq(sheet_hash(s, &prog_kind, S("a")), hash128_of("=1", 2)));
}

static void a_cycle_aborts_with_its_path(void **state)
{
    (void)state;
    prog_set(s, "top", "a");
    prog_set(s, "a", "b");
    prog_set(s, "b", "a");
    observe(s, "top");
    int out[2];
    assert_int_equal(pipe(out), 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(out[1], STDERR_FILENO);
        run_text(s);
        _exit(0);
    }
    close(out[1]);
    char text[256] = "";
    ssize_t n = read(out[0], text, sizeof text - 1);
    close(out[0]);
    int status;
    waitpid(child, &status, 0);
    assert_true(n > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_string_equal(text, "sheet: cycle: sum a <- sum b <- sum a\n");
}

static void a_chain_of_10000_does_not_overflow(void **state)
{
    (void)state;
    enum { LEVELS = 10000 };
    char key[16], prog[32];
    for (int i = 0; i < LEVELS; i++) {
        snprintf(key, sizeof key, "c%d", i);
        snprintf(prog, sizeof prog, "=1 c%d", i + 1);
        prog_set(s, key, i + 1 == LEVELS ? "=1" : prog);
    }
    observe(s, "c0");
    run_text(s);
    assert_int_equal(sum_of(s, "c0"), LEVELS);
    snprintf(key, sizeof key, "c%d", LEVELS - 1);
    prog_set(s, key, "=2"); /* verified down, computed up */
    run_text(s);
    assert_int_equal(sum_of(s, "c0"), LEVELS + 1);
    unobserve(s, "c0");
    run_text(s);
    assert_int_equal(sheet_stats(s).cells, LEVELS);
}

/* Counted, not timed: what one change touches does not depend on how much there is. */
static void a_change_costs_the_same_in_a_large_sheet(void **state)
{
    (void)state;
    char key[16], prog[64];
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        snprintf(prog, sizeof prog, "=%d +set/k%d", i, i);
        prog_set(s, key, prog);
        observe(s, key);
    }
    run_text(s);
    struct sheet_stats before = sheet_stats(s);
    prog_set(s, "k77", "=1 +set/k77");
    assert_string_equal(run_text(s), "sum k77=1");
    struct sheet_stats after = sheet_stats(s);
    assert_int_equal(after.computed - before.computed, 1);
    assert_int_equal(after.dirtied - before.dirtied, 1);
    assert_int_equal(after.verified - before.verified, 1);
    assert_true(after.overhead / after.cells < 200);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_first_run_reports_the_observed_cell),
        T(an_unobserved_cell_is_never_computed),
        T(a_change_computes_only_its_readers),
        T(an_equal_value_stops_the_wave),
        T(an_equal_hash_computes_nothing),
        T(an_absent_thing_is_a_read_and_its_coming_is_seen),
        T(an_input_put_back_before_the_run_changes_nothing),
        T(reads_are_verified_in_order),
        T(turning_an_edge_round_is_no_cycle),
        T(a_cell_without_readers_is_dropped),
        T(unobserving_reports_gone_and_frees),
        T(observing_what_is_known_reports_it),
        T(an_observed_cell_goes_and_comes),
        T(an_observed_input_is_reported),
        T(sets_count_contributions),
        T(a_member_that_moves_between_cells_is_no_change),
        T(an_absent_cell_contributes_nothing),
        T(old_values_live_until_the_next_complete_run),
        T(slices_give_deltas_only_when_complete),
        T(with_nothing_to_do_the_revision_stays),
        T(hashes_stand_for_content),
        T(a_cycle_aborts_with_its_path),
        T(a_chain_of_10000_does_not_overflow),
        T(a_change_costs_the_same_in_a_large_sheet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
