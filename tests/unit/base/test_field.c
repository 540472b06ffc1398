#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/errcode.h"
#include "base/field.h"

enum color { RED, GREEN, BLUE };
struct inner {
    struct str name;
    int64_t n;
};
struct thing {
    struct str s, cidr, regex, form, quantity, bytes, secret;
    bool flag;
    int tri;
    int64_t i, d, t;
    int color;
    struct inner in;
    struct inner *ptr;
    LIST(struct inner) list;
    struct strs strs;
    struct ints ints;
    struct kvs map, maps, raw;
    struct int_or_str port;
    struct opt_int opt;
    json_t *json;
};

static const char *const colors[] = {"red", "green", "blue", NULL};
static const struct field inner_fields[] = {
    FIELD(struct inner, name, "name", F_STR, .flags = FIELD_REQUIRED, .doc = "."),
    FIELD(struct inner, n, "n", F_INT, .min = 1, .max = 9, .def = "3", .doc = "."),
};
static void check_inner(const void *v, struct arena *a, struct problems *out)
{
    if (str_is(((const struct inner *)v)->name, "bad")) problem_add(a, out, true, NULL, S("name"), "is bad");
}
static const struct table inner_table = TABLE("Inner", struct inner, inner_fields, .check = check_inner);
#define F(m, type, ...) FIELD(struct thing, m, #m, type, __VA_ARGS__)
static const struct field fields[] = {
    F(s, F_STR, .doc = "."),
    F(cidr, F_STR, .flags = FIELD_CIDR),
    F(regex, F_STR, .flags = FIELD_REGEX),
    F(form, F_STR, .pattern = "[a-z]+", .flags = FIELD_NOT_EMPTY, .def = "abc"),
    F(quantity, F_QUANTITY),
    F(bytes, F_BYTES),
    F(secret, F_STR, .flags = FIELD_SECRET),
    F(flag, F_BOOL, .def = "true"),
    F(tri, F_TRI),
    F(i, F_INT, .min = 10, .max = 20, .flags = FIELD_NOT_ENFORCED),
    F(d, F_DURATION, .min = 1000000000, .max = 61000000000),
    F(t, F_TIME),
    F(color, F_ENUM, .names = colors, .flags = FIELD_NOCASE),
    F(in, F_INLINE, .sub = &inner_table),
    F(ptr, F_OBJ, .sub = &inner_table),
    F(list, F_LIST, .sub = &inner_table, .flags = FIELD_NOT_EMPTY),
    F(strs, F_STRS, .names = colors),
    F(ints, F_INTS, .min = 1, .max = 65535),
    F(map, F_MAP),
    F(maps, F_MAPS, .flags = FIELD_REGEX),
    F(raw, F_MAP, .flags = FIELD_BASE64),
    F(port, F_INT_OR_STR, .max = 65535),
    F(opt, F_OPT_INT),
    F(json, F_JSON),
};
static const struct table table = TABLE("Thing", struct thing, fields),
                          strict = TABLE("Thing", struct thing, fields, .flags = TABLE_STRICT),
                          open = TABLE("Thing", struct thing, fields, .flags = TABLE_OPEN);

static struct arena *a;
static struct problems probs;
static int setup(void **state)
{
    (void)state;
    a = arena_new();
    probs = (struct problems){0};
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static struct node *node_of(const char *text)
{
    struct nodes docs;
    struct err err = {0};
    if (!node_parse(a, str_of(text), "f", &node_limits_default, &docs, &err)) fail_msg("%s", err.text);
    return docs.n ? docs.v[0] : NULL;
}

static struct thing *decode(const struct table *t, const char *text, bool *ok)
{
    struct thing *v = arena_make(a, struct thing);
    probs = (struct problems){0};
    *ok = table_decode(t, node_of(text), S(""), a, v, &probs);
    return v;
}

static struct thing *good(const char *text)
{
    bool ok;
    struct thing *v = decode(&table, text, &ok);
    if (!ok) fail_msg("%s: %.*s %.*s", text, STR_FMT(probs.v[0].path), STR_FMT(probs.v[0].text));
    return v;
}

/* The first problem is an error at |path| whose text contains |part|. */
static const struct problem *bad(const char *text, const char *path, const char *part)
{
    bool ok;
    decode(&table, text, &ok);
    assert_false(ok);
    assert_true(probs.n > 0 && probs.v[0].is_error);
    if (!str_is(probs.v[0].path, path)) fail_msg("%s: path %.*s", text, STR_FMT(probs.v[0].path));
    if (!strstr(str_c(a, probs.v[0].text), part)) fail_msg("%s: %.*s", text, STR_FMT(probs.v[0].text));
    return &probs.v[0];
}

static const char full[] = "{s: hello, cidr: 10.0.0.0/8, regex: a.*b, form: xyz, quantity: 100m, bytes: aGk=, secret: "
                           "pw, flag: false, tri: false, i: 15, "
                           "d: 1m0.5s, t: '2026-01-31T12:00:00Z', color: BLUE, in: {name: x, n: 9}, ptr: {name: y}, "
                           "list: [{name: p}, {name: q, n: 1}], "
                           "strs: [green, red], ints: [1, 65535], map: {b: '2', a: ''}, maps: [{h: x.*}, {h: y}], raw: "
                           "{k: aGk=}, port: web, opt: 0, json: {x: [1, {y: null}]}}";

static void every_type_decodes(void **state)
{
    (void)state;
    struct thing *v = good(full);
    assert_true(str_is(v->s, "hello") && str_is(v->cidr, "10.0.0.0/8") && str_is(v->quantity, "100m") &&
                str_is(v->bytes, "hi"));
    assert_true(!v->flag && v->tri == TRI_FALSE && v->i == 15 && v->d == 60500000000 && v->t == 1769860800 &&
                v->color == BLUE);
    assert_true(str_is(v->in.name, "x") && v->in.n == 9 && str_is(v->ptr->name, "y") && v->ptr->n == 3 &&
                v->list.n == 2 && v->list.v[1].n == 1);
    assert_true(v->strs.n == 2 && v->ints.v[1] == 65535 && str_is(v->map.v[0].key, "a") && v->maps.n == 2 &&
                str_is(v->maps.v[1].value, "y"));
    assert_true(str_is(kvs_get(v->raw, S("k")), "hi") && str_is(v->port.s, "web") && v->opt.is_set && v->opt.v == 0 &&
                json_is_object(v->json));
    assert_true(kvs_get(v->map, S("a")).p && !kvs_get(v->map, S("c")).p);
}

static void absent_means_default_or_zero(void **state)
{
    (void)state;
    struct thing *v = good("{in: null, s: null}"), *d = arena_make(a, struct thing);
    assert_true(v->flag && str_is(v->form, "abc") && v->in.n == 3 && !v->ptr && v->tri == TRI_UNSET && !v->opt.is_set &&
                v->color == RED);
    assert_int_equal(probs.n, 0);
    table_defaults(&table, a, d);
    assert_true(table_equal(&table, v, d));
    assert_true(good("{port: 80}")->port.i == 80);
    assert_true(good("{maps: {h: x}}")->maps.n == 1);
    assert_true(good("{color: ''}")->color == RED);
    assert_true(good("{cidr: '', regex: ''}")->cidr.n == 0);
    assert_true(good("{d: 1s}")->d == 1000000000);
}

static void wrong_types_name_the_path(void **state)
{
    (void)state;
    bad("{s: 5}", "s", "must be a string; put it in quotes: \"5\"");
    bad("{s: [x]}", "s", "must be a string, not a list");
    bad("{flag: 'true'}", "flag", "must be true or false, not a string");
    bad("{i: '5'}", "i", "must be a whole number, not a string");
    bad("{i: 1.5}", "i", "must be a whole number");
    bad("{in: [1]}", "in", "must be a mapping, not a list");
    bad("{list: {}}", "list", "must be a list, not a mapping");
    bad("{list: [{name: x}, {name: 7}]}", "list[1].name", "must be a string");
    bad("{list: [{name: x}, null]}", "list[1].name", "is required");
    bad("{map: {k: 1}}", "map.k", "put it in quotes");
    bad("{maps: [{h: x}, 5]}", "maps[1]", "must be a mapping");
    bad("{port: true}", "port", "a whole number or a name");
    bad("{d: 5}", "d", "a duration like");
    bad("{t: yesterday}", "t", "must be a time");
    bad("{bytes: '!'}", "bytes", "is not base64");
    bad("{raw: {k: '!'}}", "raw.k", "is not base64");
    bad("{quantity: 5 apples}", "quantity", "is not a quantity");
    bad("[1]", "", "must be a mapping");
}

static void ranges_words_and_forms_are_checked(void **state)
{
    (void)state;
    bad("{i: 9}", "i", "must be between 10 and 20, not 9");
    bad("{ints: [0]}", "ints[0]", "between 1 and 65535");
    bad("{port: 65536}", "port", "between 0 and 65535");
    bad("{d: 2m}", "d", "between 1s and 1m1s");
    bad("{d: -5s}", "d", "is not a duration");
    bad("{color: pink}", "color", "must be one of red, green, blue, not \"pink\"");
    bad("{strs: [red, Green]}", "strs[1]", "must be one of");
    bad("{cidr: 10.0.0.0}", "cidr", "is not an address range");
    bad("{cidr: 10.0.0.0/33}", "cidr", "is not an address range");
    bad("{cidr: 10.0.0.0/-1}", "cidr", "is not an address range");
    bad("{form: A1}", "form", "does not have the form");
    bad("{form: ''}", "form", "must not be empty");
    bad("{list: []}", "list", "at least one");
    bad("{in: {}}", "in.name", "is required");
    assert_int_equal(bad("{regex: '('}", "regex", "not a valid RE2")->code, E_BAD_REGEX);
    bad("{maps: [{h: '['}]}", "maps[0].h", "not a valid RE2");
    good("{cidr: 'fd00::/8'}");
}

static void all_problems_are_told_with_their_place(void **state)
{
    (void)state;
    bool ok;
    decode(&table, "s: 5\ni: 1\nlist:\n- {name: x}\n- n: 20\n", &ok);
    assert_false(ok);
    assert_int_equal(probs.n, 4);
    assert_int_equal(probs.v[1].line, 2);
    assert_int_equal(probs.v[1].col, 4);
    assert_true(str_is(probs.v[2].path, "list[1].name") && probs.v[2].line == 5);
    assert_int_equal(probs.v[3].code, E_BAD_OBJECT);
}

static void checks_between_fields_get_path_and_place(void **state)
{
    (void)state;
    const struct problem *p = bad("list:\n- name: ok\n- n: 1\n  name: bad\n", "list[1].name", "is bad");
    assert_int_equal(p->line, 4);
    bad("{in: {name: bad}}", "in.name", "is bad");
}

static void unknown_fields_follow_the_table(void **state)
{
    (void)state;
    bool ok;
    decode(&table, "{srts: [red], in: {name: x, extra: 1}}", &ok);
    assert_true(ok && probs.n == 2 && !probs.v[0].is_error && probs.v[0].code == E_UNKNOWN_FIELD);
    assert_non_null(strstr(str_c(a, probs.v[0].text), "did you mean \"strs\"?"));
    decode(&strict, "{in: {name: x, extra: 1}}", &ok);
    assert_true(!ok && probs.n == 1 && str_is(probs.v[0].path, "in.extra"));
    decode(&open, "{nonsense: [red], in: {name: x, extra: 1}}", &ok);
    assert_true(ok && probs.n == 0);
}

static void what_is_not_carried_out_is_told(void **state)
{
    (void)state;
    good("{i: 15}");
    assert_true(probs.n == 1 && !probs.v[0].is_error && probs.v[0].code == E_NOT_ENFORCED &&
                str_is(probs.v[0].path, "i"));
    good("{s: x}");
    assert_int_equal(probs.n, 0);
}

static struct hash128 hash_of(const struct thing *v)
{
    struct hasher h;
    hasher_init(&h);
    table_hash(&table, v, &h);
    return hasher_end(&h);
}

static void equal_values_have_equal_hashes_and_copies(void **state)
{
    (void)state;
    struct thing *x = good(full), *y = good(full);
    assert_true(table_equal(&table, x, y) && hash128_eq(hash_of(x), hash_of(y)));
    struct arena *other = arena_new();
    struct thing copy = {0};
    table_copy(&table, x, other, &copy);
    assert_true(table_equal(&table, x, &copy) && hash128_eq(hash_of(x), hash_of(&copy)));
    assert_ptr_not_equal(copy.s.p, x->s.p);
    assert_ptr_not_equal(copy.list.v, x->list.v);
    arena_free(other);
    struct thing zero = {0};
    assert_true(table_equal(&table, &zero, &(struct thing){0}));
    assert_false(table_equal(&table, &zero, x));
}

static void every_difference_is_seen(void **state)
{
    (void)state;
    static const char *const others[] = {
        "s: x",           "cidr: 10.1.0.0/16",
        "regex: x",       "form: q",
        "quantity: 1",    "bytes: aGo=",
        "secret: x",      "flag: false",
        "tri: true",      "i: 16",
        "d: 5s",          "t: '2025-01-01T00:00:00Z'",
        "color: green",   "in: {name: z}",
        "ptr: {name: z}", "list: [{name: p}]",
        "strs: [red]",    "ints: [2]",
        "map: {a: b}",    "maps: [{h: q}]",
        "raw: {k: aGo=}", "port: 8",
        "port: other",    "opt: 1",
        "json: {}",
    };
    struct thing *base = good("{}");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct thing *x = good(others[i]);
        if (table_equal(&table, base, x) || hash128_eq(hash_of(base), hash_of(x))) fail_msg("%s", others[i]);
        for (size_t k = 0; k < i; k++)
            if (table_equal(&table, good(others[k]), x)) fail_msg("%s is %s", others[i], others[k]);
    }
}

static void json_decodes_to_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {full, "{}", "{flag: false, form: q}", "{in: {name: x, n: 1}}",
                                        "{ptr: {name: ''}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct thing *x = good(texts[i]), *y = arena_make(a, struct thing);
        struct err err = {0};
        json_t *j = table_to_json(&table, x);
        struct node *n = node_of_json(a, j, &err);
        probs = (struct problems){0};
        if (!table_decode(&table, n, S(""), a, y, &probs))
            fail_msg("%.*s %.*s", STR_FMT(probs.v[0].path), STR_FMT(probs.v[0].text));
        assert_true(table_equal(&table, x, y));
        json_decref(j);
    }
    json_t *j = table_to_json(&inner_table, &(struct inner){S("x"), 3});
    char *text = json_dumps(j, JSON_COMPACT);
    assert_string_equal(text, "{\"name\":\"x\",\"n\":3}");
    free(text);
    json_decref(j);
}

static void the_dump_reads_well_and_hides_secrets(void **state)
{
    (void)state;
    struct buf b SCOPED_BUF = {0};
    table_dump(&table, good(full), 0, &b);
    buf_char(&b, '\0');
    assert_string_equal(b.p, "s: hello\ncidr: 10.0.0.0/8\nregex: a.*b\nform: xyz\nquantity: 100m\nbytes: aGk=\nsecret: "
                             "(secret)\ntri: false\ni: 15\nd: 1m0.5s\n"
                             "t: 2026-01-31T12:00:00Z\ncolor: blue\nin:\n  name: x\n  n: 9\nptr:\n  name: y\n  n: "
                             "3\nlist:\n  - name: p\n    n: 3\n  - name: q\n    n: 1\n"
                             "strs: [green, red]\nints: [1, 65535]\nmap: {a=\"\", b=2}\nmaps: {h=x.*, h=y}\nraw: "
                             "{k=hi}\nport: web\nopt: 0\njson: {\"x\":[1,{\"y\":null}]}\n");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_type_decodes),
        T(absent_means_default_or_zero),
        T(wrong_types_name_the_path),
        T(ranges_words_and_forms_are_checked),
        T(all_problems_are_told_with_their_place),
        T(checks_between_fields_get_path_and_place),
        T(unknown_fields_follow_the_table),
        T(what_is_not_carried_out_is_told),
        T(equal_values_have_equal_hashes_and_copies),
        T(every_difference_is_seen),
        T(json_decodes_to_the_same),
        T(the_dump_reads_well_and_hides_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
