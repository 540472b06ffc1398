#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "envoy/bootstrap.h"
#include "envoy/encode.h"

static struct str sans[] = {S_INIT("spiffe://cluster.local/ns/ns1/sa/a")};
static const struct strs one_san = {sans, 1};

static const struct plan_hop no_hop;

static struct plan_outbound http_service(void)
{
    static struct plan_weight weight = {S_INIT("ns1/b|80"), 1};
    static struct plan_listener listener = {
        .name = S_INIT("out|10.96.0.1|80"),
        .address = S_INIT("10.96.0.1"),
        .port = 80,
        .route_config = S_INIT("rds-outbound|ns1/b|80"),
        .service = S_INIT("ns1/b"),
        .origin = S_INIT("Service ns1/b"),
    };
    static struct plan_route_config route = {
        .name = S_INIT("rds-outbound|ns1/b|80"), .clusters = {&weight, 1}, .origin = S_INIT("TrafficSplit ns1/s")};
    static struct plan_cluster cluster = {.name = S_INIT("ns1/b|80"), .sni = S_INIT("b.ns1.svc.cluster.local")};
    cluster.sans = one_san;
    return (struct plan_outbound){.listeners = {&listener, 1},
                                  .routes = {&route, 1},
                                  .clusters = {&cluster, 1},
                                  .tls = {.min = S_INIT("TLSv1_3")}};
}

static const struct envoy_resource *find(const struct envoy_bundle *b, int64_t type)
{
    for (each(r, b->resources))
        if (r->type == type) return r;
    return NULL;
}

static void resources_say_what_they_are(void **state)
{
    (void)state;
    SCOPED_ARENA struct arena *a = arena_new();
    struct plan_outbound p = http_service();
    struct envoy_bundle b = {0};
    envoy_encode_outbound(a, &p, &b);
    assert_int_equal(b.resources.n, 2);
    envoy_encode_listeners(a, &p, &no_hop, &b);
    assert_int_equal(b.resources.n, 3);
    for (size_t i = 1; i < 3; i++) assert_true(b.resources.v[i - 1].type < b.resources.v[i].type);
    const struct envoy_resource *route = find(&b, ENVOY_ROUTE), *listener = find(&b, ENVOY_LISTENER);
    assert_true(str_is(route->name, "rds-outbound|ns1/b|80") && str_is(route->origin, "TrafficSplit ns1/s"));
    assert_true(route->clusters.n == 1 && str_is(route->clusters.v[0], "ns1/b|80"));
    assert_true(str_is(listener->name, "out|10.96.0.1|80") && listener->clusters.n == 0);
    assert_true(str_is(envoy_type_url(listener->type), "type.googleapis.com/envoy.config.listener.v3.Listener"));
}

static void equal_plans_give_equal_bytes(void **state)
{
    (void)state;
    SCOPED_ARENA struct arena *a = arena_new();
    struct plan_outbound p = http_service();
    struct envoy_bundle x = {0}, y = {0};
    envoy_encode_outbound(a, &p, &x);
    envoy_encode_outbound(a, &p, &y);
    assert_true(table_equal(&envoy_bundle_table, &x, &y));
    assert_true(x.resources.v[0].bytes.n > 100);
}

static bool aborts(void (*fn)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        close(2);
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void encode_without_sans(void)
{
    struct arena *a = arena_new();
    struct plan_outbound p = http_service();
    p.clusters.v->sans.n = 0;
    struct envoy_bundle b = {0};
    envoy_encode_outbound(a, &p, &b);
}

static void rule_with_an_empty_name(void)
{
    static struct str nobody[] = {S_INIT("")};
    struct plan_rule rule = {.name = S_INIT("r"), .principals = {nobody, 1}};
    struct plan_chain chain = {.rules = {&rule, 1}};
    encode_http_rbac(arena_new(), &chain);
}

/* Both would let every certificate of the mesh in. */
static void lists_that_admit_everyone_are_never_encoded(void **state)
{
    (void)state;
    assert_true(aborts(encode_without_sans));
    assert_true(aborts(rule_with_an_empty_name));
}

static void nobody_has_no_policy(void **state)
{
    (void)state;
    SCOPED_ARENA struct arena *a = arena_new();
    struct plan_rule rules[] = {{.name = S_INIT("none")}, {.name = S_INIT("any"), .any_principal = true}};
    struct plan_chain chain = {.rules = {rules, 2}};
    PbRbac *r = encode_http_rbac(a, &chain);
    assert_int_equal(r->n_policies, 1);
    assert_string_equal(r->policies[0]->key, "any");
    chain.denied = true;
    assert_int_equal(encode_http_rbac(a, &chain)->n_policies, 0);
}

static void a_workload_without_open_ports_has_no_listener(void **state)
{
    (void)state;
    SCOPED_ARENA struct arena *a = arena_new();
    struct plan_chain chains[] = {
        {.name = S_INIT("closed"), .port = 1, .protocol = PLAN_TCP},
        {.name = S_INIT("denied"), .port = 2, .protocol = PLAN_TCP, .tcp_any = true, .denied = true},
    };
    struct plan_inbound p = {.chains = {chains, 2}};
    struct envoy_bundle b = {0};
    envoy_encode_inbound(a, &p, &no_hop, &b);
    assert_int_equal(b.resources.n, 0);
}

static void check_json(const ProtobufCMessage *m, const char *want)
{
    SCOPED_BUF struct buf out = {0};
    envoy_message_to_json(m, &out);
    buf_char(&out, '\0');
    assert_string_equal(out.p, want);
}

static void json_is_protobufs_own_mapping(void **state)
{
    (void)state;
    SCOPED_ARENA struct arena *a = arena_new();
    PbDuration *d = pb_seconds(a, 3);
    check_json(&d->base, "\"3s\"");
    d->nanos = 5000000;
    check_json(&d->base, "\"3.005000000s\"");
    check_json(&pb_u32(a, 0)->base, "0");
    check_json(&pb_bool(a, false)->base, "false");
    check_json(&NEW(a, Value)->base, "null");
    check_json(&NEW(a, Struct)->base, "{}");
    check_json(&NEW(a, RouteAction)->base, "{}");
    PbStruct *s = NEW(a, Struct);
    PB_ADD(a, s, fields, encode_struct_field(a, S("k\"1"), S("v")));
    check_json(&s->base, "{\n  \"k\\\"1\": \"v\"\n}");
    PbAny *any = NEW(a, Any);
    any->type_url = "type.googleapis.com/none.such";
    any->value = (ProtobufCBinaryData){3, (uint8_t *)"abc"};
    check_json(&any->base, "{\n  \"@type\": \"type.googleapis.com/none.such\",\n  \"value\": \"YWJj\"\n}");
    /* A member of a oneof is present even when it is zero. */
    PbSocketAddress *address = encode_address(a, S("127.0.0.1"), 0)->socket_address;
    check_json(&address->base, "{\n  \"address\": \"127.0.0.1\",\n  \"port_value\": 0\n}");
}

static void bytes_that_do_not_parse_are_null(void **state)
{
    (void)state;
    SCOPED_BUF struct buf out = {0};
    struct envoy_resource r = {.type = ENVOY_CLUSTER, .bytes = S_INIT("\xff\xff")};
    envoy_resource_to_json(&r, &out);
    assert_true(str_is(buf_view(&out), "null"));
}

static void cidrs(void **state)
{
    (void)state;
    SCOPED_ARENA struct arena *a = arena_new();
    assert_int_equal(encode_cidr(a, S("10.0.0.0/8"))->prefix_len->value, 8);
    assert_int_equal(encode_cidr(a, S("10.0.0.1"))->prefix_len->value, 32);
    assert_int_equal(encode_cidr(a, S("fd00::1"))->prefix_len->value, 128);
    assert_string_equal(encode_cidr(a, S("10.0.0.0/8"))->address_prefix, "10.0.0.0");
}

static void bootstrap_is_the_same_each_time(void **state)
{
    (void)state;
    SCOPED_BUF struct buf x = {0}, y = {0};
    struct envoy_bootstrap b = {.node_id = S_INIT("uid"), .pod = S_INIT("p"), .controller_address = S_INIT("10.0.0.1")};
    envoy_bootstrap_json(&b, &x);
    envoy_bootstrap_json(&b, &y);
    assert_true(str_eq(buf_view(&x), buf_view(&y)));
    assert_non_null(memmem(x.p, x.n, "\"STATIC\"", 8));
    b.controller_address = S("osm-controller.osm-system.svc");
    buf_reset(&y);
    envoy_bootstrap_json(&b, &y);
    assert_non_null(memmem(y.p, y.n, "\"STRICT_DNS\"", 12));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resources_say_what_they_are),
        cmocka_unit_test(equal_plans_give_equal_bytes),
        cmocka_unit_test(lists_that_admit_everyone_are_never_encoded),
        cmocka_unit_test(nobody_has_no_policy),
        cmocka_unit_test(a_workload_without_open_ports_has_no_listener),
        cmocka_unit_test(json_is_protobufs_own_mapping),
        cmocka_unit_test(bytes_that_do_not_parse_are_null),
        cmocka_unit_test(cidrs),
        cmocka_unit_test(bootstrap_is_the_same_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
