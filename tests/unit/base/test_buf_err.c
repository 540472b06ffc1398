#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/errcode.h"
#include "base/log.h"
#include "base/yaml_write.h"

static void is(const struct buf *b, const char *want)
{
    assert_int_equal(b->n, strlen(want));
    assert_memory_equal(b->p ? b->p : "", want, b->n);
}

static void buffers_grow_and_drop(void **state)
{
    (void)state;
    struct buf b SCOPED_BUF = {0};
    for (int i = 0; i < 1000; i++) buf_fmt(&b, "%04d", i);
    assert_int_equal(b.n, 4000);
    buf_drop(&b, 3996);
    is(&b, "0999");
    buf_drop(&b, 4);
    is(&b, "");
    buf_str(&b, STR_NULL);
    buf_fmt(&b, "%s", "");
    is(&b, "");
}

static void json_text_is_always_utf8(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *out;
    } cases[] = {
        {S_INIT("a\"\\\n\t\r\x01\x7f"), "\"a\\\"\\\\\\n\\t\\r\\u0001\\u007f\""},
        {S_INIT("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {S_INIT("\xc3"), "\"\xef\xbf\xbd\""},                                                 /* cut off */
        {S_INIT("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},                                 /* overlong */
        {S_INIT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},                 /* surrogate */
        {S_INIT("\xf4\x90\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* beyond U+10FFFF */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b SCOPED_BUF = {0};
        buf_json_str(&b, cases[i].in);
        is(&b, cases[i].out);
    }
}

static void errors_are_one_line_and_wrap(void **state)
{
    (void)state;
    struct err err = {0};
    assert_false(err_set(&err, "a\nb"));
    assert_string_equal(err.text, "a b");
    assert_false(err_wrap(&err, "file %d", 3));
    assert_string_equal(err.text, "file 3: a b");
    assert_false(err_errno(&err, 2, "x"));
    assert_string_equal(err.text, "x: No such file or directory");
    err_clear(&err);
    assert_false(err.is_set);
}

static void long_errors_are_cut(void **state)
{
    (void)state;
    struct err err = {0};
    char text[2 * ERR_TEXT];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&err, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT - 1);
    assert_string_equal(err.text + ERR_TEXT - 4, "...");
    err_wrap(&err, "where");
    assert_int_equal(strlen(err.text), ERR_TEXT - 1);
    assert_memory_equal(err.text, "where: xxx", 10);
    assert_string_equal(err.text + ERR_TEXT - 4, "...");
}

static void codes_ascend_and_are_found(void **state)
{
    (void)state;
    size_t n;
    const struct errcode *all = errcode_table(&n);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(errcode_get(all[i].code), &all[i]);
        if (i) assert_true(all[i - 1].code < all[i].code);
        assert_true(strlen(all[i].title) > 0 && strlen(all[i].text) > 0);
    }
    for (int c = E_BAD_OBJECT; c <= E_POD_FAILED; c++) assert_non_null(errcode_get(c));
    assert_null(errcode_get(1));
    assert_non_null(errcode_get(E_SPLIT_CONFLICT));
}

static void levels_have_the_old_names(void **state)
{
    (void)state;
    enum log_level l;
    assert_true(log_level_parse(S("panic"), &l) && l == LOG_ERROR);
    assert_true(log_level_parse(S("disabled"), &l) && l == LOG_OFF);
    assert_false(log_level_parse(S("loud"), &l));
}

static void base64_goes_there_and_back(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "\xff\x00\x01"}, *const coded[] = {
                                                                                           "",     "Zg==",     "Zm8=",
                                                                                           "Zm9v", "Zm9vYg==", "/w=="};
    for (size_t i = 0; i < 6; i++) {
        struct buf b SCOPED_BUF = {0};
        struct str back;
        base64_write(str_of(plain[i]), &b);
        is(&b, coded[i]);
        assert_true(base64_read(a, buf_view(&b), &back));
        assert_true(str_is(back, plain[i]));
    }
    struct str back;
    assert_true(base64_read(a, S("Zm9v\nYg==\n"), &back) && str_is(back, "foob"));
    static const char *const bad[] = {"Z", "Zg=", "Zg===", "====", "Z=g=", "Zm9v!", "=Zg=", "Zg==Zg=="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(base64_read(a, str_of(bad[i]), &back));
}

static void yaml_quotes_what_would_change(void **state)
{
    (void)state;
    struct buf b SCOPED_BUF = {0};
    json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:i,s:[{s:s,s:[]},[s]],s:{},s:n}", "plain", "a b", "number", "12", "word",
                          "yes", "mark", "a: b", "i", 5, "list", "x", "y", "z", "nested", "empty", "nothing");
    yaml_write(j, &b);
    json_decref(j);
    is(&b, "plain: a b\nnumber: \"12\"\nword: \"yes\"\nmark: \"a: b\"\ni: 5\nlist:\n- x: \"y\"\n  z: []\n- - "
           "nested\nempty: {}\nnothing: null\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_grow_and_drop),        cmocka_unit_test(json_text_is_always_utf8),
        cmocka_unit_test(errors_are_one_line_and_wrap), cmocka_unit_test(long_errors_are_cut),
        cmocka_unit_test(codes_ascend_and_are_found),   cmocka_unit_test(levels_have_the_old_names),
        cmocka_unit_test(base64_goes_there_and_back),   cmocka_unit_test(yaml_quotes_what_would_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
