/* Requests as values, and how answers are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "kube/request.h"
#include "kube/watch.h"

static struct arena *a;

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static json_t *json(const char *text)
{
    json_error_t e;
    json_t *j = json_loads(text, 0, &e);
    assert_non_null(j);
    return j;
}

static void assert_same(struct str body, const char *want)
{
    json_t *have = json(str_c(a, body)), *other = json(want);
    if (!json_equal(have, other)) fail_msg("%.*s is not %s", STR_FMT(body), want);
    json_decref(have);
    json_decref(other);
}

static void paths(void **state)
{
    (void)state;
    struct kube_ref pod = {.version = "v1", .plural = "pods", .ns = S("shop"), .name = S("a/b c"), .sub = "status"};
    assert_string_equal(kube_path(a, pod), "/api/v1/namespaces/shop/pods/a%2Fb%20c/status");
    pod.ns = pod.name = STR_NULL;
    assert_string_equal(kube_path(a, pod), "/api/v1/pods");
    struct kube_ref crd = {.group = "apiextensions.k8s.io", .version = "v1", .plural = "customresourcedefinitions"};
    assert_string_equal(kube_path(a, crd), "/apis/apiextensions.k8s.io/v1/customresourcedefinitions");
    struct kube_request r = kube_list(a, pod, "labelSelector=x%3Dy", 500, S("a b"));
    assert_string_equal(r.path, "/api/v1/pods?limit=500&labelSelector=x%3Dy&continue=a%20b");
}

static void writes(void **state)
{
    (void)state;
    struct kube_ref cm = {.version = "v1", .plural = "configmaps", .ns = S("x"), .name = S("n")};
    json_t *o = json("{\"kind\":\"ConfigMap\"}");
    struct kube_request r = kube_apply(a, cm, o, "osm", true);
    assert_string_equal(r.method, "PATCH");
    assert_string_equal(r.path, "/api/v1/namespaces/x/configmaps/n?fieldManager=osm&force=true");
    assert_string_equal(r.type, "application/apply-patch+yaml");
    assert_same(r.body, "{\"kind\":\"ConfigMap\"}");
    r = kube_create(a, cm, o);
    assert_string_equal(r.path, "/api/v1/namespaces/x/configmaps");
    r = kube_patch(a, cm, KUBE_PATCH_JSON, o);
    assert_string_equal(r.type, "application/json-patch+json");
    r = kube_delete(a, cm, S("u"), S("7"));
    assert_string_equal(r.method, "DELETE");
    assert_same(r.body, "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\","
                        "\"preconditions\":{\"uid\":\"u\",\"resourceVersion\":\"7\"}}");
    json_decref(o);
}

#define USER(name, extra) "\"user\":{\"username\":\"" name "\",\"extra\":{" extra "}}"
#define POD                                                                                                            \
    "\"authentication.kubernetes.io/pod-name\":[\"p\"],\"authentication.kubernetes.io/pod-uid\":[\"u\"],"              \
    "\"authentication.kubernetes.io/node-name\":[\"n\"]"
#define ACCOUNT "system:serviceaccount:shop:web"

static bool review(const char *status, struct kube_reviewed *out, struct err *err)
{
    json_t *j = json(str_c(a, str_fmt(a, "{\"kind\":\"TokenReview\",\"status\":{%s}}", status)));
    bool ok = kube_token_review_read(j, "osm-controller", a, out, err);
    json_decref(j);
    return ok;
}

static void token_reviews(void **state)
{
    (void)state;
    struct kube_reviewed r;
    struct err err = {0};
    struct kube_request q = kube_token_review(a, S("secret"), "osm-controller");
    assert_string_equal(q.path, "/apis/authentication.k8s.io/v1/tokenreviews");
    assert_true(review("\"authenticated\":true,\"audiences\":[\"osm-controller\"]," USER(ACCOUNT, POD), &r, &err));
    assert_true(str_is(r.ns, "shop") && str_is(r.account, "web") && str_is(r.pod, "p") && str_is(r.uid, "u"));
    const char *const bad[] = {
        "",
        "\"authenticated\":false,\"error\":\"expired\"",
        "\"authenticated\":\"true\",\"audiences\":[\"osm-controller\"]," USER(ACCOUNT, POD),
        "\"authenticated\":true," USER(ACCOUNT, POD), /* a server that knows no audiences */
        "\"authenticated\":true,\"audiences\":[\"other\"]," USER(ACCOUNT, POD),
        "\"authenticated\":true,\"audiences\":[\"osm-controller\"]," USER("jane", POD),
        "\"authenticated\":true,\"audiences\":[\"osm-controller\"]," USER("system:serviceaccount:a/b:c", POD),
        "\"authenticated\":true,\"audiences\":[\"osm-controller\"]," USER("system:node:shop:web", POD),
        "\"authenticated\":true,\"audiences\":[\"osm-controller\"]," USER(ACCOUNT, ""),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (review(bad[i], &r, &err)) fail_msg("%s is believed", bad[i]);
    /* a token that is no text is sent as nothing */
    q = kube_token_review(a, S("\xff\xfe"), "x");
    assert_same(q.body, "{}");
}

static void leases(void **state)
{
    (void)state;
    struct kube_lease l = {.ns = S("osm-system"),
                           .name = S("osm-leader"),
                           .holder = S("me"),
                           .duration_s = 15,
                           .transitions = 2,
                           .acquired_us = 1767225600000001,
                           .renewed_us = 1767225600250000};
    struct kube_request r = kube_lease_write(a, &l);
    struct kube_lease back;
    struct err err = {0};
    assert_string_equal(r.method, "POST");
    assert_non_null(memmem(r.body.p, r.body.n, "2026-01-01T00:00:00.000001Z", 27));
    l.version = S("9");
    r = kube_lease_write(a, &l);
    assert_string_equal(r.method, "PUT");
    assert_string_equal(r.path, "/apis/coordination.k8s.io/v1/namespaces/osm-system/leases/osm-leader");
    json_t *j = json(str_c(a, r.body));
    assert_true(kube_lease_read(j, a, &back, &err));
    assert_true(str_is(back.holder, "me") && str_is(back.version, "9") && back.duration_s == 15);
    assert_int_equal(back.acquired_us, l.acquired_us);
    assert_int_equal(back.renewed_us, l.renewed_us);
    json_object_set_new(j, "kind", json_string("Pod"));
    assert_false(kube_lease_read(j, a, &back, &err));
    json_decref(j);
}

static void versions(void **state)
{
    (void)state;
    assert_int_equal(kube_version_compare(S("9"), S("10")), -1);
    assert_int_equal(kube_version_compare(S("0010"), S("10")), 0);
    assert_int_equal(kube_version_compare(S("99999999999999999999999"), S("99999999999999999999998")), 1);
    assert_int_equal(kube_version_compare(S("abc"), S("10")), 0);
    assert_int_equal(kube_version_compare(S(""), S("10")), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(paths), T(writes), T(token_reviews), T(leases), T(versions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
