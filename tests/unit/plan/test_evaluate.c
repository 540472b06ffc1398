/* Who may call whom, asked of the evaluator over real cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/names.h"
#include "golden/world.h"
#include "plan/evaluate.h"

static const char MESH[] =
    "apiVersion: config.openservicemesh.io/v1alpha2\nkind: MeshConfig\n"
    "metadata: {name: osm-mesh-config, namespace: osm-system}\n"
    "spec: {traffic: {enablePermissiveTrafficPolicyMode: false, enableEgress: true}}\n"
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: store, namespace: shop}\n"
    "spec: {selector: {app: store}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp-sql, port: 3306, "
    "targetPort: 13306}]}\n"
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: v2, namespace: shop}\n"
    "spec: {selector: {app: v2}, ports: [{name: http, port: 80, targetPort: 8080}]}\n"
    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: store, namespace: shop, labels: {app: store}}\nspec: "
    "{serviceAccountName: store, containers: [{name: m, image: i}]}\n"
    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: v2, namespace: shop, labels: {app: v2}}\nspec: "
    "{serviceAccountName: v2, containers: [{name: m, image: i}]}\n"
    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: buyer, namespace: far}\nspec: {serviceAccountName: buyer, "
    "containers: [{name: m, image: i}]}\n"
    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: thief, namespace: far}\nspec: {serviceAccountName: thief, "
    "containers: [{name: m, image: i}]}\n"
    "---\napiVersion: specs.smi-spec.io/v1alpha4\nkind: HTTPRouteGroup\nmetadata: {name: routes, namespace: shop}\n"
    "spec: {matches: [{name: books, pathRegex: '/books(/.*)?', methods: [GET]},"
    " {name: buy, pathRegex: /buy, methods: [POST], headers: [{X-User: 'a.*'}]}, {name: host, pathRegex: /host, "
    "headers: [{host: 'store(:80)?'}]}]}\n"
    "---\napiVersion: specs.smi-spec.io/v1alpha4\nkind: TCPRoute\nmetadata: {name: sql, namespace: shop}\nspec: "
    "{matches: {name: m, ports: [13306]}}\n"
    "---\napiVersion: access.smi-spec.io/v1alpha3\nkind: TrafficTarget\nmetadata: {name: buyer, namespace: shop}\n"
    "spec:\n  destination: {kind: ServiceAccount, name: store, namespace: shop}\n"
    "  sources: [{kind: ServiceAccount, name: buyer, namespace: far}]\n"
    "  rules: [{kind: HTTPRouteGroup, name: routes}, {kind: TCPRoute, name: sql}]\n";

static struct world *world_with(const char *more)
{
    struct world *w = world_new();
    struct err err = {0};
    struct buf problems SCOPED_BUF = {0};
    assert_true(world_load(w, str_of(MESH), &problems, &err));
    if (more) assert_true(world_load(w, str_of(more), &problems, &err));
    assert_int_equal(problems.n, 0);
    world_settle(w);
    return w;
}

struct asked {
    const char *client, *server, *service;
    int64_t port;
    const char *method, *path, *authority, *header, *value;
};

static enum evaluate_verdict ask(struct world *w, const struct asked *q, struct evaluate_answer *out)
{
    static struct arena *a;
    arena_free(a);
    a = arena_new();
    struct kv h = {str_of(q->header), str_of(q->value)};
    struct evaluate_request r = {.client = str_of(q->client),
                                 .server = str_of(q->server),
                                 .service = str_of(q->service),
                                 .port = q->port,
                                 .method = str_of(q->method),
                                 .path = str_of(q->path),
                                 .authority = str_of(q->authority),
                                 .headers = {&h, q->header != NULL}};
    evaluate(world_sheet(w), &r, a, out);
    return out->verdict;
}

#define BUYER "far/buyer//0"
#define THIEF "far/thief//0"
#define STORE "shop/store/store/0"
#define V2    "shop/v2/v2/0"

static const struct {
    struct asked q;
    enum evaluate_verdict want;
    const char *rule;
} cases[] = {
    {{BUYER, STORE, "shop/store", 80, "GET", "/books", 0, 0, 0}, EVALUATE_ALLOWED, "shop/buyer/routes/books"},
    {{BUYER, STORE, "shop/store", 80, "GET", "/books/7?x=/../admin", 0, 0, 0},
     EVALUATE_ALLOWED,
     "shop/buyer/routes/books"},
    {{BUYER, STORE, "shop/store", 80, "POST", "/books", 0, 0, 0}, EVALUATE_DENIED, 0},
    {{BUYER, STORE, "shop/store", 80, "GET", "/bookshelf", 0, 0, 0}, EVALUATE_DENIED, 0},
    {{BUYER, STORE, "shop/store", 80, "GET", "/books/../admin", 0, 0, 0}, EVALUATE_DENIED, 0},
    {{BUYER, STORE, "shop/store", 80, "GET", "/x/%2e%2e//books", 0, 0, 0}, EVALUATE_ALLOWED, "shop/buyer/routes/books"},
    {{BUYER, STORE, "shop/store", 80, "GET", "/books%2fx", 0, 0, 0}, EVALUATE_BAD_PATH, 0},
    {{BUYER, STORE, "shop/store", 80, "POST", "/buy", 0, "x-USER", "anna"}, EVALUATE_ALLOWED, "shop/buyer/routes/buy"},
    {{BUYER, STORE, "shop/store", 80, "POST", "/buy", 0, "x-user", "bea"}, EVALUATE_DENIED, 0},
    {{BUYER, STORE, "shop/store", 80, "POST", "/buy", 0, 0, 0}, EVALUATE_DENIED, 0},
    {{BUYER, STORE, "shop/store", 80, "GET", "/host", "store:80", 0, 0}, EVALUATE_ALLOWED, "shop/buyer/routes/host"},
    {{BUYER, STORE, "shop/store", 80, "GET", "/host", "shop", 0, 0}, EVALUATE_DENIED, 0},
    {{BUYER, STORE, "shop/store", 3306, 0, 0, 0, 0, 0}, EVALUATE_ALLOWED, 0},
    {{BUYER, STORE, "shop/store", 81, 0, 0, 0, 0, 0}, EVALUATE_CLOSED, 0},
    {{BUYER, V2, "shop/v2", 80, "GET", "/books", 0, 0, 0}, EVALUATE_CLOSED, 0},
    {{BUYER, V2, "shop/store", 80, "GET", "/books", 0, 0, 0}, EVALUATE_NO_BACKEND, 0},
    {{THIEF, STORE, "shop/store", 80, "GET", "/books", 0, 0, 0}, EVALUATE_CLOSED, 0},
    {{THIEF, STORE, "shop/store", 3306, 0, 0, 0, 0, 0}, EVALUATE_CLOSED, 0},
    {{"nobody", STORE, "shop/store", 80, 0, 0, 0, 0, 0}, EVALUATE_NO_BACKEND, 0},
};

static void calls_are_judged_as_the_policy_says(void **state)
{
    (void)state;
    struct world *w = world_with(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct evaluate_answer got;
        if (ask(w, &cases[i].q, &got) != cases[i].want)
            fail_msg("case %zu: verdict %d, wanted %d: %.*s", i, got.verdict, cases[i].want, STR_FMT(got.text));
        if (cases[i].rule) assert_true(str_is(got.rule, cases[i].rule));
        assert_true(got.text.n > 0);
    }
    world_free(w);
}

static void a_client_without_rule_is_stopped_by_its_own_proxy(void **state)
{
    (void)state;
    struct world *w = world_with(NULL);
    struct evaluate_answer got;
    ask(w, &(struct asked){THIEF, STORE, "shop/store", 80, "GET", "/books", 0, 0, 0}, &got);
    assert_true(got.by_client);
    assert_true(str_starts(got.text, S("no_policy")));
    ask(w, &(struct asked){BUYER, STORE, "shop/store", 80, "GET", "/admin", 0, 0, 0}, &got);
    assert_false(got.by_client);
    assert_true(str_is(got.path, "/admin"));
    world_free(w);
}

static void a_repeated_header_is_judged_as_one_value(void **state)
{
    (void)state;
    struct plan_header h = {S("x-user"), S("[a-z]+")};
    struct plan_rule rule = {.name = S("r"), .any_principal = true, .headers = {&h, 1}};
    struct plan_chain ch = {.rules = {&rule, 1}};
    struct kv both[] = {{S("X-User"), S("anna")}, {S("x-user"), S("bea")}};
    struct evaluate_request r = {.path = S("/"), .headers = {both, 2}};
    struct evaluate_answer got;
    struct arena *a SCOPED_ARENA = arena_new();
    evaluate_chain(&ch, S("spiffe://x/ns/a/sa/b"), &r, a, &got);
    assert_int_equal(got.verdict, EVALUATE_DENIED);
    h.regex = S("anna,bea");
    evaluate_chain(&ch, S("spiffe://x/ns/a/sa/b"), &r, a, &got);
    assert_int_equal(got.verdict, EVALUATE_ALLOWED);
}

static const char SPLIT[] =
    "apiVersion: split.smi-spec.io/v1alpha2\nkind: TrafficSplit\nmetadata: {name: s, namespace: shop}\n"
    "spec: {service: store, backends: [{service: store, weight: 50}, {service: v2, weight: 50}]}\n";

static void a_split_leads_to_backends_and_denies_those_out_of_reach(void **state)
{
    (void)state;
    struct world *w = world_with(SPLIT);
    struct evaluate_answer got;
    assert_int_equal(ask(w, &(struct asked){BUYER, STORE, "shop/store", 80, "GET", "/books", 0, 0, 0}, &got),
                     EVALUATE_ALLOWED);
    assert_int_equal(ask(w, &(struct asked){BUYER, V2, "shop/store", 80, "GET", "/books", 0, 0, 0}, &got),
                     EVALUATE_DENIED);
    assert_true(got.by_client);
    world_free(w);
}

static const char PERMISSIVE[] = "apiVersion: config.openservicemesh.io/v1alpha2\nkind: MeshConfig\n"
                                 "metadata: {name: osm-mesh-config, namespace: osm-system}\n"
                                 "spec: {traffic: {enablePermissiveTrafficPolicyMode: true, enableEgress: true}}\n";

static void switching_to_permissive_mode_opens_and_back_closes(void **state)
{
    (void)state;
    struct world *w = world_with(PERMISSIVE);
    struct evaluate_answer got;
    struct err err = {0};
    const struct asked q = {THIEF, STORE, "shop/store", 80, "DELETE", "/admin", 0, 0, 0};
    assert_int_equal(ask(w, &q, &got), EVALUATE_ALLOWED);
    assert_true(str_is(got.rule, "permissive"));
    assert_true(world_load(w, str_of(MESH), NULL, &err));
    world_settle(w);
    assert_int_equal(ask(w, &q, &got), EVALUATE_CLOSED);
    world_free(w);
}

static void external_authorization_denies(void **state)
{
    (void)state;
    struct plan_rule rule = {.name = S("permissive"), .any_principal = true};
    struct plan_chain ch = {.rules = {&rule, 1}, .denied = true};
    struct evaluate_request r = {.path = S("/")};
    struct evaluate_answer got;
    struct arena *a SCOPED_ARENA = arena_new();
    evaluate_chain(&ch, S("x"), &r, a, &got);
    assert_int_equal(got.verdict, EVALUATE_DENIED);
    evaluate_chain(NULL, S("x"), &r, a, &got);
    assert_int_equal(got.verdict, EVALUATE_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_judged_as_the_policy_says),
        cmocka_unit_test(a_client_without_rule_is_stopped_by_its_own_proxy),
        cmocka_unit_test(a_repeated_header_is_judged_as_one_value),
        cmocka_unit_test(a_split_leads_to_backends_and_denies_those_out_of_reach),
        cmocka_unit_test(switching_to_permissive_mode_opens_and_back_closes),
        cmocka_unit_test(external_authorization_denies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
