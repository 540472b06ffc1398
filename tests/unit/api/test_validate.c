/* What `osm validate` says of files: by place, as errors or, where other objects could help, as warnings. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "api/validate.h"
#include "base/file.h"

#define POLICY "apiVersion: policy.openservicemesh.io/v1alpha1\n"
#define INGRESS(name, port)                                                                                            \
    POLICY "kind: IngressBackend\nmetadata: {name: " name ", namespace: shop}\nspec:\n"                                \
           "  backends: [{name: web, port: {number: " port ", protocol: http}}]\n"                                     \
           "  sources: [{kind: IPRange, name: 10.0.0.0/8}]\n"
#define TARGET(name, ns)                                                                                               \
    "apiVersion: access.smi-spec.io/v1alpha3\nkind: TrafficTarget\nmetadata: {name: " name ", namespace: shop}\n"      \
    "spec:\n  destination: {kind: ServiceAccount, name: web, namespace: " ns "}\n"                                     \
    "  sources: [{kind: ServiceAccount, name: buyer, namespace: shop}]\n"                                              \
    "  rules: [{kind: HTTPRouteGroup, name: routes}]\n"
#define ROUTES                                                                                                         \
    "apiVersion: specs.smi-spec.io/v1alpha4\nkind: HTTPRouteGroup\nmetadata: {name: routes, namespace: shop}\n"        \
    "spec: {matches: [{name: all}]}\n"
#define ACCOUNTS                                                                                                       \
    "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\n---\n"                              \
    "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: buyer, namespace: shop}\n"
#define ROOT(name, role)                                                                                               \
    "apiVersion: config.openservicemesh.io/v1alpha2\nkind: MeshRootCertificate\n"                                      \
    "metadata: {name: " name ", namespace: osm-system}\n"                                                              \
    "spec: {role: " role ", provider: {tresor: {ca: {secretRef: {name: s, namespace: osm-system}}}}}\n"
#define AND "---\n"

static struct {
    char dir[64];
    struct arena *a;
    struct validation v;
} t;

static int setup(void **state)
{
    (void)state;
    strcpy(t.dir, "/tmp/osm-validate-XXXXXX");
    t.a = arena_new();
    return mkdtemp(t.dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    struct err err = {0};
    arena_free(t.a);
    return tree_remove(t.dir, &err) ? 0 : -1;
}

static void write_file(const char *name, const char *text)
{
    struct err err = {0};
    const char *path = str_fmt(t.a, "%s/%s", t.dir, name).p;
    if (!file_write_atomic(path, str_of(text), 0644, &err)) fail_msg("%s", err.text);
}

static void judge(void)
{
    struct str dir = str_of(t.dir);
    t.v = validate_files((struct strs){&dir, 1}, &mesh_platform_local, t.a);
}

static void judge_text(const char *text)
{
    write_file("a.yaml", text);
    judge();
}

static const struct source_problem *said(const char *where, int code)
{
    struct str place = str_fmt(t.a, "%s/%s", t.dir, where);
    for (each(p, t.v.problems))
        if (p->code == code && str_eq(p->where, place)) return p;
    for (each(p, t.v.problems)) print_error("%.*s E%d %.*s\n", STR_FMT(p->where), p->code, STR_FMT(p->text));
    fail_msg("nothing with E%d at %s", code, where);
    return NULL;
}

static void expect(const char *where, int code, bool is_error, const char *part)
{
    const struct source_problem *p = said(where, code);
    assert_int_equal(p->is_error, is_error);
    if (!strstr(str_c(t.a, p->text), part)) fail_msg("\"%.*s\" does not say \"%s\"", STR_FMT(p->text), part);
}

static void good_files_are_silent(void **state)
{
    (void)state;
    judge_text(ACCOUNTS AND TARGET("t", "shop") AND ROUTES);
    assert_int_equal(t.v.problems.n, 0);
    assert_int_equal(t.v.objects, 4);
}

static void texts_and_fields_have_their_place(void **state)
{
    (void)state;
    write_file("b.yaml", "a: [\n");
    judge_text(INGRESS("a", "0"));
    expect("a.yaml:5:41", E_BAD_OBJECT, true, "spec.backends[0].port.number: ");
    assert_true(str_is(said("a.yaml:5:41", E_BAD_OBJECT)->path, "spec.backends[0].port.number"));
    assert_int_equal(t.v.errors, 2);
    assert_int_equal(t.v.problems.v[1].code, E_BAD_FILE);
}

static void what_may_be_elsewhere_is_a_warning(void **state)
{
    (void)state;
    judge_text(TARGET("t", "shop"));
    expect("a.yaml:1", E_ROUTE_GROUP_ABSENT, false, "among these files");
    assert_int_equal(t.v.errors, 0);
    assert_int_equal(t.v.warnings, 3);
}

static void of_two_that_contradict_one_is_charged(void **state)
{
    (void)state;
    judge_text(INGRESS("b", "80") AND INGRESS("a", "80") AND INGRESS("c", "81"));
    assert_int_equal(t.v.errors, 1);
    expect("a.yaml:1", E_CONFLICT, true, "already opened by IngressBackend a");
}

/* The mesh says it in its own words, and it is not said again. */
static void what_the_mesh_says_is_said_once(void **state)
{
    (void)state;
#define SETTING(name)                                                                                                  \
    POLICY "kind: UpstreamTrafficSetting\nmetadata: {name: " name ", namespace: shop}\n"                               \
           "spec: {host: web.shop.svc.cluster.local}\n"
    judge_text(SETTING("b") AND SETTING("a") AND TARGET("t", "other"));
    assert_int_equal(t.v.errors, 2);
    expect("a.yaml:1", E_CONFLICT, true, "UpstreamTrafficSetting shop/a rules");
    expect("a.yaml:11", E_TARGET_NAMESPACE, true, "namespace \"other\"");
}

static void an_object_twice_is_an_error(void **state)
{
    (void)state;
    write_file("b.yaml", ROUTES);
    judge_text(ROUTES);
    expect("b.yaml:1", E_DUPLICATE, true, "a.yaml:1, which holds");
}

static void roots_are_judged_as_a_set(void **state)
{
    (void)state;
    judge_text(ROOT("a", "passive") AND ROOT("b", "active"));
    assert_int_equal(t.v.errors, 0);
    judge_text(ROOT("a", "passive") AND ROOT("b", "inactive"));
    assert_int_equal(t.v.errors, 1);
    expect("a.yaml:6", E_ROOT_ROLES, true, "nobody could sign");
    judge_text(ROOT("a", "active") AND ROOT("b", "passive") AND ROOT("c", "active"));
    expect("a.yaml:11", E_ROOTS_MANY, true, "at most two");
}

static void places_are_taken_apart(void **state)
{
    (void)state;
    int64_t line, col;
    assert_true(str_is(validate_place(S("a/b.yaml:3:7"), &line, &col), "a/b.yaml"));
    assert_int_equal(line, 3);
    assert_int_equal(col, 7);
    assert_true(str_is(validate_place(S("-:3"), &line, &col), "-"));
    assert_int_equal(line, 3);
    assert_int_equal(col, 0);
    assert_true(str_is(validate_place(S("a.yaml"), &line, &col), "a.yaml"));
    assert_int_equal(line, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(good_files_are_silent),
        T(texts_and_fields_have_their_place),
        T(what_may_be_elsewhere_is_a_warning),
        T(of_two_that_contradict_one_is_charged),
        T(what_the_mesh_says_is_said_once),
        T(an_object_twice_is_an_error),
        T(roots_are_judged_as_a_set),
        T(places_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
