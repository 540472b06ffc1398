#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/samples.h"

static void reads_names_labels_and_values(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct samples s =
        samples_parse(S("# HELP osm_x y\nosm_x{a=\"1\",b=\"q\\\"\\n\"} 2.5\nother 3\nosm_y 7"), S("osm_"), a);
    assert_int_equal(s.n, 2);
    assert_true(str_is(s.v[0].name, "osm_x"));
    assert_true(str_is(sample_label(&s.v[0], "a"), "1"));
    assert_true(str_is(sample_label(&s.v[0], "b"), "q\"\n"));
    assert_true(s.v[0].value == 2.5);
    assert_true(s.v[1].value == 7);
}

static void passes_over_what_is_malformed(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct samples s =
        samples_parse(S("osm_a{ 1\nosm_b{x=} 1\nosm_c{x=\"1\nosm_d\nosm_e zero\nosm_f{} 1\n"), S("osm_"), a);
    assert_int_equal(s.n, 1);
    assert_true(str_is(s.v[0].name, "osm_f"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_names_labels_and_values),
        cmocka_unit_test(passes_over_what_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
