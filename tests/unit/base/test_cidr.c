#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cidr.h"

static void is_written(const char *text, const char *want)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct cidr c;
    if (!cidr_parse(str_of(text), &c)) fail_msg("%s is no range", text);
    assert_string_equal(str_c(a, cidr_text(a, &c)), want);
}

static void equal_ranges_are_written_alike(void **state)
{
    (void)state;
    is_written("10.1.2.3/8", "10.0.0.0/8");
    is_written("10.1.2.3", "10.1.2.3/32");
    is_written("255.255.255.255/0", "0.0.0.0/0");
    is_written("192.0.2.129/25", "192.0.2.128/25");
    is_written("2001:DB8::1", "2001:db8::1/128");
    is_written("2001:db8:0:0:ffff::/64", "2001:db8::/64");
    is_written("::/0", "::/0");
}

static void what_is_no_range_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",        "/",           "10.0.0.0/",   "10.0.0.0/33", "10.0.0.0/-0", "10.0.0/8",       "a/8", "10.0.0.256/8",
        "::1/129", "1.2.3.4/8/9", "10.0.0.0/8 ", " 10.0.0.0",   "10.0.0.0/+8", "::ffff:1.2.3/96"};
    struct cidr c;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (cidr_parse(str_of(texts[i]), &c)) fail_msg("%s is a range", texts[i]);
    assert_false(cidr_parse(S("10.0.0.0\0/8"), &c));
}

static bool contains(const char *outer, const char *inner)
{
    struct cidr x, y;
    assert_true(cidr_parse(str_of(outer), &x) && cidr_parse(str_of(inner), &y));
    return cidr_contains(&x, &y);
}

static void ranges_contain_each_other(void **state)
{
    (void)state;
    assert_true(contains("10.0.0.0/8", "10.255.0.1") && contains("10.0.0.0/8", "10.0.0.0/8"));
    assert_true(contains("0.0.0.0/0", "192.0.2.1") && contains("fd00::/8", "fd12::/16"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0") || contains("10.0.0.0/9", "10.0.0.0/8"));
    assert_false(contains("0.0.0.0/0", "::1") || contains("::/0", "10.0.0.1"));
    assert_false(contains("192.0.2.0/25", "192.0.2.128"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_ranges_are_written_alike),
                                       cmocka_unit_test(what_is_no_range_is_refused),
                                       cmocka_unit_test(ranges_contain_each_other)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
