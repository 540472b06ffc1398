#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "identity/token.h"

static int64_t now_s = 1000;
static int64_t now(void) { return now_s; }

struct said {
    bool ok, is_refused;
    char text[2048];
};

static void keep(void *arg, const struct token_answer *answer)
{
    struct said *out = arg;
    out->ok = answer->s != NULL;
    out->is_refused = answer->is_refused;
    if (answer->s)
        snprintf(out->text, sizeof out->text, "%.*s %.*s %.*s %.*s", STR_FMT(answer->s->ns), STR_FMT(answer->s->sa),
                 STR_FMT(answer->s->pod), STR_FMT(answer->s->uid));
    else
        snprintf(out->text, sizeof out->text, "%s", answer->err->text);
}

static struct said check(const char *dir, const char *token)
{
    struct said said = {0};
    struct token_checker *c = token_local_new(dir, now);
    token_check(c, str_of(token), keep, &said);
    token_checker_free(c);
    return said;
}

static void a_token_stands_for_its_pod_until_it_expires(void **state)
{
    (void)state;
    struct err err = {0};
    char dir[] = "/tmp/osm-token-XXXXXX", token[TOKEN_TEXT], other[TOKEN_TEXT];
    struct token_subject s = {S("ns1"), S("client"), S("client-0"), S("uid-1")};
    assert_non_null(mkdtemp(dir));
    assert_true(token_local_issue(dir, &s, 2000, token, &err));
    assert_true(token_local_issue(dir, &s, 2000, other, &err));
    assert_string_not_equal(token, other);
    assert_string_equal(check(dir, token).text, "ns1 client client-0 uid-1");
    now_s = 2000;
    assert_string_equal(check(dir, token).text, "the token has expired");
    now_s = 1000;
    token[0] = token[0] == 'a' ? 'b' : 'a';
    struct said said = check(dir, token);
    assert_string_equal(said.text, "the token is not known");
    assert_true(said.is_refused);
    token_local_revoke(dir, str_of(other));
    assert_false(check(dir, other).ok);
    assert_true(tree_remove(dir, &err));
}

#define RECORD(audience, expires, ns, sa, uid)                                                                         \
    S("{\"namespace\":\"" ns "\",\"serviceAccount\":\"" sa "\",\"pod\":\"p\",\"uid\":\"" uid                           \
      "\",\"audience\":\"" audience "\",\"expires\":" expires "}")

static bool parses(struct str json)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct token_subject s;
    return token_record_parse(a, json, 1000, &s, &err);
}

static void records_that_are_wrong_in_any_way_are_refused(void **state)
{
    (void)state;
    assert_true(parses(RECORD("osm-controller", "1001", "ns", "sa", "u")));
    assert_false(parses(RECORD("another", "1001", "ns", "sa", "u")));
    assert_false(parses(RECORD("osm-controller", "1000", "ns", "sa", "u")));
    assert_false(parses(RECORD("osm-controller", "\"1001\"", "ns", "sa", "u")));
    assert_false(parses(RECORD("osm-controller", "1001", "NS", "sa", "u")));
    assert_false(parses(RECORD("osm-controller", "1001", "ns", "../sa", "u")));
    assert_false(parses(RECORD("osm-controller", "1001", "a.b", "sa", "u")));
    assert_false(parses(RECORD("osm-controller", "1001", "ns\\u0000", "sa", "u")));
    assert_false(parses(RECORD("osm-controller", "1001", "ns", "sa", "u/v")));
    assert_false(parses(RECORD("osm-controller", "1001", "ns", "sa", "")));
    assert_false(parses(S("[]")));
    assert_false(parses(S("")));
    assert_false(parses(STR_NULL));
    assert_false(parses(S("{\"namespace\":\"ns\",\"namespace\":\"other\"}")));
}

static void only_a_bearer_header_has_a_token(void **state)
{
    (void)state;
    assert_true(str_is(token_bearer(S("Bearer abc.DEF-1_2~+/=")), "abc.DEF-1_2~+/="));
    assert_true(str_is(token_bearer(S("bearer  abc ")), "abc"));
    assert_true(str_empty(token_bearer(S("Basic abc"))));
    assert_true(str_empty(token_bearer(S("Bearer "))));
    assert_true(str_empty(token_bearer(S("Bearer"))));
    assert_true(str_empty(token_bearer(S("Bearer a b"))));
    assert_true(str_empty(token_bearer(S("Bearer a\"b"))));
    assert_true(str_empty(token_bearer(STR_NULL)));
    char *giant = malloc(TOKEN_MAX + 8);
    memset(giant, 'a', TOKEN_MAX + 8);
    memcpy(giant, "Bearer ", 7);
    assert_int_equal(token_bearer(str_make(giant, TOKEN_MAX + 7)).n, TOKEN_MAX);
    assert_true(str_empty(token_bearer(str_make(giant, TOKEN_MAX + 8))));
    free(giant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_stands_for_its_pod_until_it_expires),
        cmocka_unit_test(records_that_are_wrong_in_any_way_are_refused),
        cmocka_unit_test(only_a_bearer_header_has_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
