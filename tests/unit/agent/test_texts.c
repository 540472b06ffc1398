/* The agent's pure parts: capture's ruleset, SDS documents, probes, refused calls, statistics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <jansson.h>

#include "agent/admin.h"
#include "agent/capture.h"
#include "agent/denied.h"
#include "agent/probes.h"
#include "agent/sds.h"
#include "agent/stats.h"
#include "base/buf.h"
#include "base/names.h"

/* ---- capture ---- */

static const char plain[] =
    "table inet osm\n"
    "delete table inet osm\n"
    "table inet osm {\n"
    "  chain prerouting {\n"
    "    type nat hook prerouting priority -100; policy accept;\n"
    "    iifname \"lo\" return\n"
    "    tcp dport { 15000, 15001, 15003 } drop\n"
    "    tcp dport { 15010, 15901-15904 } return\n"
    "    meta l4proto tcp redirect to :15003\n"
    "  }\n"
    "  chain output {\n"
    "    type nat hook output priority -100; policy accept;\n"
    "    meta l4proto != tcp return\n"
    "    ip saddr 127.0.0.6 meta skuid 1500 return\n"
    "    ip6 saddr ::6 meta skuid 1500 return\n"
    "    oifname \"lo\" ip daddr != 127.0.0.0/8 meta skuid 1500 meta l4proto tcp redirect to :15003\n"
    "    oifname \"lo\" ip6 daddr != ::1 meta skuid 1500 meta l4proto tcp redirect to :15003\n"
    "    oifname \"lo\" return\n"
    "    meta skuid 1500 return\n"
    "    meta l4proto tcp redirect to :15001\n"
    "  }\n"
    "}\n";

static const char full[] =
    "table inet osm\n"
    "delete table inet osm\n"
    "table inet osm {\n"
    "  set out_exclude_v4 {\n"
    "    type ipv4_addr\n"
    "    flags interval\n"
    "    auto-merge\n"
    "    elements = { 10.0.0.0/8, 10.1.0.0/16 }\n"
    "  }\n"
    "  set out_include_v4 {\n"
    "    type ipv4_addr\n"
    "    flags interval\n"
    "    auto-merge\n"
    "    elements = { 192.168.0.0/16 }\n"
    "  }\n"
    "  set out_include_v6 {\n"
    "    type ipv6_addr\n"
    "    flags interval\n"
    "    auto-merge\n"
    "    elements = { fd00::/8 }\n"
    "  }\n"
    "  chain prerouting {\n"
    "    type nat hook prerouting priority -100; policy accept;\n"
    "    iifname \"lo\" return\n"
    "    tcp dport { 15000, 15001, 15003 } drop\n"
    "    tcp dport { 15010, 15901-15904 } return\n"
    "    tcp dport { 22 } return\n"
    "    iifname \"eth1\" return\n"
    "    meta l4proto tcp redirect to :15003\n"
    "  }\n"
    "  chain output {\n"
    "    type nat hook output priority -100; policy accept;\n"
    "    meta l4proto != tcp return\n"
    "    ip saddr 127.0.0.6 meta mark 1500 return\n"
    "    ip6 saddr ::6 meta mark 1500 return\n"
    "    oifname \"lo\" ip daddr 127.0.0.1 meta mark 1500 meta l4proto tcp dnat ip to 10.244.0.9\n"
    "    oifname \"lo\" ip daddr != 127.0.0.0/8 meta mark 1500 meta l4proto tcp redirect to :15003\n"
    "    oifname \"lo\" ip6 daddr != ::1 meta mark 1500 meta l4proto tcp redirect to :15003\n"
    "    oifname \"lo\" return\n"
    "    meta mark 1500 return\n"
    "    oifname \"eth1\" return\n"
    "    ip daddr @out_exclude_v4 return\n"
    "    tcp dport { 80, 3306 } return\n"
    "    ip daddr @out_include_v4 meta l4proto tcp redirect to :15001\n"
    "    ip6 daddr @out_include_v6 meta l4proto tcp redirect to :15001\n"
    "  }\n"
    "}\n";

static void the_plain_ruleset(void **state)
{
    (void)state;
    struct buf b SCOPED_BUF = {0};
    struct err err = {0};
    assert_true(capture_ruleset(&(struct capture){0}, &b, &err));
    buf_char(&b, '\0');
    assert_string_equal(b.p, plain);
}

static void every_option_has_its_rule(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf b SCOPED_BUF = {0};
    struct err err = {0};
    struct capture c = {.is_pod_ip_mode = true, .pod_ip = S("10.244.0.9"), .by_mark = true};
    assert_true(capture_parse_ports(a, S("3306, 80,,80 "), &c.exclude_out_ports, &err));
    assert_true(capture_parse_ports(a, S("22"), &c.exclude_in_ports, &err));
    assert_true(capture_parse_ranges(a, S("10.0.0.0/8,10.1.2.3/16"), &c.exclude_out_ranges, &err));
    assert_true(capture_parse_ranges(a, S("192.168.7.7/16,fd00:1::1/8"), &c.include_out_ranges, &err));
    assert_true(capture_parse_interfaces(a, S("eth1"), &c.exclude_interfaces, &err));
    assert_true(capture_ruleset(&c, &b, &err));
    buf_char(&b, '\0');
    assert_string_equal(b.p, full);
}

static void wrong_lists_are_refused_by_name(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct ints ports = {0};
    struct strs list = {0};
    assert_false(capture_parse_ports(a, S("80,0"), &ports, &err));
    assert_string_equal(err.text, "'0' is not a port (1-65535)");
    assert_false(capture_parse_ports(a, S("65536"), &ports, &err));
    assert_false(capture_parse_ranges(a, S("10.0.0.0/33"), &list, &err));
    assert_false(capture_parse_ranges(a, S("10.0.0/8"), &list, &err));
    assert_false(capture_parse_ranges(a, S("10.0.0.0/8; flush ruleset"), &list, &err));
    assert_false(capture_parse_ranges(a, S("host.example"), &list, &err));
    assert_false(capture_parse_interfaces(a, S("eth0\" accept"), &list, &err));
    assert_false(capture_parse_interfaces(a, S("a-name-that-is-too-long"), &list, &err));
    assert_int_equal(list.n, 0);
    assert_true(capture_parse_ranges(a, S("10.1.2.3, ::1"), &list, &err));
    assert_true(str_is(list.v[0], "10.1.2.3/32") && str_is(list.v[1], "::1/128"));
    struct buf b SCOPED_BUF = {0};
    assert_false(capture_ruleset(&(struct capture){.is_pod_ip_mode = true}, &b, &err));
}

/* ---- SDS ---- */

static void sds_documents_are_json_with_one_secret(void **state)
{
    (void)state;
    struct buf b SCOPED_BUF = {0};
    struct err err = {0};
    json_t *j;
    const char *chain, *key, *roots, *name;
    assert_true(sds_certificate(S("CHAIN\n"), S("KEY\n\""), &b, &err));
    j = json_loadb(b.p, b.n, 0, NULL);
    assert_int_equal(json_unpack(j, "{s:[{s:s, s:{s:{s:s}, s:{s:s}}}]}", "resources", "name", &name, "tls_certificate",
                                 "certificate_chain", "inline_string", &chain, "private_key", "inline_string", &key),
                     0);
    assert_string_equal(name, SDS_CERTIFICATE);
    assert_string_equal(chain, "CHAIN\n");
    assert_string_equal(key, "KEY\n\"");
    json_decref(j);
    buf_reset(&b);
    assert_true(sds_bundle(S("ROOTS"), S("id"), &b, &err));
    j = json_loadb(b.p, b.n, 0, NULL);
    assert_int_equal(json_unpack(j, "{s:[{s:s, s:{s:{s:s}}}]}", "resources", "name", &name, "validation_context",
                                 "trusted_ca", "inline_string", &roots),
                     0);
    assert_string_equal(name, SDS_BUNDLE);
    assert_string_equal(roots, "ROOTS");
    json_decref(j);
    assert_false(sds_bundle(STR_NULL, S("id"), &b, &err));
    assert_false(sds_certificate(S("x"), STR_NULL, &b, &err));
}

/* ---- probes ---- */

static void probes_are_found_by_their_path(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct probes p;
    struct err err = {0};
    assert_true(probes_parse(
        a,
        "[{\"container\":\"web\",\"type\":\"liveness\",\"kind\":\"http\",\"port\":80,\"path\":\"live?x=1\","
        "\"headers\":[{\"name\":\"X-A\",\"value\":\"b\"},{\"name\":\"X-E\",\"value\":\"\"}],\"host\":\"h\"},"
        "{\"container\":\"web\",\"type\":\"readiness\",\"kind\":\"grpc\",\"port\":90,\"service\":\"s\","
        "\"timeout\":7}]",
        &p, &err));
    const struct probe *live = probes_find(&p, S("/osm-liveness-probe/web")),
                       *ready = probes_find(&p, S("/osm-readiness-probe/web"));
    assert_true(str_is(live->path, "/live?x=1"));
    assert_int_equal(live->timeout_s, 1);
    assert_int_equal(live->headers.n, 3);
    assert_true(str_is(live->headers.v[0], "Host: h") && str_is(live->headers.v[1], "X-A: b") &&
                str_is(live->headers.v[2], "X-E;"));
    assert_int_equal(ready->kind, PROBE_GRPC);
    assert_int_equal(ready->timeout_s, 7);
    assert_null(probes_find(&p, S("/osm-startup-probe/web")));
    static const char hook[] =
        "[{\"container\":\"web\",\"type\":\"pre-stop\",\"kind\":\"http\",\"port\":80,\"key\":\"k1\"}]";
    struct probes hooks;
    assert_true(probes_parse(a, hook, &hooks, &err));
    assert_non_null(probes_find(&hooks, S("/osm-pre-stop-hook/web/k1")));
    assert_null(probes_find(&hooks, S("/osm-pre-stop-hook/web")));
    assert_null(probes_find(&hooks, S("/osm-pre-stop-hook/web/k2")));
    assert_null(probes_find(&hooks, S("/osm-pre-stop-probe/web")));
    assert_null(probes_find(&p, S("/osm-liveness-probe/we")));
    assert_true(probes_parse(a, NULL, &p, &err) && p.n == 0);
}

static void wrong_probes_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{}",
        "[{}]",
        "rubbish",
        "[{\"container\":\"c\",\"type\":\"other\",\"kind\":\"http\",\"port\":80}]",
        "[{\"container\":\"c\",\"type\":\"startup\",\"kind\":\"exec\",\"port\":80}]",
        "[{\"container\":\"c\",\"type\":\"startup\",\"kind\":\"http\",\"port\":0}]",
        "[{\"container\":\"c\",\"type\":\"startup\",\"kind\":\"http\",\"port\":80,\"path\":\"/a b\"}]",
        "[{\"container\":\"c\",\"type\":\"startup\",\"kind\":\"http\",\"port\":80,\"headers\":[{\"name\":\"A\","
        "\"value\":\"b\\nC: d\"}]}]",
    };
    struct arena *a SCOPED_ARENA = arena_new();
    struct probes p;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct err err = {0};
        assert_false(probes_parse(a, wrong[i], &p, &err));
        assert_ptr_equal(strstr(err.text, "OSM_PROBES"), err.text);
    }
}

static void grpc_messages(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    assert_true(str_eq(probe_grpc_request(a, STR_NULL), S("\0\0\0\0\0")));
    assert_true(str_eq(probe_grpc_request(a, S("ab")), S("\0\0\0\0\4\x0a\2ab")));
    assert_true(probe_grpc_is_serving(S("\0\0\0\0\2\x08\1")));
    assert_false(probe_grpc_is_serving(S("\0\0\0\0\2\x08\2")));
    assert_false(probe_grpc_is_serving(S("\0\0\0\0\0")));
    assert_false(probe_grpc_is_serving(STR_NULL));
}

/* ---- refused calls ---- */

static void refused_lines(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct str address;
    int64_t port;
    assert_true(denied_parse(S("no_policy 10.96.0.9:80"), &address, &port));
    assert_true(str_is(address, "10.96.0.9") && port == 80);
    assert_true(denied_parse(S("no_policy [fd00::1]:8080"), &address, &port));
    assert_true(str_is(address, "fd00::1") && port == 8080);
    assert_false(denied_parse(S("no_policy -"), &address, &port));
    assert_false(denied_parse(S("no_policy 10.0.0.1:0"), &address, &port));
    assert_false(
        denied_parse(S("no_policy 10.0.0.10000000000000000000000000000000000000000000000:1"), &address, &port));
    assert_false(denied_parse(S("other 10.96.0.9:80"), &address, &port));
    assert_true(str_is(denied_service(a, S("web.default.svc.cluster.local")), "default/web"));
    assert_true(str_is(denied_service(a, S("db-0.dbs.default.svc.cluster.local")), "default/dbs"));
    assert_true(str_is(denied_service(a, S("db-0.dbs.svc.svc.cluster.local")), "svc/dbs"));
    assert_true(str_empty(denied_service(a, S("10-0-0-1.pod.cluster.local"))));
    assert_true(str_empty(denied_service(a, S("localhost"))));
}

/* ---- statistics and admin ---- */

static void our_statistics_lose_envoys_prefix(void **state)
{
    (void)state;
    struct buf b SCOPED_BUF = {0};
    stats_rename(S("# TYPE envoy_osm_request_total counter\n"
                   "envoy_osm_request_total{source=\"envoy_osm_x\"} 5\n"
                   "# TYPE envoy_server_live gauge\n"
                   "envoy_server_live{} 1\n"),
                 &b);
    assert_true(str_eq(buf_view(&b), S("# TYPE osm_request_total counter\n"
                                       "osm_request_total{source=\"envoy_osm_x\"} 5\n"
                                       "# TYPE envoy_server_live gauge\n"
                                       "envoy_server_live{} 1\n")));
}

static void only_reading_is_offered(void **state)
{
    (void)state;
    assert_true(admin_may_read(S("/config_dump")));
    assert_true(admin_may_read(S("/stats/prometheus")));
    assert_false(admin_may_read(S("/quitquitquit")));
    assert_false(admin_may_read(S("/logging")));
    assert_false(admin_may_read(S("/stats/../quitquitquit")));
    assert_false(admin_may_read(S("/")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plain_ruleset),
        cmocka_unit_test(every_option_has_its_rule),
        cmocka_unit_test(wrong_lists_are_refused_by_name),
        cmocka_unit_test(sds_documents_are_json_with_one_secret),
        cmocka_unit_test(probes_are_found_by_their_path),
        cmocka_unit_test(wrong_probes_are_refused),
        cmocka_unit_test(grpc_messages),
        cmocka_unit_test(refused_lines),
        cmocka_unit_test(our_statistics_lose_envoys_prefix),
        cmocka_unit_test(only_reading_is_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
