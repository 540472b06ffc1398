/* A stream cut at every place gives the same documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kube/frames.h"

struct seen {
    struct buf text; /* items as "<...>", documents as "[...]" */
    size_t stop_after, n;
};

static bool on_document(void *arg, struct str json, bool is_item)
{
    struct seen *s = arg;
    buf_fmt(&s->text, is_item ? "<%.*s>" : "[%.*s]", STR_FMT(json));
    return ++s->n != s->stop_after;
}

static void assert_gives(enum frames_kind kind, const char *in, const char *want)
{
    size_t n = strlen(in);
    for (size_t cut = 0; cut <= n; cut++) {
        struct seen s = {0};
        struct err err = {0};
        struct frames f = {.kind = kind, .max = 1 << 20, .document = on_document, .arg = &s};
        assert_true(frames_feed(&f, str_make(in, cut), &err) && frames_feed(&f, str_make(in + cut, n - cut), &err));
        assert_false(frames_is_open(&f));
        buf_char(&s.text, '\0');
        assert_string_equal(s.text.p, want);
        buf_free(&s.text);
        frames_release(&f);
    }
}

static void streams(void **state)
{
    (void)state;
    assert_gives(FRAMES_STREAM, "{\"a\":\"}\\\"{\"}\n{\"b\":[{}, \"x y\"]}\n{}",
                 "[{\"a\":\"}\\\"{\"}][{\"b\":[{},\"x y\"]}][{}]");
}

static void items_come_out_of_a_list(void **state)
{
    (void)state;
    assert_gives(
        FRAMES_LIST,
        "{\"kind\":\"items\", \"metadata\":{\"items\":[{}],\"x\":\"\\\\\"}, \"items\":[{\"n\":1,\"items\":[{}]}, "
        "{\"n\":\"]}\"}], \"more\":[{}]}",
        "<{\"n\":1,\"items\":[{}]}><{\"n\":\"]}\"}>[{\"kind\":\"items\",\"metadata\":{\"items\":[{}],\"x\":"
        "\"\\\\\"},\"items\":[],\"more\":[{}]}]");
    assert_gives(FRAMES_LIST, "{\"items\":null}", "[{\"items\":null}]");
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    const char *const bad[] = {"hello", "[1]", "\x1f\x8b", "\"x\"", "{} x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct seen s = {0};
        struct err err = {0};
        struct frames f = {.max = 100, .document = on_document, .arg = &s};
        assert_false(frames_feed(&f, str_of(bad[i]), &err));
        assert_true(err.is_set);
        buf_free(&s.text);
        frames_release(&f);
    }
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    struct seen s = {0};
    struct err err = {0};
    struct frames f = {.kind = FRAMES_LIST, .max = 64, .document = on_document, .arg = &s};
    assert_true(frames_feed(&f, S("{\"items\":[{\"a\":\"123456789012345678901234567890\"},"), &err));
    for (int i = 0; i < 10; i++) /* many items of bearable size are bearable */
        assert_true(frames_feed(&f, S("{\"a\":\"123456789012345678901234567890\"},"), &err));
    assert_false(
        frames_feed(&f, S("{\"a\":\"1234567890123456789012345678901234567890123456789012345678901234567890"), &err));
    buf_free(&s.text);
    frames_release(&f);
}

static void whoever_takes_documents_may_stop(void **state)
{
    (void)state;
    struct seen s = {.stop_after = 2};
    struct err err = {0};
    struct frames f = {.max = 64, .document = on_document, .arg = &s};
    assert_false(frames_feed(&f, S("{}{}{}"), &err));
    assert_false(err.is_set);
    assert_int_equal(s.n, 2);
    buf_free(&s.text);
    frames_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams),
        cmocka_unit_test(items_come_out_of_a_list),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(whoever_takes_documents_may_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
