// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "store/store.h"

struct text {
    struct str s;
};
static const struct field text_fields[] = {FIELD(struct text, s, "s", F_STR)};
static const struct table text_table = TABLE("text", struct text, text_fields);

/* Key "<index> <key>": the members. */
static bool members_compute(struct cell *c, struct str key, struct arena *a, void *out)
{
    struct str i = str_cut(&key, ' ');
    ((struct text *)out)->s = str_join(a, store_index(c, (enum store_index)atoi(i.p), key), S(" "));
    return true;
}
static const struct cell_kind members_cell = {"members", &text_table, members_compute};

/* Key "<kind> <key>": uid and labels. */
static bool object_compute(struct cell *c, struct str key, struct arena *a, void *out)
{
    struct str k = str_cut(&key, ' ');
    enum kind kind;
    assert_true(kind_lookup(k, &kind));
    const struct object *o = store_get(c, kind, key);
    if (!o) return false;
    ((struct text *)out)->s = str_fmt(a, "%.*s/%.*s", STR_FMT(o->meta.uid), STR_FMT(kvs_get(o->meta.labels, S("l"))));
    return true;
}
static const struct cell_kind object_cell = {"object", &text_table, object_compute};

static struct sheet *sheet;
static struct store *store;
static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    sheet = sheet_new();
    store = store_new(sheet);
    arena = arena_new();
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    store_free(store);
    sheet_free(sheet);
    arena_free(arena);
    return 0;
}

static struct object *object(const char *yaml)
{
    struct nodes docs;
    struct err err = {0};
    struct problems problems = {0};
    if (!node_parse(arena, str_of(yaml), "t", &node_limits_default, &docs, &err)) fail_msg("%s", err.text);
    struct object *o = object_decode(docs.v[0], S("t"), arena, &problems);
    for (each(p, problems)) print_message("%.*s: %.*s\n", STR_FMT(p->path), STR_FMT(p->text));
    assert_non_null(o);
    return o;
}

static void put(const char *yaml) { store_put(store, object(yaml)); }

static void run(void)
{
    struct sheet_delta d;
    assert_true(sheet_run(sheet, 0, arena, &d));
}

static uint64_t computed(void) { return sheet_stats(sheet).computed; }

static const char *members(enum store_index i, const char *key)
{
    struct str k = str_fmt(arena, "%d %s", (int)i, key);
    sheet_observe(sheet, &members_cell, k);
    run();
    const struct text *t = sheet_value(sheet, &members_cell, k);
    const char *s = str_c(arena, t->s);
    sheet_unobserve(sheet, &members_cell, k);
    run();
    return s;
}

#define SERVICE(name, ip)                                                                                              \
    "apiVersion: v1\nkind: Service\nmetadata: {name: " name ", namespace: n}\n"                                        \
    "spec: {clusterIP: " ip ", selector: {z: '1', app: " name "}, ports: [{port: 80}]}\n"

static void an_object_is_seen_by_its_readers(void **state)
{
    (void)state;
    sheet_observe(sheet, &object_cell, S("Service n/a"));
    run();
    assert_null(sheet_value(sheet, &object_cell, S("Service n/a")));
    put(SERVICE("a", "10.0.0.1"));
    run();
    assert_non_null(sheet_value(sheet, &object_cell, S("Service n/a")));
    assert_non_null(store_peek(store, KIND_SERVICE, S("n/a")));
    store_remove(store, KIND_SERVICE, S("n/a"));
    store_remove(store, KIND_SERVICE, S("n/a"));
    run();
    assert_null(sheet_value(sheet, &object_cell, S("Service n/a")));
    assert_null(store_peek(store, KIND_SERVICE, S("n/a")));
}

static void the_same_again_changes_nothing(void **state)
{
    (void)state;
    put(SERVICE("a", "10.0.0.1"));
    sheet_observe(sheet, &object_cell, S("Service n/a"));
    run();
    const struct object *was = store_peek(store, KIND_SERVICE, S("n/a"));
    uint64_t before = computed();
    put(SERVICE("a", "10.0.0.1"));
    assert_false(sheet_is_dirty(sheet));
    assert_ptr_equal(store_peek(store, KIND_SERVICE, S("n/a")), was);
    put("\n" SERVICE("a", "10.0.0.1")); /* another line: the new place is remembered */
    run();
    assert_int_equal(computed(), before);
    assert_int_equal(store_peek(store, KIND_SERVICE, S("n/a"))->line, 2);
}

/* A pod that was made again has the same content and is another pod. */
static void a_new_uid_is_a_change(void **state)
{
    (void)state;
    put("{apiVersion: v1, kind: Namespace, metadata: {name: n, uid: one}}");
    sheet_observe(sheet, &object_cell, S("Namespace n"));
    run();
    put("{apiVersion: v1, kind: Namespace, metadata: {name: n, uid: two}}");
    run();
    const struct text *t = sheet_value(sheet, &object_cell, S("Namespace n"));
    assert_true(str_is(t->s, "two/"));
}

static void services_stand_under_namespace_address_and_selector(void **state)
{
    (void)state;
    put(SERVICE("b", "10.0.0.1"));
    put(SERVICE("a", "10.0.0.2"));
    assert_string_equal(members(INDEX_BY_NAMESPACE, "Service/n"), "n/a n/b");
    assert_string_equal(members(INDEX_SERVICES_BY_ADDRESS, "10.0.0.2"), "n/a");
    assert_string_equal(members(INDEX_SERVICES_BY_SELECTOR, "n/app=a"), "n/a");
    assert_string_equal(members(INDEX_SERVICES_BY_SELECTOR, "n/z=1"), "");
    put(SERVICE("a", "10.0.0.3"));
    assert_string_equal(members(INDEX_SERVICES_BY_ADDRESS, "10.0.0.2"), "");
    assert_string_equal(members(INDEX_SERVICES_BY_ADDRESS, "10.0.0.3"), "n/a");
    put(SERVICE("a", "None"));
    assert_string_equal(members(INDEX_SERVICES_BY_ADDRESS, "None"), "");
    store_remove(store, KIND_SERVICE, S("n/b"));
    assert_string_equal(members(INDEX_BY_NAMESPACE, "Service/n"), "n/a");
}

static void slices_pods_and_namespaces_are_found(void **state)
{
    (void)state;
    put("{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, endpoints: [],\n"
        " metadata: {name: s, namespace: n, labels: {kubernetes.io/service-name: web}}}");
    put("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: n}, spec: {serviceAccountName: sa,\n"
        " containers: [{name: c, image: i}]}}");
    put("{apiVersion: v1, kind: Pod, metadata: {name: q, namespace: n}, spec: {containers: [{name: c, image: i}]}}");
    put("{apiVersion: v1, kind: Namespace, metadata: {name: n}}");
    assert_string_equal(members(INDEX_SLICES_BY_SERVICE, "n/web"), "n/s");
    assert_string_equal(members(INDEX_PODS_BY_ACCOUNT, "n/sa"), "n/p");
    assert_string_equal(members(INDEX_PODS_BY_ACCOUNT, "n/default"), "n/q");
    assert_string_equal(members(INDEX_ALL, "Namespace"), "n");
}

static void targets_and_splits_are_found(void **state)
{
    (void)state;
    put("{apiVersion: access.smi-spec.io/v1alpha3, kind: TrafficTarget, metadata: {name: t, namespace: n}, spec: {\n"
        " destination: {kind: ServiceAccount, name: to, namespace: n},\n"
        " sources: [{kind: ServiceAccount, name: from, namespace: m}, {kind: ServiceAccount, name: too, namespace: "
        "n}],\n"
        " rules: [{kind: TCPRoute, name: r}]}}");
    put("{apiVersion: split.smi-spec.io/v1alpha2, kind: TrafficSplit, metadata: {name: s, namespace: n}, spec: {\n"
        " service: root.n.svc.cluster.local, backends: [{service: v1, weight: 1}, {service: v2.n, weight: 2}]}}");
    assert_string_equal(members(INDEX_TARGETS_BY_DESTINATION, "n/to"), "n/t");
    assert_string_equal(members(INDEX_TARGETS_BY_SOURCE, "m/from"), "n/t");
    assert_string_equal(members(INDEX_TARGETS_BY_SOURCE, "n/too"), "n/t");
    assert_string_equal(members(INDEX_SPLITS_BY_NAMESPACE, "n"), "n/s");
    assert_string_equal(members(INDEX_SPLITS_BY_SERVICE, "n/root"), "n/s");
    assert_string_equal(members(INDEX_SPLITS_BY_SERVICE, "n/v1"), "n/s");
    assert_string_equal(members(INDEX_SPLITS_BY_SERVICE, "n/v2"), "n/s");
    assert_string_equal(members(INDEX_ALL, "TrafficSplit"), "n/s");
}

/* An index is membership: what its members say is none of its readers' business. */
static void an_edit_that_leaves_membership_alone_wakes_no_index_reader(void **state)
{
    (void)state;
    put("{apiVersion: v1, kind: Namespace, metadata: {name: n}}");
    struct str k = str_fmt(arena, "%d Namespace", INDEX_ALL);
    sheet_observe(sheet, &members_cell, k);
    run();
    uint64_t before = computed();
    put("{apiVersion: v1, kind: Namespace, metadata: {name: n, labels: {l: x}}}");
    run();
    assert_int_equal(computed(), before);
    put("{apiVersion: v1, kind: Namespace, metadata: {name: m}}");
    run();
    assert_int_equal(computed(), before + 1);
    assert_true(str_is(((const struct text *)sheet_value(sheet, &members_cell, k))->s, "m n"));
}

static struct buf heard;
static void hear(void *arg, enum kind k, struct str key, const struct object *old, const struct object *now)
{
    assert_ptr_equal(arg, &heard);
    assert_ptr_equal(store_peek(store, k, key), now); /* already applied */
    buf_fmt(&heard, "%s%.*s ", !old ? "+" : !now ? "-" : "~", STR_FMT(key));
}

static void a_listener_hears_every_change_once(void **state)
{
    (void)state;
    store_on_change(store, hear, &heard);
    put("{apiVersion: v1, kind: Namespace, metadata: {name: n}}");
    put("{apiVersion: v1, kind: Namespace, metadata: {name: n}}");
    put("{apiVersion: v1, kind: Namespace, metadata: {name: n, labels: {a: b}}}");
    store_remove(store, KIND_NAMESPACE, S("n"));
    store_remove(store, KIND_NAMESPACE, S("n"));
    assert_true(str_is(buf_view(&heard), "+n ~n -n "));
    buf_free(&heard);
    heard = (struct buf){0};
    store_on_change(store, NULL, NULL);
    put("{apiVersion: v1, kind: Namespace, metadata: {name: n}}");
    assert_int_equal(heard.n, 0);
}

/* What no cell reads may matter to a pod runner. */
static void a_change_of_the_raw_document_alone_is_heard(void **state)
{
    (void)state;
    store_on_change(store, hear, &heard);
    put("{apiVersion: v1, kind: Pod, metadata: {name: q, namespace: n}, spec: {containers: [{name: c, image: i}], x: "
        "1}}");
    put("{apiVersion: v1, kind: Pod, metadata: {name: q, namespace: n}, spec: {containers: [{name: c, image: i}], x: "
        "2}}");
    assert_true(str_is(buf_view(&heard), "+n/q ~n/q "));
    buf_free(&heard);
    heard = (struct buf){0};
}

static void keys_come_in_byte_order(void **state)
{
    (void)state;
    put(SERVICE("b", "10.0.0.1"));
    put(SERVICE("a", "10.0.0.2"));
    assert_true(str_is(str_join(arena, store_keys(store, KIND_SERVICE, arena), S(" ")), "n/a n/b"));
    assert_int_equal(store_keys(store, KIND_POD, arena).n, 0);
}

static void all_of_a_numerous_kind_is_refused(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        members(INDEX_ALL, "Service");
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_object_is_seen_by_its_readers),
        T(the_same_again_changes_nothing),
        T(a_new_uid_is_a_change),
        T(services_stand_under_namespace_address_and_selector),
        T(slices_pods_and_namespaces_are_found),
        T(targets_and_splits_are_found),
        T(an_edit_that_leaves_membership_alone_wakes_no_index_reader),
        T(a_listener_hears_every_change_once),
        T(a_change_of_the_raw_document_alone_is_heard),
        T(keys_come_in_byte_order),
        T(all_of_a_numerous_kind_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
