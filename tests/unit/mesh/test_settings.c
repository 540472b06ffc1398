/* The MeshConfig as the mesh obeys it, and that a change of it reaches the plans at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/names.h"
#include "golden/world.h"
#include "kinds/mesh_config.h"
#include "mesh/platform.h"
#include "mesh/settings.h"

#define HEAD                                                                                                           \
    "apiVersion: config.openservicemesh.io/v1alpha2\nkind: MeshConfig\nmetadata: {name: osm-mesh-config, namespace: "  \
    "osm-system}\nspec: "

static void load(struct world *w, const char *yaml)
{
    struct err err = {0};
    struct buf problems SCOPED_BUF = {0};
    assert_true(world_load(w, str_of(yaml), &problems, &err));
    assert_int_equal(problems.n, 0);
    world_settle(w);
}

static const struct mesh_settings *settings(struct world *w)
{
    return sheet_value(world_sheet(w), &mesh_settings_cell, STR_NULL);
}

static void without_a_mesh_config_the_installation_holds(void **state)
{
    (void)state;
    struct world *w = world_new();
    world_settle(w);
    const struct mesh_settings *s = settings(w);
    assert_true(s->permissive && s->egress && !s->deny_inbound);
    assert_true(str_is(s->tls.min, "TLSv1_3") && str_is(s->tls.max, "TLSv1_3"));
    assert_true(str_is(s->local_proxy_mode, "Localhost") && str_is(s->log_level, "error"));
    assert_true(s->certificate_ns == 24LL * 3600 * 1000000000);
    assert_int_equal(s->diags.n, 0);
    world_free(w);
}

static void every_field_arrives(void **state)
{
    (void)state;
    struct world *w = world_new();
    load(w,
         HEAD "{sidecar: {enablePrivilegedInitContainer: true, logLevel: debug, envoyImage: e, initContainerImage: i,"
              " maxDataPlaneConnections: 7, tlsMinProtocolVersion: TLSv1_2, localProxyMode: PodIP, resources: {limits: "
              "{cpu: 1}}},"
              " traffic: {enableEgress: true, outboundIPRangeExclusionList: [1.0.0.0/8], outboundIPRangeInclusionList: "
              "[2.0.0.0/8],"
              " outboundPortExclusionList: [5], inboundPortExclusionList: [6], networkInterfaceExclusionList: [eth9]},"
              " observability: {osmLogLevel: debug},"
              " certificate: {serviceCertValidityDuration: 1h, certKeyBitSize: 2048}}");
    const struct mesh_settings *s = settings(w);
    assert_true(s->privileged_init && s->egress && !s->permissive && s->max_proxies == 7);
    assert_true(str_is(s->log_level, "debug") && str_is(s->image, "e") && str_is(s->init_image, "i"));
    assert_true(str_is(s->local_proxy_mode, "PodIP") && str_is(s->tls.min, "TLSv1_2"));
    assert_true(str_is(s->outbound_ranges.v[0], "1.0.0.0/8") && str_is(s->outbound_include_ranges.v[0], "2.0.0.0/8"));
    assert_true(s->outbound_ports.v[0] == 5 && s->inbound_ports.v[0] == 6 && str_is(s->interfaces.v[0], "eth9"));
    assert_true(str_is(s->controller_log_level, "debug") && s->certificate_ns == 3600LL * 1000000000);
    assert_non_null(json_object_get(s->resources, "limits"));
    world_free(w);
}

static void a_lifetime_below_ten_minutes_is_ten_minutes(void **state)
{
    (void)state;
    struct world *w = world_new();
    load(w, HEAD "{certificate: {serviceCertValidityDuration: 30s, certKeyBitSize: 2048}}");
    assert_true(settings(w)->certificate_ns == 600LL * 1000000000);
    assert_int_equal(settings(w)->diags.n, 1);
    world_free(w);
}

static void other_services_are_called_when_they_are_named_well(void **state)
{
    (void)state;
    struct world *w = world_new();
    load(w, HEAD "{traffic: {inboundExternalAuthorization: {enable: true, address: 10.0.0.1, port: 1, timeout: 0s}}, "
                 "observability: {tracing: {enable: true, samplingPercent: \"0.25\"}}, featureFlags: "
                 "{enableEnvoyActiveHealthChecks: true, enableWASMStats: false}}");
    const struct mesh_settings *s = settings(w);
    assert_true(!s->deny_inbound && str_is(s->authz.address, "10.0.0.1") && s->authz.timeout_ns == 1000000000);
    assert_true(str_is(s->tracing.address, "jaeger.osm-system.svc.cluster.local") && s->tracing.port == 9411);
    assert_true(s->tracing.sampling == 25 && !s->tracing.otlp && str_is(s->tracing.endpoint, "/api/v2/spans"));
    assert_true(s->health_checks && s->no_stats);
    load(w, HEAD "{traffic: {inboundExternalAuthorization: {enable: true, address: \"a b\", port: 1}}, "
                 "observability: {tracing: {enable: true, protocol: otlp, samplingPercent: 7, address: \"a/b\"}}}");
    s = settings(w);
    assert_true(s->deny_inbound && !s->authz.address.n && !s->tracing.address.n);
    assert_int_equal(s->diags.n, 2);
    world_free(w);
}

static void a_percentage_has_two_decimals_at_most(void **state)
{
    (void)state;
    static const struct {
        struct int_or_str given;
        int64_t is;
    } cases[] = {
        {{100, {0}}, 10000},
        {{0, {0}}, 0},
        {{101, {0}}, -1},
        {{-1, {0}}, -1},
        {{0, S_INIT("2.5")}, 250},
        {{0, S_INIT("100.00")}, 10000},
        {{0, S_INIT("0.01")}, 1},
        {{0, S_INIT("99.99")}, 9999},
        {{0, S_INIT("100.01")}, -1},
        {{0, S_INIT("1.234")}, -1},
        {{0, S_INIT("x")}, -1},
        {{0, S_INIT("5.")}, -1},
        {{0, S_INIT("-1")}, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tracing_sampling(&cases[i].given), cases[i].is);
}

static void an_ingress_gateway_has_a_name_a_life_and_a_secret(void **state)
{
    (void)state;
    struct world *w = world_new();
    load(w, HEAD "{certificate: {ingressGateway: {subjectAltNames: [gw.edge], validityDuration: 1h, secret: {name: s, "
                 "namespace: edge}}}}");
    struct mesh_gateway g = settings(w)->gateway;
    assert_true(str_is(g.dns, "gw.edge") && str_is(g.secret, "s") && str_is(g.secret_ns, "edge"));
    assert_true(g.validity_ns == 3600LL * 1000000000 && settings(w)->diags.n == 0);
    load(w, HEAD "{certificate: {ingressGateway: {subjectAltNames: [gw.edge, b], validityDuration: 1m, secret: {name: "
                 "s, namespace: edge}}}}");
    assert_true(settings(w)->gateway.validity_ns == 600LL * 1000000000);
    assert_int_equal(settings(w)->diags.n, 2);
    load(w, HEAD "{}");
    assert_false(settings(w)->gateway.dns.n);
    world_free(w);
}

static void a_change_reaches_the_plans_at_once(void **state)
{
    (void)state;
    struct world *w = world_new();
    load(w, HEAD "{traffic: {enableEgress: true}}");
    const struct plan_base *b = sheet_value(world_sheet(w), &plan_base_cell, STR_NULL);
    assert_true(b->egress);
    load(w, HEAD
         "{traffic: {enableEgress: false}, sidecar: {tlsMaxProtocolVersion: TLSv1_2, tlsMinProtocolVersion: TLSv1_2}}");
    b = sheet_value(world_sheet(w), &plan_base_cell, STR_NULL);
    assert_false(b->egress);
    assert_true(str_is(b->tls.max, "TLSv1_2"));
    world_free(w);
}

static void the_platform_gives_ranges_and_trust_domain(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct str range = S("172.16.0.0/12");
    struct mesh_platform p = mesh_platform_local;
    p.service_ranges = (struct strs){&range, 1};
    p.trust_domain = S("example.org");
    mesh_platform_set(world_sheet(w), &p);
    load(w, "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {serviceAccountName: a, "
            "containers: [{name: m, image: i}]}\n");
    const struct plan_base *b = sheet_value(world_sheet(w), &plan_base_cell, STR_NULL);
    assert_true(str_is(b->closed_ranges.v[0], "172.16.0.0/12"));
    const struct mesh_pod *pod = sheet_value(world_sheet(w), &mesh_pod_cell, S("shop/p"));
    assert_true(str_is(pod->spiffe_id, "spiffe://example.org/ns/shop/sa/a"));
    world_free(w);
}

/* Cells computed because of a MeshConfig. */
static uint64_t cost_of(struct world *w, const char *config)
{
    uint64_t before = sheet_stats(world_sheet(w)).computed;
    load(w, config);
    return sheet_stats(world_sheet(w)).computed - before;
}

static void what_no_running_proxy_sees_computes_no_plan(void **state)
{
    (void)state;
    struct world *w = world_new();
    load(w,
         "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {openservicemesh.io/monitored-by: osm}}\n---\n"
         "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: a, uid: u, labels: {osm-proxy-uuid: u}}\n"
         "spec: {serviceAccountName: s, containers: [{name: c, image: i}]}\nstatus: {phase: Running, podIP: "
         "10.0.0.1}\n");
    load(w, HEAD "{observability: {osmLogLevel: info}, traffic: {enablePermissiveTrafficPolicyMode: true}}");
    assert_in_range(cost_of(w, HEAD "{observability: {osmLogLevel: debug}, sidecar: {logLevel: debug},"
                                    " certificate: {serviceCertValidityDuration: 2h},"
                                    " traffic: {enablePermissiveTrafficPolicyMode: true}}"),
                    1, 3);
    assert_true(cost_of(w, HEAD "{observability: {osmLogLevel: debug}}") > 5);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_mesh_config_the_installation_holds),
        cmocka_unit_test(every_field_arrives),
        cmocka_unit_test(what_no_running_proxy_sees_computes_no_plan),
        cmocka_unit_test(a_lifetime_below_ten_minutes_is_ten_minutes),
        cmocka_unit_test(other_services_are_called_when_they_are_named_well),
        cmocka_unit_test(a_percentage_has_two_decimals_at_most),
        cmocka_unit_test(an_ingress_gateway_has_a_name_a_life_and_a_secret),
        cmocka_unit_test(a_change_reaches_the_plans_at_once),
        cmocka_unit_test(the_platform_gives_ranges_and_trust_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
