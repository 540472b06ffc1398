/* What the webhooks answer, without a socket: shapes of the protocol, pods, and objects that a schema cannot judge. */
#include "reviews.h"

#define POD "{'apiVersion':'v1','kind':'Pod','metadata':{'generateName':'web-'},'spec':{'containers':[{'name':'web'}]}}"

struct state {
    struct admit_world w;
    struct arena *a;
};

static int setup(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    s->a = arena_new();
    world_init(&s->w);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct state *s = *state;
    admit_world_release(&s->w);
    arena_free(s->a);
    free(s);
    return 0;
}

static void expect_denied(struct state *s, enum admit_hook hook, struct str body, const char *part)
{
    struct reviewed r = review(&s->w, hook, body);
    assert_int_equal(r.status, 200);
    assert_false(r.allowed);
    if (!strstr(r.message, part)) fail_msg("\"%s\" does not say \"%s\"", r.message, part);
    reviewed_release(&r);
}

static struct reviewed expect_allowed(struct state *s, enum admit_hook hook, struct str body)
{
    struct reviewed r = review(&s->w, hook, body);
    if (!r.allowed) fail_msg("denied: %s", r.message);
    return r;
}

static void expect_bad(struct state *s, struct str body, const char *part)
{
    struct reviewed r = review(&s->w, ADMIT_MUTATE, body);
    assert_int_equal(r.status, 400);
    if (!strstr(r.message, part)) fail_msg("\"%s\" does not say \"%s\"", r.message, part);
    reviewed_release(&r);
}

/* ---- the protocol ---- */

static void what_is_no_review_is_refused(void **state)
{
    struct state *s = *state;
    char deep[400];
    memset(deep, '[', sizeof deep);
    expect_bad(s, S("{"), "not JSON");
    expect_bad(s, STR_NULL, "not JSON");
    expect_bad(s, S("[1]"), "no AdmissionReview");
    expect_bad(s, S("{\"apiVersion\":\"admission.k8s.io/v1beta1\",\"kind\":\"AdmissionReview\"}"),
               "no AdmissionReview");
    expect_bad(s, S("{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\"}"), "no request");
    expect_bad(s, str_make(deep, sizeof deep), "deeper");
    struct str good = review_of(s->a, "CREATE", "Pod", "", POD);
    char *bad_uid = (char *)str_dup(s->a, good).p;
    *strstr(bad_uid, UID) = 'z';
    expect_bad(s, str_of(bad_uid), "UUID");
}

/* Brackets inside strings are text. */
static void depth_counts_structure_only(void **state)
{
    struct state *s = *state;
    struct str body = review_of(s->a, "CREATE", "Pod", "",
                                "{'metadata':{'annotations':{'x':'[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                                "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\\'}},'spec':{'containers':[{'name':'a'}]}}");
    struct reviewed r = expect_allowed(s, ADMIT_MUTATE, body);
    assert_non_null(r.patch);
    reviewed_release(&r);
}

/* ---- pods ---- */

static void a_pod_gets_its_sidecar(void **state)
{
    struct state *s = *state;
    struct reviewed r = expect_allowed(s, ADMIT_MUTATE, review_of(s->a, "CREATE", "Pod", "", POD));
    struct err err = {0};
    json_t *pod = json_loads(quoted(s->a, POD), 0, NULL);
    assert_string_equal(text_at(r.doc, "response", "patchType"), "JSONPatch");
    assert_true(patch_apply(pod, r.patch, &err));
    assert_true(inject_is_injected(pod));
    const json_t *labels = json_object_get(json_object_get(pod, "metadata"), "labels");
    assert_string_equal(json_string_value(json_object_get(labels, LABEL_PROXY_UUID)), UID);
    json_decref(pod);
    reviewed_release(&r);
}

/* The same request, dry or not, gives the same bytes; what comes back is left alone. */
/* The texts of this test write ' for ": one that is meant is \\u0027. */
static const char *with_quotes(struct arena *a, const char *json)
{
    struct buf b SCOPED_BUF = {0};
    for (; *json; json++) *json == '\'' ? buf_c(&b, "\\u0027") : buf_char(&b, *json);
    return str_c(a, buf_view(&b));
}

static void a_second_time_changes_nothing(void **state)
{
    struct state *s = *state;
    struct str reply[2], kind;
    struct err err = {0};
    bool allowed;
    struct str plain = review_of(s->a, "CREATE", "Pod", "", POD),
               dry = review_of(s->a, "CREATE", "Pod", ",'dryRun':true", POD);
    assert_int_equal(admit_review(&s->w, ADMIT_MUTATE, plain, s->a, &reply[0], &kind, &allowed), 200);
    assert_int_equal(admit_review(&s->w, ADMIT_MUTATE, dry, s->a, &reply[1], &kind, &allowed), 200);
    assert_true(str_eq(reply[0], reply[1]));
    struct reviewed r = expect_allowed(s, ADMIT_MUTATE, plain);
    json_t *pod = json_loads(quoted(s->a, POD), 0, NULL);
    assert_true(patch_apply(pod, r.patch, &err));
    char *text = json_dumps(pod, 0);
    struct reviewed again =
        expect_allowed(s, ADMIT_MUTATE, review_of(s->a, "CREATE", "Pod", "", with_quotes(s->a, text)));
    assert_null(again.patch);
    free(text);
    json_decref(pod);
    reviewed_release(&r);
    reviewed_release(&again);
}

static void what_is_no_new_pod_passes(void **state)
{
    struct state *s = *state;
    const char *const cases[][2] = {{"UPDATE", "Pod"}, {"CREATE", "apps/Deployment"}, {"CREATE", "other/Pod"}};
    for (size_t i = 0; i < 3; i++) {
        struct reviewed r = expect_allowed(s, ADMIT_MUTATE, review_of(s->a, cases[i][0], cases[i][1], "", POD));
        assert_null(r.patch);
        reviewed_release(&r);
    }
}

static void pods_that_cannot_be_honoured_are_refused(void **state)
{
    struct state *s = *state;
    expect_denied(s, ADMIT_MUTATE,
                  review_of(s->a, "CREATE", "Pod", "",
                            "{'spec':{'containers':[{'name':'a','securityContext':{'runAsUser':1500}}]}}"),
                  "uid 1500");
    expect_denied(
        s, ADMIT_MUTATE,
        review_of(s->a, "CREATE", "Pod", "", "{'spec':{'os':{'name':'windows'},'containers':[{'name':'a'}]}}"),
        "Windows");
    expect_denied(s, ADMIT_MUTATE, review_of(s->a, "CREATE", "Pod", ",'namespace':'new'", POD),
                  "namespace new is not known");
    world_put(&s->w, "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'shop','labels':{"
                     "'openservicemesh.io/monitored-by':'osm','pod-security.kubernetes.io/enforce':'restricted'},"
                     "'annotations':{'openservicemesh.io/sidecar-injection':'enabled'}}}");
    expect_denied(s, ADMIT_MUTATE, review_of(s->a, "CREATE", "Pod", "", POD), "pod security level \"restricted\"");
}

static void without_settings_nobody_slips_through(void **state)
{
    struct state *s = *state;
    admit_world_settings(&s->w, NULL, NULL);
    expect_denied(s, ADMIT_MUTATE, review_of(s->a, "CREATE", "Pod", "", POD), "has not read its configuration");
    s->w.image = STR_NULL;
    struct arena *a = arena_new();
    struct mesh_settings *set = arena_alloc(a, sizeof *set);
    mesh_settings_of(NULL, a, set);
    admit_world_settings(&s->w, set, a);
    expect_denied(s, ADMIT_MUTATE, review_of(s->a, "CREATE", "Pod", "", POD), "no sidecar image");
}

/* ---- objects ---- */

#define TARGET(ns)                                                                                                     \
    "{'apiVersion':'access.smi-spec.io/v1alpha3','kind':'TrafficTarget','metadata':{'name':'t','namespace':'shop'},"   \
    "'spec':{'destination':{'kind':'ServiceAccount','name':'a','namespace':'" ns "'},'sources':[],'rules':[{"          \
    "'kind':'TCPRoute','name':'r'}]}}"
#define INGRESS(name, port)                                                                                            \
    "{'apiVersion':'policy.openservicemesh.io/v1alpha1','kind':'IngressBackend','metadata':{'name':'" name             \
    "','namespace':'shop'},'spec':{'backends':[{'name':'web','port':{'number':" port                                   \
    ",'protocol':'http'}}],'sources':[{'kind':'IPRange','name':'10.0.0.0/8'}]}}"
#define UPSTREAM(name, host)                                                                                           \
    "{'apiVersion':'policy.openservicemesh.io/v1alpha1','kind':'UpstreamTrafficSetting','metadata':{'name':'" name     \
    "','namespace':'shop'},'spec':{'host':'" host "'}}"
#define ROOT(name, role, domain)                                                                                       \
    "{'apiVersion':'config.openservicemesh.io/v1alpha2','kind':'MeshRootCertificate','metadata':{'name':'" name        \
    "','namespace':'shop'},'spec':{'trustDomain':'" domain "','role':'" role                                           \
    "','provider':{'tresor':{'ca':{'secretRef':{'name':'ca','namespace':'shop'}}}}}}"

static struct str created(struct state *s, const char *kind, const char *object)
{
    return review_of(s->a, "CREATE", kind, "", object);
}

static struct str updated(struct state *s, const char *kind, const char *old, const char *now)
{
    return review_of(s->a, "UPDATE", kind, str_fmt(s->a, ",'oldObject':%s", old).p, now);
}

static void expect_valid(struct state *s, struct str body)
{
    struct reviewed r = expect_allowed(s, ADMIT_VALIDATE, body);
    assert_null(r.patch);
    reviewed_release(&r);
}

static void tables_decide_and_name_the_path(void **state)
{
    struct state *s = *state;
    const char *kind = "access.smi-spec.io/TrafficTarget";
    expect_valid(s, created(s, kind, TARGET("shop")));
    expect_denied(s, ADMIT_VALIDATE, created(s, kind, TARGET("other")), "counts only in its destination's namespace");
    expect_denied(s, ADMIT_VALIDATE,
                  created(s, kind,
                          "{'apiVersion':'access.smi-spec.io/v1alpha3','kind':'TrafficTarget','metadata':{'name':'t'},"
                          "'spec':{'destination':{'kind':'ServiceAccount','name':'a','namespace':'default'},"
                          "'sources':[],'rules':[{'kind':'TCPRoute','nam':'r'}]}}"),
                  "spec.rules[0]");
    expect_denied(s, ADMIT_VALIDATE, created(s, "x/Strange", "{'apiVersion':'x/v1','kind':'Strange'}"), "unknown kind");
    expect_denied(s, ADMIT_VALIDATE, created(s, "split.smi-spec.io/TrafficSplit", TARGET("shop")), "another kind");
}

static void one_backend_is_opened_by_one_policy(void **state)
{
    struct state *s = *state;
    const char *kind = "policy.openservicemesh.io/IngressBackend";
    world_put(&s->w, INGRESS("first", "80"));
    expect_valid(s, created(s, kind, INGRESS("second", "81")));
    expect_valid(s, updated(s, kind, INGRESS("first", "80"), INGRESS("first", "80")));
    expect_denied(s, ADMIT_VALIDATE, created(s, kind, INGRESS("second", "80")),
                  "already opened by IngressBackend first");
}

static void one_host_has_one_setting(void **state)
{
    struct state *s = *state;
    const char *kind = "policy.openservicemesh.io/UpstreamTrafficSetting";
    world_put(&s->w, UPSTREAM("first", "web.shop.svc.cluster.local"));
    expect_valid(s, created(s, kind, UPSTREAM("second", "api.shop.svc.cluster.local")));
    expect_denied(s, ADMIT_VALIDATE, created(s, kind, UPSTREAM("second", "Web.shop.svc.cluster.local")), "first");
}

static void roots_change_step_by_step(void **state)
{
    struct state *s = *state;
    const char *kind = "config.openservicemesh.io/MeshRootCertificate";
    expect_denied(s, ADMIT_VALIDATE, created(s, kind, ROOT("a", "passive", "x")), "nobody could sign");
    expect_valid(s, created(s, kind, ROOT("a", "active", "x")));
    world_put(&s->w, ROOT("a", "active", "x"));
    expect_denied(s, ADMIT_VALIDATE, updated(s, kind, ROOT("a", "active", "x"), ROOT("a", "active", "y")),
                  "cannot be changed");
    expect_denied(s, ADMIT_VALIDATE, updated(s, kind, ROOT("a", "active", "x"), ROOT("a", "inactive", "x")),
                  "by way of passive");
    expect_valid(s, created(s, kind, ROOT("b", "passive", "x")));
    world_put(&s->w, ROOT("b", "active", "x"));
    expect_valid(s, updated(s, kind, ROOT("a", "active", "x"), ROOT("a", "passive", "x")));
    expect_denied(s, ADMIT_VALIDATE, created(s, kind, ROOT("c", "passive", "x")), "at most two");
    expect_valid(s, created(s, kind, ROOT("c", "inactive", "x")));
}

static void removals_pass(void **state)
{
    struct state *s = *state;
    struct str body = review_of(s->a, "DELETE", "config.openservicemesh.io/MeshConfig", "", "null");
    expect_valid(s, body);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_review_is_refused),
        TEST(depth_counts_structure_only),
        TEST(a_pod_gets_its_sidecar),
        TEST(a_second_time_changes_nothing),
        TEST(what_is_no_new_pod_passes),
        TEST(pods_that_cannot_be_honoured_are_refused),
        TEST(without_settings_nobody_slips_through),
        TEST(tables_decide_and_name_the_path),
        TEST(one_backend_is_opened_by_one_policy),
        TEST(one_host_has_one_setting),
        TEST(roots_change_step_by_step),
        TEST(removals_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
