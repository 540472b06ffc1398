// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include "platform/local/capability.h"
#include "platform/local/env.h"

#include <linux/capability.h>

static json_t *find(void *arg, enum kind kind, struct str ns, struct str name)
{
    (void)arg;
    if (!str_is(ns, "shop")) return NULL;
    if (kind == KIND_CONFIG_MAP && str_is(name, "settings"))
        return json_pack("{s:{s:s, s:s}}", "data", "A", "1", "B", "two");
    if (kind == KIND_SECRET && str_is(name, "key")) return json_pack("{s:{s:s}}", "data", "k", "aGVsbG8=");
    return NULL;
}

static json_t *load(const char *text)
{
    json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    return j;
}

static const char pod_text[] =
    "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"u\",\"labels\":{\"app\":\"w\"}},"
    "\"spec\":{\"serviceAccountName\":\"seller\"},\"status\":{\"podIP\":\"10.244.0.7\"}}";

static bool build(struct arena *a, const char *container, struct strs *out, struct err *err)
{
    json_t *pod SCOPED_JSON = load(pod_text), *c SCOPED_JSON = load(container);
    struct env_input in = {.pod = pod, .container = c, .lookup = {find, NULL}};
    return env_build(&in, a, out, err);
}

static struct str value(struct strs env, const char *name)
{
    for (size_t i = 0; i < env.n; i++)
        if (str_starts(env.v[i], str_of(name)) && env.v[i].p[strlen(name)] == '=')
            return str_sub(env.v[i], strlen(name) + 1, env.v[i].n);
    return STR_NULL;
}

static void all_sources_are_read_and_later_ones_win(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct strs env;
    assert_true(build(a,
                      "{\"envFrom\":[{\"configMapRef\":{\"name\":\"settings\"},\"prefix\":\"X_\"}],\"env\":["
                      "{\"name\":\"X_A\",\"value\":\"over\"},{\"name\":\"IP\",\"valueFrom\":{\"fieldRef\":{"
                      "\"fieldPath\":\"status.podIP\"}}},"
                      "{\"name\":\"APP\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.labels['app']\"}}},"
                      "{\"name\":\"S\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"key\",\"key\":\"k\"}}},"
                      "{\"name\":\"URL\",\"value\":\"http://$(IP)/$(NONE)/$$(IP)\"}]}",
                      &env, &err));
    assert_true(str_is(value(env, "X_A"), "over"));
    assert_true(str_is(value(env, "X_B"), "two"));
    assert_true(str_is(value(env, "IP"), "10.244.0.7"));
    assert_true(str_is(value(env, "APP"), "w"));
    assert_true(str_is(value(env, "S"), "hello"));
    assert_true(str_is(value(env, "URL"), "http://10.244.0.7/$(NONE)/$(IP)"));
}

static void what_is_missing_is_an_error_unless_optional(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct strs env;
    assert_false(
        build(a, "{\"env\":[{\"name\":\"S\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"key\",\"key\":\"no\"}}}]}",
              &env, &err));
    assert_string_equal(err.text, "env S: there is no key 'no' in Secret key");
    err_clear(&err);
    assert_true(build(a,
                      "{\"env\":[{\"name\":\"S\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"key\",\"key\":\"no\","
                      "\"optional\":true}}}]}",
                      &env, &err));
    assert_null(value(env, "S").p);
    assert_false(build(a, "{\"envFrom\":[{\"configMapRef\":{\"name\":\"none\"}}]}", &env, &err));
}

static void resources_are_read_in_their_divisor(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct str out;
    json_t *c SCOPED_JSON = load("{\"resources\":{\"limits\":{\"memory\":\"64Mi\",\"cpu\":\"1500m\"}}}");
    json_t *memory SCOPED_JSON = load("{\"resource\":\"limits.memory\",\"divisor\":\"1Mi\"}");
    json_t *cpu SCOPED_JSON = load("{\"resource\":\"limits.cpu\"}"),
                *bad SCOPED_JSON = load("{\"resource\":\"limits.gold\"}");
    assert_true(env_resource(c, memory, a, &out, &err) && str_is(out, "64"));
    assert_true(env_resource(c, cpu, a, &out, &err) && str_is(out, "2"));
    assert_false(env_resource(c, bad, a, &out, &err));
}

static void capabilities_are_default_minus_drop_plus_add(void **state)
{
    (void)state;
    struct err err = {0};
    uint64_t set;
    json_t *c SCOPED_JSON = load("{\"capabilities\":{\"drop\":[\"ALL\"],\"add\":[\"NET_ADMIN\"]}}");
    json_t *bad SCOPED_JSON = load("{\"capabilities\":{\"add\":[\"FLY\"]}}"),
                *privileged SCOPED_JSON = load("{\"privileged\":true}");
    assert_true(capability_of_json(c, &set, &err));
    assert_int_equal(set, UINT64_C(1) << CAP_NET_ADMIN);
    assert_true(capability_of_json(NULL, &set, &err));
    assert_int_equal(set, capability_default());
    assert_true(capability_of_json(privileged, &set, &err) && (set & UINT64_C(1) << CAP_SYS_ADMIN));
    assert_false(capability_of_json(bad, &set, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_sources_are_read_and_later_ones_win),
                                       cmocka_unit_test(what_is_missing_is_an_error_unless_optional),
                                       cmocka_unit_test(resources_are_read_in_their_divisor),
                                       cmocka_unit_test(capabilities_are_default_minus_drop_plus_add)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
