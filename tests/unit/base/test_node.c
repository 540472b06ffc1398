#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>

#include "base/buf.h"
#include "base/node.h"

static struct arena *a;
static struct err err;
static int setup(void **state)
{
    (void)state;
    a = arena_new();
    err_clear(&err);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static struct node *parse(const char *text)
{
    struct nodes docs;
    if (!node_parse(a, str_of(text), "f.yaml", &node_limits_default, &docs, &err)) return NULL;
    return docs.n ? docs.v[0] : NULL;
}

static void refuses(const char *text, const char *why)
{
    struct nodes docs;
    err_clear(&err);
    assert_false(node_parse(a, str_of(text), "f.yaml", &node_limits_default, &docs, &err));
    assert_string_equal(err.text, why);
}

static void scalars_are_typed_as_kubernetes_users_mean(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum node_type type;
    } cases[] = {
        {"yes", NODE_STR},     {"on", NODE_STR},        {"No", NODE_STR},    {"true", NODE_BOOL},
        {"False", NODE_BOOL},  {"tRUE", NODE_STR},      {"~", NODE_NULL},    {"null", NODE_NULL},
        {"'null'", NODE_STR},  {"\"1\"", NODE_STR},     {"1", NODE_INT},     {"-7", NODE_INT},
        {"+7", NODE_INT},      {"0x1F", NODE_INT},      {"0o17", NODE_INT},  {"1.5", NODE_FLOAT},
        {".5", NODE_FLOAT},    {"1.", NODE_FLOAT},      {"1e3", NODE_FLOAT}, {"-.inf", NODE_FLOAT},
        {".NaN", NODE_FLOAT},  {"1e", NODE_STR},        {".", NODE_STR},     {"1_000", NODE_STR},
        {"12:30", NODE_STR},   {"0x", NODE_STR},        {"1.2.3", NODE_STR}, {"99999999999999999999", NODE_FLOAT},
        {"!!str 5", NODE_STR}, {"!!int '5'", NODE_INT}, {"! 5", NODE_STR},   {"2026-01-01", NODE_STR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct node *n = node_get(parse(str_fmt(a, "k: %s", cases[i].text).p), S("k"));
        if (!n || n->type != cases[i].type) fail_msg("%s: %s", cases[i].text, n ? "another type" : err.text);
    }
}

static void numbers_have_their_value(void **state)
{
    (void)state;
    const struct node *n = parse("[0644, 0o17, 0x1f, -9223372036854775808, 1.5, -.inf, 089, true]");
    static const int64_t ints[] = {420, 15, 31, INT64_MIN};
    for (size_t i = 0; i < 4; i++) assert_int_equal(n->items.v[i]->i, ints[i]);
    assert_true(n->items.v[4]->f == 1.5 && isinf(n->items.v[5]->f));
    assert_int_equal(n->items.v[6]->i, 89);
    assert_int_equal(n->items.v[7]->i, 1);
    assert_true(str_is(n->items.v[0]->text, "0644"));
}

static void everything_knows_its_place(void **state)
{
    (void)state;
    const struct node *n = parse("# first\na:\n  - b: 1\n    cc: [x,\n      y]\n");
    const struct node *item = node_get(n, S("a"))->items.v[0];
    assert_int_equal(n->line, 2);
    assert_int_equal(item->line, 3);
    assert_int_equal(item->col, 5);
    assert_int_equal(item->pairs.v[1].line, 4);
    assert_int_equal(item->pairs.v[1].col, 5);
    assert_int_equal(node_get(item, S("cc"))->items.v[1]->line, 5);
    assert_null(node_get(n, S("zz")));
    assert_null(node_get(NULL, S("a")));
    assert_true(str_is(node_get_str(parse("k: v"), S("k")), "v"));
    assert_null(node_get_str(parse("k: 1"), S("k")).p);
}

static void empty_documents_are_dropped(void **state)
{
    (void)state;
    struct nodes docs;
    assert_true(
        node_parse(a, S("---\n# nothing\n---\na: 1\n---\n---\nb: 2\n...\n"), "f", &node_limits_default, &docs, &err));
    assert_int_equal(docs.n, 2);
    assert_int_equal(docs.v[1]->line, 7);
    assert_true(node_parse(a, S(""), "f", &node_limits_default, &docs, &err) && docs.n == 0);
    assert_true(node_parse(a,
                           S("\xef\xbb\xbf"
                             "a: 1"),
                           "f", &node_limits_default, &docs, &err) &&
                docs.n == 1);
}

static void mistakes_name_file_line_and_column(void **state)
{
    (void)state;
    refuses("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: \"a\" stands twice in one mapping; remove one");
    refuses("a: \"x\\0y\"\n", "f.yaml:1:4: a NUL byte is not allowed");
    refuses("\"x\\0y\": 1\n", "f.yaml:1:1: a NUL byte is not allowed");
    refuses("a: *nowhere\n", "f.yaml:1:4: an alias of something that does not stand before it");
    refuses("a: &x [*x]\n", "f.yaml:1:8: an alias of something that does not stand before it");
    refuses("[a, b]: 1\n", "f.yaml:1:1: a key must be a plain word");
    refuses("a: !mine 5\n", "f.yaml:1:4: this tag is not supported; remove it");
    refuses("a: b\n  c: d\n", "f.yaml:2:4: mapping values are not allowed in this context");
    refuses("a: [1\nb: 2\n",
            "f.yaml:2:2: did not find expected ',' or ']' while parsing a flow sequence that began in line 1");
    refuses("a: 1\nb: \x01\n", "f.yaml:2:4: control characters are not allowed");
    assert_null(parse("a: \xff\n"));
    assert_true(strstr(err.text, "f.yaml:1:4: ") == err.text);
}

static void limits_hold(void **state)
{
    (void)state;
    struct nodes docs;
    struct buf deep SCOPED_BUF = {0}, wide SCOPED_BUF = {0};
    for (int i = 0; i < 1000; i++) buf_c(&deep, "[");
    assert_false(node_parse(a, buf_view(&deep), "f", &node_limits_default, &docs, &err));
    assert_string_equal(err.text, "f:1:65: nested deeper than is read");
    struct node_limits l = {100, 3, 5};
    assert_true(node_parse(a, S("[[[1]]]"), "f", &l, &docs, &err));
    assert_false(node_parse(a, S("[[[[1]]]]"), "f", &l, &docs, &err));
    assert_true(node_parse(a, S("[1,2,3,4]"), "f", &l, &docs, &err));
    assert_false(node_parse(a, S("[1,2,3,4,5]"), "f", &l, &docs, &err));
    for (int i = 0; i < 101; i++) buf_c(&wide, " ");
    assert_false(node_parse(a, buf_view(&wide), "f", &l, &docs, &err));
    assert_string_equal(err.text, "f:1:1: larger than 100 bytes, the most that is read; split the file");
}

static void alias_bombs_do_not_go_off(void **state)
{
    (void)state;
    struct buf b SCOPED_BUF = {0};
    struct nodes docs;
    buf_c(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 20; i++) {
        buf_fmt(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++) buf_fmt(&b, "%s*a%d", k ? "," : "", i - 1);
        buf_c(&b, "]\n");
    }
    assert_false(node_parse(a, buf_view(&b), "f", &node_limits_default, &docs, &err));
    assert_non_null(strstr(err.text, "the aliases stand for more than is read"));
    struct node_limits l = {1000, 4, 1000};
    assert_false(node_parse(a, S("a: &a [[x]]\nb: [[*a]]"), "f", &l, &docs, &err)); /* deeper through the alias */
    assert_true(node_parse(a, S("a: &a [[x]]\nb: [*a]"), "f", &l, &docs, &err));
}

static void an_alias_is_its_anchor(void **state)
{
    (void)state;
    const struct node *n = parse("a: &x {k: v}\nb: *x\nc: &x 5\nd: *x\n");
    assert_true(str_is(node_get_str(node_get(n, S("b")), S("k")), "v"));
    assert_int_equal(node_get(n, S("d"))->i, 5);
}

static void json_files_may_be_all_of_json(void **state)
{
    (void)state;
    const struct node *n = parse("{\"a\": \"\\ud83d\\ude00\", \"b\": [1, 2.5, true, null, {}]}");
    assert_non_null(n);
    assert_true(str_is(node_get_str(n, S("a")), "\xf0\x9f\x98\x80"));
    assert_false(err.is_set);
}

static void json_is_strict(void **state)
{
    (void)state;
    struct node *n = node_parse_json(a, S("{\"a\": [1, \"x\", 1.5]}"), &node_limits_default, &err);
    assert_int_equal(node_get(n, S("a"))->items.n, 3);
    assert_int_equal(n->line, 0);
    static const char *const bad[] = {
        "", "{", "{\"a\":1,\"a\":2}", "{a: 1}", "[1,]", "\"\\u0000\"", "1 2", "{\"a\":1e999}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err_clear(&err);
        assert_null(node_parse_json(a, str_of(bad[i]), &node_limits_default, &err));
        assert_true(err.is_set);
    }
    struct node_limits l = {100, 2, 100};
    assert_null(node_parse_json(a, S("[[[1]]]"), &l, &err));
}

static void trees_become_json_and_come_back(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,-2.5,true,null,\"x\\ny\"],\"b\":{}}";
    json_t *j = node_to_json(parse(text));
    char *printed = json_dumps(j, JSON_COMPACT);
    assert_string_equal(printed, text);
    struct node *n = node_of_json(a, j, &err);
    assert_int_equal(node_get(n, S("a"))->items.n, 5);
    free(printed);
    json_decref(j);
    j = node_to_json(parse(".inf"));
    assert_true(json_is_string(j));
    json_decref(j);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(scalars_are_typed_as_kubernetes_users_mean),
        T(numbers_have_their_value),
        T(everything_knows_its_place),
        T(empty_documents_are_dropped),
        T(mistakes_name_file_line_and_column),
        T(limits_hold),
        T(alias_bombs_do_not_go_off),
        T(an_alias_is_its_anchor),
        T(json_files_may_be_all_of_json),
        T(json_is_strict),
        T(trees_become_json_and_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
