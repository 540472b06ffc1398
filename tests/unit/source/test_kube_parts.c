/* The pure parts of the Kubernetes source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "source/kube/internal.h"

static void assert_joins(struct arena *a, const char *in, const char *want)
{
    struct strs all = {0};
    for (struct str rest = str_of(in); rest.p;) list_push(a, &all, str_cut(&rest, ' '));
    struct str out = str_join(a, ranges_join(a, all), S(" "));
    assert_string_equal(str_c(a, out), want);
}

static void ranges_are_joined(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    assert_joins(a, "10.244.1.0/24 10.244.0.0/24 10.244.3.0/24 10.244.2.0/24", "10.244.0.0/22");
    assert_joins(a, "10.244.1.0/24 10.244.2.0/24", "10.244.1.0/24 10.244.2.0/24"); /* no halves of one range */
    assert_joins(a, "10.0.0.0/8 10.244.1.0/24 fd00::/64 10.0.0.0/8", "10.0.0.0/8 fd00::/64");
    assert_joins(a, "10.244.1.7/24", "10.244.1.0/24");
    assert_joins(a, "fd00:0:0:1::/64 fd00::/64", "fd00::/63");
    assert_joins(a, "hello 10.0.0.0/33 10.0.0.0/0 /8 ::/129", "");
}

static const struct node *tree(struct arena *a, const char *text)
{
    struct err err = {0};
    struct node *n = node_parse_json(a, str_of(text), &node_limits_default, &err);
    assert_non_null(n);
    return n;
}

static void of_a_pod_only_what_is_read_is_kept(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    const struct node *n = tree(
        a, "{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\",\"resourceVersion\":\"7\",\"managedFields\":[{}],"
           "\"annotations\":{\"openservicemesh.io/sidecar-injection\":\"enabled\",\"big\":\"x\"}},"
           "\"spec\":{\"serviceAccountName\":\"sa\",\"volumes\":[{}],\"containers\":[{\"name\":\"c\",\"image\":\"i\","
           "\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/x\"}],\"env\":[{}]}]},"
           "\"status\":{\"podIP\":\"10.0.0.1\",\"startTime\":\"2026-01-01T00:00:00Z\"}}");
    json_t *have = node_to_json(lean_document(n, KIND_POD, a)), *want = NULL;
    json_error_t e;
    want = json_loads("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\","
                      "\"annotations\":{\"openservicemesh.io/sidecar-injection\":\"enabled\"}},"
                      "\"spec\":{\"serviceAccountName\":\"sa\",\"containers\":[{\"name\":\"c\"}]},"
                      "\"status\":{\"podIP\":\"10.0.0.1\"}}",
                      0, &e);
    assert_true(json_equal(have, want));
    json_decref(have);
    json_decref(want);
    assert_true(str_is(lean_key(n, KIND_POD, a), "ns/p"));
    assert_true(str_is(lean_key(n, KIND_NAMESPACE, a), "p"));
}

static void what_has_no_name_is_no_object(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    const char *const bad[] = {"{}", "[]", "{\"metadata\":{\"name\":\"p\"}}",
                               "{\"metadata\":{\"name\":\"a/b\",\"namespace\":\"ns\"}}",
                               "{\"metadata\":{\"name\":[],\"namespace\":\"ns\"}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(lean_key(tree(a, bad[i]), KIND_POD, a).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_joined),
        cmocka_unit_test(of_a_pod_only_what_is_read_is_kept),
        cmocka_unit_test(what_has_no_name_is_no_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
