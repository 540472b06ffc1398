/* Names that the mesh takes apart: roots of splits, keys of workloads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mesh/service.h"
#include "mesh/split.h"
#include "mesh/workload.h"

static void any_dotted_form_of_a_service_is_known(void **state)
{
    (void)state;
    static const char *const good[] = {"store",
                                       "store.",
                                       "store.shop",
                                       "store.shop.",
                                       "store.shop.svc",
                                       "store.shop.svc.cluster",
                                       "store.shop.svc.cluster.local",
                                       "store.shop.svc.cluster.local."};
    static const char *const bad[] = {"",
                                      ".",
                                      ".shop",
                                      "store.far",
                                      "store.shop.pod",
                                      "store.shop.svc.local",
                                      "store..svc",
                                      "store.shop.svc.cluster.local.x",
                                      "store.shop.svc.cluster.localx"};
    struct str name;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(split_service_name(str_of(good[i]), S("shop"), &name));
        assert_true(str_is(name, "store"));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (split_service_name(str_of(bad[i]), S("shop"), &name)) fail_msg("%s", bad[i]);
}

static void workload_keys_are_taken_apart(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct workload w;
    assert_true(workload_parse(a, S("shop/store/a,b/7"), &w));
    assert_true(str_is(w.ns, "shop") && str_is(w.sa, "store") && str_is(w.generation, "7") &&
                str_is(w.account, "shop/store"));
    assert_int_equal(w.services.n, 2);
    assert_true(str_is(w.services.v[1], "b"));
    assert_true(workload_parse(a, S("shop/store//0"), &w));
    assert_int_equal(w.services.n, 0);
    assert_true(workload_parse(a, S("shop/store/a/0/logs"), &w));
    assert_true(str_is(w.generation, "0") && str_is(w.telemetry, "logs"));
    static const char *const bad[] = {"",           "shop",      "shop/store",     "shop/store/a", "shop/store/a/",
                                      "/store/a/0", "shop//a/0", "shop/store/a/0/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(workload_parse(a, str_of(bad[i]), &w));
}

static void age_decides_and_then_the_name(void **state)
{
    (void)state;
    assert_true(mesh_is_older(1, S("z"), 2, S("a")));
    assert_false(mesh_is_older(2, S("a"), 1, S("z")));
    assert_true(mesh_is_older(1, S("a"), 1, S("b")));
    assert_false(mesh_is_older(1, S("a"), 1, S("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_dotted_form_of_a_service_is_known),
        cmocka_unit_test(workload_keys_are_taken_apart),
        cmocka_unit_test(age_decides_and_then_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
