#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "inject/inject.h"

struct row {
    const char *doc, *patch, *want; /* want NULL: the patch must not apply */
};

static const struct row rows[] = {
    {"{}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":1}]", "{\"a\":1}"},
    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":2}]", "{\"a\":2}"},
    {"{\"a\":[1,3]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", "{\"a\":[1,2,3]}"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":2}]", "{\"a\":[1,2]}"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", "{\"a\":[1,2]}"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":2}]", NULL},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/01\",\"value\":2}]", NULL},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-1\",\"value\":2}]", NULL},
    {"{\"a\":{}}", "[{\"op\":\"add\",\"path\":\"/a/x~1y~0z\",\"value\":2}]", "{\"a\":{\"x/y~z\":2}}"},
    {"{\"\":{\"b\":1}}", "[{\"op\":\"replace\",\"path\":\"//b\",\"value\":2}]", "{\"\":{\"b\":2}}"},
    {"{}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]", NULL},
    {"{\"a\":\"s\"}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]", NULL},
    {"{\"a\":[{\"b\":1}]}", "[{\"op\":\"replace\",\"path\":\"/a/0/b\",\"value\":{}}]", "{\"a\":[{\"b\":{}}]}"},
    {"{}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":1}]", NULL},
    {"{\"a\":[]}", "[{\"op\":\"replace\",\"path\":\"/a/0\",\"value\":1}]", NULL},
    {"{\"a\":[1]}", "[{\"op\":\"replace\",\"path\":\"/a/-\",\"value\":1}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]", "{\"a\":1}"},
    {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/a\",\"value\":2}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":2}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"\",\"value\":2}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\"}]", NULL},
    {"{\"a\":1}", "[7]", NULL},
    {"{\"a\":1}", "{}", NULL},
};

static void each_operation_does_what_the_rfc_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        json_t *doc = json_loads(rows[i].doc, 0, NULL), *patch = json_loads(rows[i].patch, 0, NULL);
        json_t *want = rows[i].want ? json_loads(rows[i].want, 0, NULL) : NULL;
        bool ok = patch_apply(doc, patch, &err);
        if (ok != !!want || (want && !json_equal(doc, want))) fail_msg("row %zu: %s", i, rows[i].patch);
        assert_int_equal(err.is_set, !ok);
        json_decref(doc);
        json_decref(patch);
        json_decref(want);
    }
}

static void a_patch_keeps_no_part_of_itself_in_the_document(void **state)
{
    (void)state;
    struct err err = {0};
    json_t *doc = json_object();
    json_t *patch = json_loads("[{\"op\":\"add\",\"path\":\"/a\",\"value\":{\"b\":1}}]", 0, NULL);
    assert_true(patch_apply(doc, patch, &err));
    json_object_set_new(json_object_get(doc, "a"), "b", json_integer(2));
    json_t *value = json_object_get(json_array_get(patch, 0), "value");
    assert_int_equal(json_integer_value(json_object_get(value, "b")), 1);
    json_decref(doc);
    json_decref(patch);
}

/* Whatever a pod is made of, deciding and patching must answer; there is no kind of JSON it may trip over. */
static void strange_pods_get_an_answer(void **state)
{
    (void)state;
    static const char *const pods[] = {
        "{}",
        "[]",
        "{\"spec\":[]}",
        "{\"spec\":{\"containers\":{}}}",
        "{\"spec\":{\"containers\":[1,null,\"x\"]}}",
        "{\"metadata\":[],\"spec\":{\"volumes\":7,\"initContainers\":\"x\"}}",
        "{\"metadata\":{\"annotations\":[],\"labels\":\"x\"},\"spec\":{}}",
        "{\"spec\":{\"containers\":[{\"livenessProbe\":{\"httpGet\":{\"port\":\"x\"}}}]}}",
        "{\"spec\":{\"containers\":[{\"name\":\"c\",\"livenessProbe\":{\"httpGet\":{\"port\":[]}}}]}}",
        "{\"spec\":{\"containers\":[{\"name\":\"c\",\"command\":\"x\",\"livenessProbe\":[]}]}}",
    };
    struct kv label = {S("openservicemesh.io/monitored-by"), S("osm")};
    struct kv annotation = {S("openservicemesh.io/sidecar-injection"), S("enabled")};
    for (size_t i = 0; i < sizeof pods / sizeof *pods; i++) {
        struct arena *a = arena_new();
        json_t *pod = json_loads(pods[i], 0, NULL), *patch = NULL;
        struct inject_input in = {.pod = pod,
                                  .ns = S("n"),
                                  .ns_known = true,
                                  .ns_labels = {&label, 1},
                                  .ns_annotations = {&annotation, 1},
                                  .uuid = S("u")};
        struct inject_settings set = {.image = S("osm"), .controller = S("c:1"), .generation = S("1")};
        struct err err = {0};
        assert_true(inject_decide(&in, a).reason.n > 0);
        bool ok = inject_patch(&in, &set, a, &patch, &err);
        assert_true(ok == (patch != NULL));
        json_decref(patch);
        json_decref(pod);
        arena_free(a);
    }
}

static void incomplete_settings_are_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    json_t *pod = json_loads("{\"spec\":{}}", 0, NULL), *patch = NULL;
    struct inject_input in = {.pod = pod};
    struct inject_settings sets[] = {{.controller = S("c:1"), .generation = S("1")},
                                     {.image = S("i"), .generation = S("1")},
                                     {.image = S("i"), .controller = S("c:1")}};
    for (size_t i = 0; i < 3; i++) {
        struct err err = {0};
        assert_false(inject_patch(&in, &sets[i], a, &patch, &err));
        assert_null(patch);
        assert_true(err.is_set);
    }
    json_decref(pod);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operation_does_what_the_rfc_says),
        cmocka_unit_test(a_patch_keeps_no_part_of_itself_in_the_document),
        cmocka_unit_test(strange_pods_get_an_answer),
        cmocka_unit_test(incomplete_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
