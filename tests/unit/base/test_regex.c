#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/regex.h"

static void matches_the_whole_text(void **state)
{
    (void)state;
    struct err err = {0};
    struct regex *r = regex_new(S("/books/[0-9]+"), &err);
    assert_non_null(r);
    assert_true(regex_matches(r, S("/books/12")));
    assert_false(regex_matches(r, S("/books/12/x")) || regex_matches(r, S("x/books/12")) || regex_matches(r, STR_NULL));
    assert_true(regex_size(r) > 0 && regex_size(r) < 100);
    regex_free(r);
    r = regex_new(STR_NULL, &err);
    assert_true(regex_matches(r, S("")) && !regex_matches(r, S("a")));
    regex_free(r);
    regex_free(NULL);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    struct err err = {0};
    assert_null(regex_new(S("a("), &err));
    assert_non_null(strstr(err.text, "not a valid RE2 expression: missing"));
    assert_null(regex_new(S("(?=a)"), &err));
    assert_null(regex_new(S("\\1"), &err));
}

static void large_programs_are_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf b SCOPED_BUF = {0};
    struct regex *r = regex_new(S("[a-z]{300}"), &err);
    assert_non_null(r);
    assert_true(regex_size(r) <= REGEX_MAX_PROGRAM);
    regex_free(r);
    assert_null(regex_new(S("(abc){400}"), &err));
    assert_non_null(strstr(err.text, "more than the 900 that are allowed"));
    assert_null(regex_new(S("((a{100}){100}){100}"), &err));
    for (int i = 0; i <= REGEX_MAX_TEXT; i++) buf_char(&b, 'a');
    assert_null(regex_new(buf_view(&b), &err));
    assert_non_null(strstr(err.text, "longer than 4096 bytes"));
}

static void constant_patterns_are_kept(void **state)
{
    (void)state;
    static const char form[] = "[a-z]+";
    for (int i = 0; i < 3; i++) assert_true(regex_matches_const(form, S("abc")) && !regex_matches_const(form, S("a1")));
    assert_false(regex_matches_const("(", S("(")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(matches_the_whole_text), cmocka_unit_test(mistakes_are_named),
                                       cmocka_unit_test(large_programs_are_refused),
                                       cmocka_unit_test(constant_patterns_are_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
