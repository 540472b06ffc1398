/* Settings as Helm's users write them, and what becomes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "install/values.h"

static void expect_tree(const char *settings, const char *json)
{
    struct err err = {0};
    json_t *tree = json_object();
    if (!install_set(tree, str_of(settings), &err)) fail_msg("%s: %s", settings, err.text);
    char *text = json_dumps(tree, JSON_COMPACT);
    for (char *c = text; *c; c++)
        if (*c == '"') *c = '\'';
    assert_string_equal(text, json);
    free(text);
    json_decref(tree);
}

static void settings_make_a_tree(void **state)
{
    (void)state;
    expect_tree("a=1", "{'a':1}");
    expect_tree("a.b=true,a.c=x y", "{'a':{'b':true,'c':'x y'}}");
    expect_tree("a={x,2}", "{'a':['x',2]}");
    expect_tree("a={}", "{'a':[]}");
    expect_tree("a[0].b=1,a[0].c=2,a[1]=z", "{'a':[{'b':1,'c':2},'z']}");
    expect_tree("a=x\\,y,b=", "{'a':'x,y','b':''}");
    expect_tree("a\\.b=1", "{'a.b':1}");
    expect_tree("a=10.0.0.0/8,b=1.5,c=24h", "{'a':'10.0.0.0/8','b':'1.5','c':'24h'}");
    expect_tree("a=1,a=null", "{}");
    expect_tree("a=-3,b=[x,c=#no", "{'a':-3,'b':'[x','c':'#no'}");
}

static void settings_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"", "a", "=1", "a.=1", "a={x", "a[z]=1", "a[99999]=1", "a={x}y", "a,b=1"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        json_t *tree = json_object();
        if (install_set(tree, str_of(cases[i]), &err)) fail_msg("\"%s\" was taken", cases[i]);
        assert_true(err.is_set);
        json_decref(tree);
    }
}

static bool decode(const char *settings, struct arena *a, struct install_values *v, struct strs *remarks,
                   struct err *err)
{
    json_t *tree = json_object();
    bool ok = (!*settings || install_set(tree, str_of(settings), err)) && install_decode(tree, a, v, remarks, err);
    json_decref(tree);
    return ok;
}

static void defaults_are_those_of_the_archived_chart(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct install_values v;
    struct strs remarks = {0};
    struct err err = {0};
    if (!decode("", a, &v, &remarks, &err)) fail_msg("%s", err.text);
    assert_true(v.osm.permissive && v.osm.egress && v.osm.single_mesh && v.validate_target);
    assert_true(v.osm.flags.wasm_stats && v.osm.flags.egress_policy && !v.osm.flags.retry);
    assert_true(str_is(v.osm.mesh, "osm") && str_is(v.osm.ns, "osm-system"));
    assert_true(str_is(v.osm.ca_secret, "osm-ca-bundle"));
    assert_int_equal(v.osm.webhook_timeout_s, 20);
    assert_int_equal(v.osm.controller.replicas, 1);
    assert_false(v.osm.image.ref.n);
    assert_int_equal(remarks.n, 0);
}

static void values_are_taken(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct install_values v;
    struct strs remarks = {0};
    struct err err = {0};
    if (!decode("osm.image.ref=r/osm:1,osm.enableEgress=false,osm.outboundPortExclusionList={6379,5432},"
                "osm.injector.webhookTimeoutSeconds=5,osm.validatorWebhook.webhookConfigurationName=v,"
                "smi.validateTrafficTarget=false,osm.osmController.autoScale.enable=true",
                a, &v, &remarks, &err))
        fail_msg("%s", err.text);
    assert_true(str_is(v.osm.image.ref, "r/osm:1") && !v.osm.egress && !v.validate_target);
    assert_int_equal(v.osm.out_ports_exclude.v[1], 5432);
    assert_int_equal(v.osm.webhook_timeout_s, 5);
    assert_true(str_is(v.osm.validator_name, "v") && v.osm.controller.autoscale.enable);
    assert_int_equal(remarks.n, 0);
}

static void what_sets_nothing_any_more_is_said(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct install_values v;
    struct strs remarks = {0};
    struct err err = {0};
    if (!decode("contour.enabled=true,osm.deployPrometheus=true,osm.osmBootstrap.replicaCount=2,osm.image.tag=v1,"
                "osm.injector.replicaCount=3,osm.injector.webhookTimeoutSeconds=7,osm.featureFlags.enableSPIFFE=true",
                a, &v, &remarks, &err))
        fail_msg("%s", err.text);
    assert_int_equal(remarks.n, 6);
    assert_int_equal(v.osm.webhook_timeout_s, 7);
}

static void expect_wrong(const char *settings, const char *part)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct install_values v;
    struct strs remarks = {0};
    struct err err = {0};
    assert_false(decode(settings, a, &v, &remarks, &err));
    if (!strstr(err.text, part)) fail_msg("\"%s\" does not say \"%s\"", err.text, part);
}

static void unknown_and_wrong_values_are_refused_by_name(void **state)
{
    (void)state;
    expect_wrong("osm.enableEgres=true", "osm.enableEgres");
    expect_wrong("enableEgress=true", "enableEgress");
    expect_wrong("osm.enableEgress=maybe", "osm.enableEgress");
    expect_wrong("osm.meshName=No Good", "osm.meshName");
    expect_wrong("osm.localProxyMode=Nowhere", "osm.localProxyMode");
    expect_wrong("osm.outboundIPRangeExclusionList={10.0.0.0/99}", "osm.outboundIPRangeExclusionList");
    expect_wrong("osm.certificateProvider.kind=vault", "osm.certificateProvider.kind");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_make_a_tree),
        cmocka_unit_test(settings_that_are_none_are_refused),
        cmocka_unit_test(defaults_are_those_of_the_archived_chart),
        cmocka_unit_test(values_are_taken),
        cmocka_unit_test(what_sets_nothing_any_more_is_said),
        cmocka_unit_test(unknown_and_wrong_values_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
