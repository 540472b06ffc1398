/* json.h: what simdjson reads is what jansson reads, and mistakes are told by jansson. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/json_jansson.h"

static const char *const good[] = {
    "{}",
    "[]",
    " {\"a\": [1, -2, 3.5, 1e3, true, false, null, \"x\"]} ",
    "{\"a\":{\"b\":{\"c\":[[],{}]}}}",
    "{\"big\":9223372036854775807,\"small\":-9223372036854775808,\"zero\":-0,\"real\":-0.0}",
    "{\"text\":\"\\u00e9\\ud83d\\ude00 \\\" \\\\ \\/ \\n\"}",
    "{\"\":1}",
    "{\"a\":1,\"b\":2,\"a\":3}", /* the last one counts */
};
static const char *const bad[] = {
    "",
    "{",
    "{\"a\":}",
    "[1,]",
    "{\"a\" 1}",
    "tru",
    "{\"a\":1} x",
    "[\"\xff\"]",
    "[\"\\ud800\"]",
    "[\"a\\u0000b\"]",
    "[1e400]",
    "[9223372036854775808]",
    "{\"a\\u0000\":1}",
    "[\"\n\"]",
    "7",
};

static void both_read_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct err err = {0};
        json_t *fast = json_read(str_of(good[i]), 10, NULL, &err);
        json_t *slow = json_read_by_jansson(str_of(good[i]), 10, &err);
        assert_non_null(fast);
        assert_true(json_equal(fast, slow));
        char *x = json_dumps(fast, JSON_COMPACT), *y = json_dumps(slow, JSON_COMPACT);
        assert_string_equal(x, y);
        free(x);
        free(y);
        json_decref(fast);
        json_decref(slow);
    }
}

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        assert_null(json_read(str_of(bad[i]), 10, NULL, &err));
        assert_non_null(strstr(err.text, "not JSON: line "));
    }
}

static void depth_is_counted_alike(void **state)
{
    (void)state;
    struct err err = {0};
    json_t *j = json_read(S("[[[1]]]"), 3, NULL, &err);
    assert_non_null(j);
    json_decref(j);
    assert_null(json_read(S("[[[1]]]"), 2, NULL, &err));
    assert_string_equal(err.text, "nested deeper than 2 levels");
}

static void what_is_not_needed_is_left_out(void **state)
{
    (void)state;
    static const char *const without[] = {"env", NULL};
    struct err err = {0};
    json_t *j = json_read(S("{\"env\":[1],\"c\":[{\"env\":{},\"n\":1}]}"), 9, without, &err);
    char *text = json_dumps(j, JSON_COMPACT);
    assert_string_equal(text, "{\"c\":[{\"n\":1}]}");
    free(text);
    json_decref(j);
}

/* Larger than what a parser is kept for, and then a small one again. */
static void large_documents_are_read(void **state)
{
    (void)state;
    struct buf text SCOPED_BUF = {0};
    struct err err = {0};
    buf_c(&text, "[");
    for (int i = 0; i < 60000; i++) buf_fmt(&text, "%s\"value %d\"", i ? "," : "", i);
    buf_c(&text, "]");
    for (int round = 0; round < 2; round++) {
        json_t *j = json_read(round ? S("[1]") : buf_view(&text), 4, NULL, &err);
        assert_int_equal(json_array_size(j), round ? 1 : 60000);
        json_decref(j);
    }
}

static void nodes_are_the_same_and_have_no_name_twice(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct err err = {0};
        struct node *fast = node_parse_json(a, str_of(good[i]), &node_limits_default, &err);
        struct node *slow = node_parse_by_jansson(a, str_of(good[i]), &node_limits_default, &err);
        assert_int_equal(fast == NULL, slow == NULL);
        if (!fast) continue;
        json_t *x = node_to_json(fast), *y = node_to_json(slow);
        assert_true(json_equal(x, y));
        json_decref(x);
        json_decref(y);
    }
    struct err err = {0};
    assert_null(node_parse_json(a, S("{\"a\":1,\"a\":2}"), &node_limits_default, &err));
    assert_non_null(strstr(err.text, "duplicate"));
    struct node_limits few = {.bytes = 100, .depth = 2, .nodes = 3};
    assert_non_null(node_parse_json(a, S("[1,2]"), &few, &err));
    assert_null(node_parse_json(a, S("[1,2,3]"), &few, &err));
    assert_null(node_parse_json(a, S("[[[]]]"), &few, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_read_the_same),       cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(depth_is_counted_alike),   cmocka_unit_test(what_is_not_needed_is_left_out),
        cmocka_unit_test(large_documents_are_read), cmocka_unit_test(nodes_are_the_same_and_have_no_name_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
