/* Bundles to slots: only what changed is handed over, whatever the order of joining and knowing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/publish.h"

static const struct cell_kind kind = {.name = "bundle"};

struct fixture {
    struct publish *p;
    struct arena *a;
    struct xds_revision r;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    f->p = publish_new();
    f->a = arena_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    publish_free(f->p);
    arena_free(f->a);
    free(f);
    return 0;
}

static void next_revision(struct fixture *f)
{
    arena_free(f->a);
    f->a = arena_new();
    f->r = (struct xds_revision){0};
}

/* A bundle of up to two clusters: name and bytes, NULL ends. */
static void bundle(struct fixture *f, const char *key, const char *const *pairs)
{
    struct envoy_bundle b = {0};
    for (; pairs[0]; pairs += 2)
        *list_add(f->a, &b.resources) =
            (struct envoy_resource){.type = XDS_CLUSTER, .name = str_of(pairs[0]), .bytes = str_of(pairs[1])};
    publish_bundle(f->p, &kind, str_of(key), &b, f->a, &f->r);
}

static void a_bundle_goes_to_every_part_that_has_it(void **state)
{
    struct fixture *f = *state;
    publish_join(f->p, S("one"), &kind, S("k"), f->a, &f->r);
    publish_join(f->p, S("two"), &kind, S("k"), f->a, &f->r);
    assert_int_equal(f->r.slots.n, 0);
    bundle(f, "k", (const char *[]){"a", "1", NULL});
    assert_int_equal(f->r.slots.n, 2);
    assert_true(str_is(f->r.slots.v[0].part, "one"));
    assert_ptr_equal(f->r.slots.v[0].now, f->r.slots.v[1].now);
}

static void only_changed_bytes_are_handed_over(void **state)
{
    struct fixture *f = *state;
    publish_join(f->p, S("one"), &kind, S("k"), f->a, &f->r);
    bundle(f, "k", (const char *[]){"a", "1", "b", "1", NULL});
    next_revision(f);
    bundle(f, "k", (const char *[]){"a", "1", "b", "2", NULL});
    assert_int_equal(f->r.slots.n, 1);
    assert_true(str_is(f->r.slots.v[0].name, "b"));
    next_revision(f);
    bundle(f, "k", (const char *[]){"b", "2", NULL});
    assert_int_equal(f->r.slots.n, 1);
    assert_null(f->r.slots.v[0].now);
    assert_true(str_is(f->r.slots.v[0].name, "a"));
}

static void a_part_that_joins_late_gets_everything(void **state)
{
    struct fixture *f = *state;
    publish_join(f->p, S("one"), &kind, S("k"), f->a, &f->r);
    bundle(f, "k", (const char *[]){"a", "1", NULL});
    next_revision(f);
    publish_join(f->p, S("late"), &kind, S("k"), f->a, &f->r);
    publish_join(f->p, S("late"), &kind, S("k"), f->a, &f->r);
    assert_int_equal(f->r.slots.n, 1);
    next_revision(f);
    publish_leave(f->p, S("one"), &kind, S("k"), f->a, &f->r);
    assert_int_equal(f->r.slots.n, 1);
    assert_null(f->r.slots.v[0].now);
    publish_leave(f->p, S("never"), &kind, S("k"), f->a, &f->r);
    assert_int_equal(f->r.slots.n, 1);
}

static void a_bundle_that_is_gone_leaves_its_parts_empty(void **state)
{
    struct fixture *f = *state;
    publish_join(f->p, S("one"), &kind, S("k"), f->a, &f->r);
    bundle(f, "k", (const char *[]){"a", "1", NULL});
    next_revision(f);
    publish_bundle(f->p, &kind, S("k"), NULL, f->a, &f->r);
    assert_int_equal(f->r.slots.n, 1);
    assert_null(f->r.slots.v[0].now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_bundle_goes_to_every_part_that_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(only_changed_bytes_are_handed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(a_part_that_joins_late_gets_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bundle_that_is_gone_leaves_its_parts_empty, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
