#include "harness.h"
#include "kinds/pod.h"
#include "kinds/service.h"

#define HEAD "apiVersion: v1\nkind: ConfigMap\nmetadata: "

static void an_object_has_meta_key_and_title(void **state)
{
    (void)state;
    struct object *o = good("apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n, uid: u, generation: 3, "
                            "creationTimestamp: '2026-01-31T12:00:00Z', "
                            "labels: {b: '2', a: '1'}, annotations: {x: y}, ownerReferences: [{kind: Job, name: no}, "
                            "{kind: ReplicaSet, name: r, controller: true}], "
                            "managedFields: []}\nspec: {containers: [{name: c}]}\n");
    assert_int_equal(o->kind, KIND_POD);
    assert_true(str_is(object_key(a, o), "n/p") && str_is(object_title(a, o), "Pod n/p"));
    assert_true(o->meta.generation == 3 && o->meta.created == 1769860800 && o->meta.deleted == 0 &&
                str_is(o->meta.uid, "u"));
    assert_true(str_is(o->meta.labels.v[0].key, "a") && str_is(o->meta.owner_kind, "ReplicaSet") &&
                str_is(o->meta.owner_name, "r"));
    assert_true(str_is(o->file, "f.yaml") && o->line == 1);
    assert_true(json_is_object(json_object_get(o->raw, "spec")));
}

static void namespaces_default_or_do_not_exist(void **state)
{
    (void)state;
    assert_true(str_is(object_key(a, good(HEAD "{name: c}\n")), "default/c"));
    struct object *ns = good("apiVersion: v1\nkind: Namespace\nmetadata: {name: n, namespace: odd}\n");
    assert_true(str_is(object_key(a, ns), "n") && str_is(object_title(a, ns), "Namespace n"));
    assert_int_equal(good(HEAD "{name: c}\n")->meta.created, 0);
}

static void bad_metadata_is_refused(void **state)
{
    (void)state;
    bad("apiVersion: v1\nkind: ConfigMap\n", "metadata.name", "is required");
    bad(HEAD "{name: ''}\n", "metadata.name", "must not be empty");
    bad(HEAD "{name: Big}\n", "metadata.name", "small letters");
    bad(HEAD "{name: a/b}\n", "metadata.name", "is not a name");
    bad(HEAD "{name: c, namespace: a.b}\n", "metadata.namespace", "is not a namespace's name");
    bad(HEAD "{name: c, labels: {a: 1}}\n", "metadata.labels.a", "put it in quotes");
    bad("apiVersion: v1\nkind: Service\nmetadata: {name: a.b}\nspec: {}\n", "metadata.name",
        "digits and \"-\" only, at most 63");
    const struct problem *p =
        bad("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NO\n", "metadata.name", "is not a name");
    assert_true(p->line == 4 && p->col == 9 && p->code == E_BAD_OBJECT);
}

static void unknown_kinds_say_what_would_do(void **state)
{
    (void)state;
    assert_int_equal(
        bad("apiVersion: v1\nkind: Node\nmetadata: {name: n}\n", "kind", "unknown kind Node of v1; it is not read")
            ->code,
        E_UNKNOWN_KIND);
    assert_int_equal(bad("apiVersion: access.smi-spec.io/v1alpha2\nkind: TrafficTarget\nmetadata: {name: n}\n",
                         "apiVersion", "write apiVersion: access.smi-spec.io/v1alpha3")
                         ->code,
                     E_UNKNOWN_KIND);
    bad("kind: Pod\n", "apiVersion", "is required");
    bad("apiVersion: v1\n", "kind", "is required");
    bad("[1]\n", "", "must be an object with apiVersion");
}

static void the_hash_is_of_what_matters(void **state)
{
    (void)state;
    struct hash128 h = good(HEAD "{name: c, uid: x, generation: 1, resourceVersion: '5'}\ndata: {a: b}\n")->hash;
    assert_true(hash128_eq(
        h,
        good(HEAD "{name: c, uid: y, generation: 2, creationTimestamp: '2026-01-31T12:00:00Z'}\ndata: {'a': \"b\"}\n")
            ->hash));
    assert_false(hash128_eq(h, good(HEAD "{name: c}\ndata: {a: c}\n")->hash));
    assert_false(hash128_eq(h, good(HEAD "{name: c, labels: {x: y}}\ndata: {a: b}\n")->hash));
    assert_false(hash128_eq(h, good(HEAD "{name: d}\ndata: {a: b}\n")->hash));
    assert_false(
        hash128_eq(h, good(HEAD "{name: c, deletionTimestamp: '2026-01-31T12:00:00Z'}\ndata: {a: b}\n")->hash));
}

static void warnings_stay_with_the_object(void **state)
{
    (void)state;
    struct object *o = good("apiVersion: policy.openservicemesh.io/v1alpha1\nkind: Telemetry\nmetadata: {name: "
                            "t}\nspec: {selectr: {}}\nstatus: {x: 1}\n");
    assert_int_equal(probs.n, 0);
    assert_int_equal(o->problems.n, 1);
    assert_true(o->problems.v[0].code == E_UNKNOWN_FIELD && str_is(o->problems.v[0].path, "spec.selectr") &&
                o->problems.v[0].line == 4);
}

static void counting_keeps_objects_alive(void **state)
{
    (void)state;
    json_t *j = json_pack("{s:s,s:s,s:{s:s}}", "apiVersion", "v1", "kind", "ServiceAccount", "metadata", "name", "s");
    struct object *o = object_of_json(j, a, &probs);
    json_decref(j);
    assert_ptr_equal(object_ref(o), o);
    object_unref(o);
    assert_true(str_is(o->meta.name, "s"));
    object_unref(o);
    object_unref(NULL);
}

static void kinds_are_found_by_any_name(void **state)
{
    (void)state;
    enum kind k;
    assert_true(kind_lookup(S("TT"), &k) && k == KIND_TRAFFIC_TARGET);
    assert_true(kind_lookup(S("pods"), &k) && k == KIND_POD);
    assert_true(kind_lookup(S("httproutegroup"), &k) && k == KIND_HTTP_ROUTE_GROUP);
    assert_false(kind_lookup(S("node"), &k) || kind_lookup(S(""), &k));
    for (int i = 0; i < KIND_COUNT; i++) {
        const struct kind_info *info = kind_info((enum kind)i);
        const char *version = *info->group ? str_fmt(a, "%s/%s", info->group, info->versions[0]).p : info->versions[0];
        assert_true(kind_find(str_of(version), str_of(info->name), &k) && (int)k == i);
        assert_true(kind_lookup(str_of(info->name), &k) && (int)k == i);
        assert_true(kind_lookup(str_of(info->plural), &k) && (int)k == i);
        assert_string_equal(info->name, info->table->name);
    }
    assert_true(kind_find(S("config.openservicemesh.io/v1alpha1"), S("MeshConfig"), &k));
    assert_false(kind_find(S("v1"), S("Deployment"), &k) || kind_find(S("apps/v1beta1"), S("Deployment"), &k));
}

static void selectors_need_all_and_empty_fits_nothing(void **state)
{
    (void)state;
    struct kv l[] = {{S("a"), S("1")}, {S("b"), S("2")}}, w[] = {{S("b"), S("2")}, {S("c"), S("")}};
    assert_true(labels_match((struct kvs){w, 1}, (struct kvs){l, 2}));
    assert_false(labels_match((struct kvs){w, 2}, (struct kvs){l, 2}));
    assert_false(labels_match((struct kvs){0}, (struct kvs){l, 2}));
    struct kube_selector_rule rules[] = {{S("a"), SELECTOR_IN, {(struct str[]){S("1")}, 1}},
                                         {S("z"), SELECTOR_DOES_NOT_EXIST, {0}},
                                         {S("b"), SELECTOR_EXISTS, {0}},
                                         {S("b"), SELECTOR_NOT_IN, {(struct str[]){S("3")}, 1}}};
    struct kube_label_selector s = {.rules = {rules, 4}};
    assert_true(kube_selector_matches(&s, (struct kvs){l, 2}));
    for (int i = 0; i < 4; i++) {
        struct kube_selector_rule wrong = rules[i];
        static const int opposite[] = {SELECTOR_NOT_IN, SELECTOR_IN, SELECTOR_DOES_NOT_EXIST, SELECTOR_EXISTS};
        wrong.op = opposite[wrong.op];
        struct kube_label_selector t = {.rules = {&wrong, 1}};
        assert_false(kube_selector_matches(&t, (struct kvs){l, 2}));
    }
    assert_false(kube_selector_matches(&(struct kube_label_selector){0}, (struct kvs){l, 2}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_object_has_meta_key_and_title),
        TEST(namespaces_default_or_do_not_exist),
        TEST(bad_metadata_is_refused),
        TEST(unknown_kinds_say_what_would_do),
        TEST(the_hash_is_of_what_matters),
        TEST(warnings_stay_with_the_object),
        TEST(counting_keeps_objects_alive),
        TEST(kinds_are_found_by_any_name),
        TEST(selectors_need_all_and_empty_fits_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
