// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <arpa/inet.h>

#include "platform/local/nft.h"
#include "platform/local/pod.h"
#include "platform/local/probe.h"
#include "platform/local/zone.h"

static struct object *decode(struct arena *a, const char *text)
{
    json_t *j SCOPED_JSON = json_loads(text, 0, NULL);
    struct problems probs = {0};
    assert_non_null(j);
    struct object *o = object_of_json(j, a, &probs);
    assert_non_null(o);
    return o;
}

static json_t *pod(const char *name, const char *ip, int port)
{
    return json_pack("{s:{s:s,s:s,s:{s:s}},s:{s:s,s:s,s:[{s:[{s:s,s:i}]}]},s:{s:s}}", "metadata", "name", name,
                     "namespace", "shop", "labels", "app", "db", "spec", "hostname", name, "subdomain", "db",
                     "containers", "ports", "name", "web", "containerPort", port, "status", "podIP", ip);
}

static const char headless[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"db\",\"namespace\":\"shop\"},\"spec\":{"
    "\"clusterIP\":\"None\","
    "\"selector\":{\"app\":\"db\"},\"ports\":[{\"name\":\"web\",\"port\":80,\"targetPort\":\"web\"}]}}";

static void a_named_port_may_differ_from_pod_to_pod(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct object *o = decode(a, headless);
    json_t *one SCOPED_JSON = pod("db-0", "10.244.0.5", 9000), *two SCOPED_JSON = pod("db-1", "10.244.0.6", 9001),
                *three SCOPED_JSON = pod("db-2", "10.244.0.7", 9000);
    struct endpoint_pod pods[] = {
        {one, true, false, false}, {two, true, false, false}, {three, false, false, false}, {three, true, false, true}};
    struct docs d = endpoint_slices(&o->meta, kube_service_of(o), (struct endpoint_pods){pods, 4}, a);
    assert_int_equal(d.n, 2);
    assert_int_equal(json_array_size(doc_at(d.v[0], "endpoints")), 2);
    assert_int_equal(doc_int(json_array_get(doc_at(d.v[0], "ports"), 0), "port", 0), 9000);
    assert_int_equal(doc_int(json_array_get(doc_at(d.v[1], "ports"), 0), "port", 0), 9001);
    const json_t *ready = json_array_get(doc_at(d.v[0], "endpoints"), 0),
                 *not_ready = json_array_get(doc_at(d.v[0], "endpoints"), 1);
    assert_true(doc_flag(ready, "conditions.ready", false));
    assert_false(doc_flag(not_ready, "conditions.ready", true));
    assert_true(str_is(doc_text(ready, "hostname"), "db-0"));
    for (size_t i = 0; i < d.n; i++) json_decref(d.v[i]);
    object_unref(o);
}

static bool has(const struct zone *z, const char *name, const char *address)
{
    const struct dns_name *n = zone_find(z, str_of(name));
    uint32_t want = inet_addr(address);
    for (size_t i = 0; n && i < n->addresses.n; i++)
        if (n->addresses.v[i] == want) return true;
    return false;
}

static void headless_services_and_their_pods_have_names(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct zone *z = zone_new();
    struct object *o = decode(a, headless);
    json_t *one SCOPED_JSON = pod("db-0", "10.244.0.5", 9000), *two SCOPED_JSON = pod("db-1", "10.244.0.6", 9000);
    struct endpoint_pod pods[] = {{one, true, false, false}, {two, false, false, false}};
    struct docs d = endpoint_slices(&o->meta, kube_service_of(o), (struct endpoint_pods){pods, 2}, a);
    zone_add_service(z, &o->meta, kube_service_of(o), STR_NULL);
    zone_add_slice(z, d.v[0], true, false);
    zone_add_pod(z, one);
    assert_true(has(z, "db.shop.svc.cluster.local", "10.244.0.5"));
    assert_false(has(z, "db.shop.svc.cluster.local", "10.244.0.6"));
    assert_true(has(z, "DB-0.db.shop.svc.cluster.local.", "10.244.0.5"));
    assert_true(has(z, "db-0.db.shop.svc.cluster", "10.244.0.5"));
    assert_null(zone_find(z, S("db-1.db.shop.svc.cluster.local")));
    assert_true(has(z, "10-244-0-5.shop.pod.cluster.local", "10.244.0.5"));
    assert_true(str_is(zone_find(z, S("5.0.244.10.in-addr.arpa"))->pointer, "db-0.db.shop.svc.cluster.local"));
    const struct dns_name *srv = zone_find(z, S("_web._tcp.db.shop.svc.cluster.local"));
    assert_int_equal(srv->services.v[0].port, 9000);
    assert_true(str_is(srv->services.v[0].target, "db-0.db.shop.svc.cluster.local"));
    json_decref(d.v[0]);
    object_unref(o);
    zone_free(z);
}

static void addresses_are_stable_and_never_shared(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct map used = {0}, again = {0};
    struct str one = endpoint_cluster_ip(S("shop/db"), &used, a), two = endpoint_cluster_ip(S("shop/db"), &used, a);
    assert_false(str_eq(one, two));
    assert_true(str_eq(one, endpoint_cluster_ip(S("shop/db"), &again, a)));
    assert_true(ntohl(inet_addr(one.p)) >= ntohl(inet_addr("10.96.0.1")) &&
                ntohl(inet_addr(one.p)) < ntohl(inet_addr("10.111.255.255")));
    map_release(&used);
    map_release(&again);
}

static void the_ruleset_spreads_calls_over_the_targets(void **state)
{
    (void)state;
    struct nft_target targets[] = {{S("10.244.0.5"), 9000}, {S("10.244.0.6"), 9001}};
    struct nft_service services[] = {{.address = S("10.96.0.9"), .port = 80, .targets = {targets, 2}},
                                     {.address = S("10.96.0.10"), .port = 80}};
    struct buf out SCOPED_BUF = {0};
    nft_ruleset((struct nft_services){services, 2}, &out);
    buf_char(&out, '\0');
    assert_non_null(strstr(out.p, "ip daddr 10.96.0.9 tcp dport 80 dnat ip to numgen random mod 2 map { 0 : 10.244.0.5 "
                                  ". 9000, 1 : 10.244.0.6 . 9001 }"));
    assert_null(strstr(out.p, "10.96.0.10"));
    assert_non_null(strstr(out.p, "10.244.0.5 . 10.244.0.5"));
}

static void resolv_conf_is_kubernetes(void **state)
{
    (void)state;
    struct buf out SCOPED_BUF = {0}, none SCOPED_BUF = {0};
    json_t *first SCOPED_JSON =
        json_loads("{\"metadata\":{\"namespace\":\"shop\"},\"spec\":{\"dnsConfig\":{\"searches\":[\"x.y\"],\"options\":"
                   "[{\"name\":\"timeout\",\"value\":\"1\"}]}}}",
                   0, NULL);
    json_t *own SCOPED_JSON = json_loads("{\"metadata\":{\"namespace\":\"shop\"},\"spec\":{\"dnsPolicy\":\"None\","
                                         "\"dnsConfig\":{\"nameservers\":[\"9.9.9.9\"],\"searches\":[\"x.y\"]}}}",
                                         0, NULL);
    pod_resolv_conf(first, &out);
    pod_resolv_conf(own, &none);
    assert_true(str_is(buf_view(&out), "nameserver 10.244.0.1\nsearch shop.svc.cluster.local svc.cluster.local "
                                       "cluster.local x.y\noptions ndots:5 timeout:1\n"));
    assert_true(str_is(buf_view(&none), "nameserver 9.9.9.9\nsearch x.y\noptions\n"));
}

static void a_probe_speaks_at_its_thresholds(void **state)
{
    (void)state;
    struct probe_count c = {.success_threshold = 2, .failure_threshold = 3, .verdict = -1};
    assert_false(probe_count(&c, true));
    assert_true(probe_count(&c, true));
    assert_false(probe_count(&c, true));
    assert_false(probe_count(&c, false));
    assert_false(probe_count(&c, false));
    assert_int_equal(c.verdict, 1);
    assert_true(probe_count(&c, false));
    assert_int_equal(c.verdict, 0);
    assert_false(probe_count(&c, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_named_port_may_differ_from_pod_to_pod),
                                       cmocka_unit_test(headless_services_and_their_pods_have_names),
                                       cmocka_unit_test(addresses_are_stable_and_never_shared),
                                       cmocka_unit_test(the_ruleset_spreads_calls_over_the_targets),
                                       cmocka_unit_test(resolv_conf_is_kubernetes),
                                       cmocka_unit_test(a_probe_speaks_at_its_thresholds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
