/* Formats of access logs: what Envoy takes, and what would cost it its listeners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mesh/log_format.h"

static void texts_are_judged(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "plain",
        "100%% of %PROTOCOL%",
        "%REQ(:METHOD)%%RESPONSE_CODE%",
        "%REQ(X-A?:PATH):12% x",
        "%PROTOCOL()%",
        "%START_TIME(%Y-%m-%dT%H:%M:%S.%3f%z)%",
        "%ENVIRONMENT(POD_NAME)%",
        "%FILTER_STATE(a.b:PLAIN):3%",
        "%PATH:10%",
        "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:user)%",
        "%COMMON_DURATION(DS_RX_BEG:US_RX_END:ms)%",
    };
    static const char *const bad[] = {
        "%",
        "100%",
        "%PROTOCOL",
        "% PROTOCOL%",
        "%protocol%",
        "%NOTHING%",
        "%PROTOCOL%%",
        "%PROTOCOL:5%",
        "%REQ()%",
        "%REQ%",
        "%REQ(a?b?c)%",
        "%REQ(a b)%",
        "%REQ(a):x%",
        "%REQ(a):99999999999999999999%",
        "%FILTER_STATE(a:X)%",
        "%START_TIME(%Y\n)%",
        "%CEL(1)%",
        "%REQ(\n)%",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct err err = {0};
        if (!log_text_check(str_of(good[i]), &err)) fail_msg("%s: %s", good[i], err.text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        if (log_text_check(str_of(bad[i]), &err)) fail_msg("%s", bad[i]);
        assert_true(err.text[0]);
    }
    struct err err = {0};
    assert_false(log_text_check(str_make("a\0b", 3), &err));
}

static void a_template_is_text_or_json(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct str text, json;
    struct err err = {0};
    assert_true(log_format_parse(a, S("%PROTOCOL%"), &text, &json, &err));
    assert_true(str_is(text, "%PROTOCOL%\n") && !json.n);
    assert_true(log_format_parse(a, S("line\n"), &text, &json, &err) && str_is(text, "line\n"));
    assert_true(log_format_parse(a, S(" {\"b\": [1, \"%PROTOCOL%\"], \"a\": null}\n"), &text, &json, &err));
    assert_true(!text.n && str_is(json, "{\"a\":null,\"b\":[1,\"%PROTOCOL%\"]}"));
    assert_true(log_format_parse(a, S("{%PROTOCOL%}"), &text, &json, &err) && str_is(text, "{%PROTOCOL%}\n"));
    assert_false(log_format_parse(a, S("{\"a\": {\"b\": \"%X%\"}}"), &text, &json, &err));
    assert_string_equal(err.text, "a: b: %X% is not one of the operators that can be used");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_judged),
        cmocka_unit_test(a_template_is_text_or_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
