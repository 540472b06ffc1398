#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/names.h"

static void is(struct str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void order_puts_a_prefix_first(void **state)
{
    (void)state;
    assert_true(str_cmp(S("a"), S("ab")) < 0);
    assert_true(str_cmp(S("b"), S("ab")) > 0);
    assert_int_equal(str_cmp(S(""), STR_NULL), 0);
    assert_true(str_cmp(S("\xff"), S("a")) > 0);
}

static void cutting_ends_with_null(void **state)
{
    (void)state;
    struct str rest = S("a,,b");
    is(str_cut(&rest, ','), "a");
    is(str_cut(&rest, ','), "");
    is(str_cut(&rest, ','), "b");
    assert_null(rest.p);
    rest = S("a,");
    is(str_cut(&rest, ','), "a");
    assert_non_null(rest.p);
    is(str_cut(&rest, ','), "");
    assert_null(rest.p);
}

static void parts_are_clamped(void **state)
{
    (void)state;
    is(str_sub(S("abc"), 1, 99), "bc");
    is(str_sub(S("abc"), 5, 2), "");
    is(str_trim(S(" \t x y\r\n")), "x y");
    is(str_trim(S("  ")), "");
    assert_true(str_starts(S("abc"), S("ab")) && !str_starts(S("a"), S("ab")));
    assert_true(str_ends(S("abc"), S("bc")) && !str_ends(S("c"), S("bc")));
    assert_int_equal(str_find(S("abcb"), 'b'), 1);
    assert_int_equal(str_rfind(S("abcb"), 'b'), 3);
    assert_int_equal(str_find(STR_NULL, 'b'), -1);
    assert_true(str_eq_nocase(S("HtTp"), S("http")) && !str_eq_nocase(S("a"), S("b")));
}

static void numbers_keep_their_range(void **state)
{
    (void)state;
    int64_t v = 7;
    assert_true(str_to_i64(S("9223372036854775807"), INT64_MIN, INT64_MAX, &v) && v == INT64_MAX);
    assert_true(str_to_i64(S("-9223372036854775808"), INT64_MIN, INT64_MAX, &v) && v == INT64_MIN);
    assert_false(str_to_i64(S("9223372036854775808"), INT64_MIN, INT64_MAX, &v));
    assert_false(str_to_i64(S("-9223372036854775809"), INT64_MIN, INT64_MAX, &v));
    assert_false(str_to_i64(S(""), 0, 9, &v));
    assert_false(str_to_i64(S("-"), -9, 9, &v));
    assert_false(str_to_i64(S("1a"), 0, 9, &v));
    assert_false(str_to_i64(S("+1"), 0, 9, &v));
    assert_false(str_to_i64(S("10"), 0, 9, &v));
}

static void sorting_drops_doubles(void **state)
{
    (void)state;
    struct str v[] = {S("b"), S("a"), S("b"), S("")};
    struct strs l = strs_sort_unique((struct strs){v, 4});
    assert_int_equal(l.n, 3);
    is(l.v[0], "");
    is(l.v[2], "b");
    assert_true(strs_has(l, S("a")) && !strs_has(l, S("c")));
}

static void names_follow_rfc_1123(void **state)
{
    (void)state;
    assert_true(is_dns_label(S("a-1")) && is_dns_subdomain(S("a.b-c.1")));
    assert_false(is_dns_label(S("a.b")) || is_dns_label(S("-a")) || is_dns_label(S("a-")) || is_dns_label(S("A")) ||
                 is_dns_label(S("")));
    assert_false(is_dns_subdomain(S("a..b")) || is_dns_subdomain(S("a.")) || is_dns_subdomain(S("a\0b")));
    char longest[64];
    memset(longest, 'a', sizeof longest);
    assert_true(is_dns_label(str_make(longest, 63)));
    assert_false(is_dns_label(str_make(longest, 64)));
}

static void identities_come_apart_again(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct str td, ns, sa, id = spiffe_id(a, S("cluster.local"), S("n"), S("s.x"));
    is(id, "spiffe://cluster.local/ns/n/sa/s.x");
    assert_true(spiffe_parse(id, &td, &ns, &sa));
    is(td, "cluster.local"), is(ns, "n"), is(sa, "s.x");
    is(dns_identity(a, td, ns, sa), "s.x.n.cluster.local");
    static const char *const bad[] = {"spiffe://t/ns/n",
                                      "spiffe://t/ns/n/sa/",
                                      "spiffe://t/ns//sa/s",
                                      "spiffe://t/ns/n/sa/s/x",
                                      "http://t/ns/n/sa/s",
                                      "spiffe:///ns/n/sa/s",
                                      ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(spiffe_parse(str_of(bad[i]), &td, &ns, &sa));
}

static void keys_split_at_the_first_slash(void **state)
{
    (void)state;
    struct str ns, name;
    key_split(S("a/b"), &ns, &name);
    is(ns, "a"), is(name, "b");
    key_split(S("b"), &ns, &name);
    is(ns, ""), is(name, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_puts_a_prefix_first),   cmocka_unit_test(cutting_ends_with_null),
        cmocka_unit_test(parts_are_clamped),           cmocka_unit_test(numbers_keep_their_range),
        cmocka_unit_test(sorting_drops_doubles),       cmocka_unit_test(names_follow_rfc_1123),
        cmocka_unit_test(identities_come_apart_again), cmocka_unit_test(keys_split_at_the_first_slash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
