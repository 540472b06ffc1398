#include "harness.h"
#include "kinds/http_route_group.h"
#include "kinds/mesh_config.h"
#include "kinds/retry.h"
#include "kinds/tcp_route.h"
#include "kinds/traffic_split.h"
#include "kinds/traffic_target.h"
#include "kinds/upstream_traffic_setting.h"

#define SMI_TT  "apiVersion: access.smi-spec.io/v1alpha3\nkind: TrafficTarget\nmetadata: {name: t}\nspec: "
#define SMI_HRG "apiVersion: specs.smi-spec.io/v1alpha4\nkind: HTTPRouteGroup\nmetadata: {name: t}\nspec: "
#define SMI_TCP "apiVersion: specs.smi-spec.io/v1alpha4\nkind: TCPRoute\nmetadata: {name: t}\nspec: "
#define SMI_TS  "apiVersion: split.smi-spec.io/v1alpha2\nkind: TrafficSplit\nmetadata: {name: t}\nspec: "
#define MC                                                                                                             \
    "apiVersion: config.openservicemesh.io/v1alpha2\nkind: MeshConfig\nmetadata: {name: osm-mesh-config, namespace: "  \
    "osm-system}\nspec: "
#define MRC          "apiVersion: config.openservicemesh.io/v1alpha2\nkind: MeshRootCertificate\nmetadata: {name: t}\nspec: "
#define EXT          "apiVersion: config.openservicemesh.io/v1alpha2\nkind: ExtensionService\nmetadata: {name: t}\nspec: "
#define POLICY(kind) "apiVersion: policy.openservicemesh.io/v1alpha1\nkind: " kind "\nmetadata: {name: t}\nspec: "
#define SA           "{kind: ServiceAccount, name: a, namespace: b}"

static void a_traffic_target_says_who_and_what(void **state)
{
    (void)state;
    const struct traffic_target *t = traffic_target_of(
        good(SMI_TT "{destination: " SA ", sources: [" SA
                    "], rules: [{kind: TCPRoute, name: r}, {kind: HTTPRouteGroup, name: g, matches: [m]}]}\n"));
    assert_true(str_is(t->spec.destination.ns, "b") && t->spec.sources.n == 1 &&
                t->spec.rules.v[0].kind == RULE_TCP_ROUTE && t->spec.rules.v[1].matches.n == 1);
    assert_null(tcp_route_of(good(SMI_TT "{destination: " SA ", sources: [], rules: []}\n")));
}

static void a_typo_cannot_open_access(void **state)
{
    (void)state;
    bad(SMI_TT "{destination: " SA ", sources: [], rules: [{kind: HTTPRouteGroup, name: g, match: [m]}]}\n",
        "spec.rules[0].match", "did you mean \"matches\"?");
    bad(SMI_TT "{destination: " SA ", sources: [{kind: ServiceAccount, name: a, nmespace: b}], rules: []}\n",
        "spec.sources[0].nmespace", "is not a field");
    bad(SMI_HRG "{matches: [{name: m, pathRgex: /x}]}\n", "spec.matches[0].pathRgex", "did you mean \"pathRegex\"?");
    bad(SMI_TS "{service: s, backends: [], matches: []}\n", "spec.matches", "is not a field of TrafficSplitSpec");
    bad(SMI_TCP "{matches: {port: [1]}}\n", "spec.matches.port", "did you mean \"ports\"?");
    bad(SMI_TT "{destination: " SA ", sources: [], rules: []}\nspce: {}\n", "spce", "did you mean \"spec\"?");
    bad(POLICY("Egress") "{sources: [], ports: [], host: [x]}\n", "spec.host", "did you mean \"hosts\"?");
}

static void smi_kinds_are_validated(void **state)
{
    (void)state;
    bad(SMI_TT "{sources: [], rules: []}\n", "spec.destination", "is required");
    bad(SMI_TT "{destination: " SA ", rules: []}\n", "spec.sources", "is required");
    bad(SMI_TT "{destination: " SA ", sources: [], rules: [{kind: GRPCRoute, name: g}]}\n", "spec.rules[0].kind",
        "must be one of HTTPRouteGroup, TCPRoute, UDPRoute");
    assert_int_equal(
        bad(SMI_HRG "{matches: [{name: m, pathRegex: '('}]}\n", "spec.matches[0].pathRegex", "not a valid RE2")->code,
        E_BAD_REGEX);
    bad(SMI_HRG "{matches: [{name: m, methods: [GETT]}]}\n", "spec.matches[0].methods[0]", "must be one of *, GET");
    bad(SMI_HRG "{matches: [{name: m}, {name: m}]}\n", "spec.matches[1].name", "names another match, too");
    bad(SMI_HRG "{matches: [{pathRegex: x}]}\n", "spec.matches[0].name", "is required");
    bad(SMI_TCP "{matches: {ports: [0]}}\n", "spec.matches.ports[0]", "between 1 and 65535");
    bad(SMI_TS "{service: s, backends: [{service: x}]}\n", "spec.backends[0].weight", "is required");
    bad(SMI_TS "{service: s, backends: [{service: x, weight: -1}]}\n", "spec.backends[0].weight", "must be between 0");
    bad(SMI_TS "{service: s, backends: [{service: x, weight: 1}, {service: x, weight: 2}]}\n",
        "spec.backends[1].service", "stands twice");
    assert_int_equal(tcp_route_of(good(SMI_TCP "{}\n"))->spec.matches.ports.n, 0);
    assert_int_equal(
        traffic_split_of(good(SMI_TS "{service: s.n.svc, backends: [{service: x, weight: 0}]}\n"))->spec.backends.n, 1);
}

static void headers_keep_their_order_and_repeat(void **state)
{
    (void)state;
    const struct http_match *m =
        http_route_group_of(good(SMI_HRG "{matches: [{name: m, headers: [{z: a.*}, {a: b}, {z: c}]}]}\n"))
            ->spec.matches.v;
    assert_true(m->headers.n == 3 && str_is(m->headers.v[0].key, "z") && str_is(m->headers.v[2].value, "c"));
    m = http_route_group_of(good(SMI_HRG "{matches: [{name: m, headers: {user-agent: curl.*}}]}\n"))->spec.matches.v;
    assert_true(m->headers.n == 1 && str_is(m->headers.v[0].key, "user-agent"));
}

static void mesh_config_has_the_contracts_defaults(void **state)
{
    (void)state;
    const struct mesh_config_spec *s = &mesh_config_of(good(MC "{}\n"))->spec;
    assert_true(!s->traffic.enable_egress && !s->traffic.permissive && s->sidecar.tls_min == TLS_V1_3 &&
                s->sidecar.tls_max == TLS_V1_3);
    assert_true(str_is(s->sidecar.log_level, "error") && str_is(s->observability.log_level, "info") &&
                s->observability.tracing.port == 9411);
    assert_true(s->certificate.validity_ns == 24 * 3600000000000 && s->certificate.key_bits == 2048 &&
                s->traffic.ext_authz.timeout_ns == 1000000000);
    assert_true(s->features.wasm_stats && s->features.egress_policy && s->features.ingress_policy &&
                !s->features.retry && !s->certificate.ingress);
    struct mesh_config installed = {0};
    mesh_config_installed(a, &installed);
    assert_true(installed.spec.traffic.enable_egress && installed.spec.traffic.permissive &&
                installed.spec.certificate.key_bits == 2048);
}

static void mesh_config_is_validated(void **state)
{
    (void)state;
    bad(MC "{sidecar: {logLevel: loud}}\n", "spec.sidecar.logLevel", "must be one of trace");
    bad(MC "{sidecar: {tlsMinProtocolVersion: TLSv1_3, tlsMaxProtocolVersion: TLSv1_2}}\n",
        "spec.sidecar.tlsMinProtocolVersion", "must not be newer");
    bad(MC "{traffic: {outboundIPRangeExclusionList: [10.0.0.0]}}\n", "spec.traffic.outboundIPRangeExclusionList[0]",
        "is not an address range");
    bad(MC "{traffic: {outboundPortExclusionList: [65536]}}\n", "spec.traffic.outboundPortExclusionList[0]",
        "between 1 and 65535");
    bad(MC "{certificate: {serviceCertValidityDuration: soon}}\n", "spec.certificate.serviceCertValidityDuration",
        "is not a duration");
    bad(MC "{certificate: {certKeyBitSize: 512}}\n", "spec.certificate.certKeyBitSize", "between 2048 and 4096");
    bad(MC "{certificate: {ingressGateway: {subjectAltNames: [], secret: {name: a, namespace: b}}}}\n",
        "spec.certificate.ingressGateway.subjectAltNames", "at least one");
    bad(MC "{certificate: {ingressGateway: {subjectAltNames: [a, osm-controller.osm-system.svc], secret: {name: a, "
           "namespace: b}}}}\n",
        "spec.certificate.ingressGateway.subjectAltNames[1]", "cannot be certified");
    bad(MC "{certificate: {ingressGateway: {subjectAltNames: [\"spiffe://a/b\"], secret: {name: a, namespace: b}}}}\n",
        "spec.certificate.ingressGateway.subjectAltNames[0]", "cannot be certified");
    bad(MC "{certificate: {ingressGateway: {subjectAltNames: [a], secret: {name: ../a, namespace: b}}}}\n",
        "spec.certificate.ingressGateway.secret.name", "is no name of a Secret");
    bad(MC "{certificate: {ingressGateway: {subjectAltNames: [a], secret: {name: a, namespace: b/c}}}}\n",
        "spec.certificate.ingressGateway.secret.namespace", "is no name of a namespace");
    bad(MC "{sidecar: {localProxyMode: Elsewhere}}\n", "spec.sidecar.localProxyMode",
        "must be one of Localhost, PodIP");
    assert_non_null(good("apiVersion: config.openservicemesh.io/v1alpha1\nkind: MeshConfig\nmetadata: {name: m}\nspec: "
                         "{traffic: {enableEgress: true}}\n"));
}

static void settings_without_effect_are_never_silent(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{featureFlags: {enableMeshRootCertificate: true}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct object *o = good(str_fmt(a, MC "%s\n", texts[i]).p);
        if (o->problems.n != 1 || o->problems.v[0].code != E_NOT_ENFORCED) fail_msg("%s", texts[i]);
    }
    assert_int_equal(
        good(MC
             "{featureFlags: {enableWASMStats: true, enableRetryPolicy: true}, certificate: {certKeyBitSize: 2048}}\n")
            ->problems.n,
        0);
}

static void later_kinds_are_validated_already(void **state)
{
    (void)state;
    good(MRC "{provider: {tresor: {ca: {secretRef: {name: a, namespace: b}}}}, role: active}\n");
    bad(MRC "{provider: {}, role: active}\n", "spec.provider", "exactly one of tresor, vault and certManager");
    bad(MRC "{provider: {vault: {host: h, port: 0, role: r, protocol: http, token: {secretKeyRef: {name: a, key: b, "
            "namespace: c}}}}, role: active}\n",
        "spec.provider.vault.port", "between");
    bad(MRC "{provider: {certManager: {issuerName: a, issuerKind: Other, issuerGroup: g}}, role: active}\n",
        "spec.provider.certManager.issuerKind", "must be one of Issuer");
    good(EXT "{host: h, port: 1, protocol: h2c, connectTimeout: 1s}\n");
    bad(EXT "{host: '', port: 1, protocol: h2c}\n", "spec.host", "must not be empty");
    good(POLICY("Egress") "{sources: [" SA "], hosts: [x], ports: [{number: 80, protocol: HTTP}], matches: [{apiGroup: "
                          "specs.smi-spec.io/v1alpha4, kind: HTTPRouteGroup, name: x}]}\n");
    bad(POLICY("Egress") "{sources: [], ports: [{number: 80, protocol: ftp}]}\n", "spec.ports[0].protocol",
        "must be one of http, https");
    bad(POLICY("Egress") "{sources: [], hosts: ['a.example:80'], ports: []}\n", "spec.hosts[0]",
        "does not have the form");
    bad(POLICY("Egress") "{sources: [], hosts: ['a*.example'], ports: []}\n", "spec.hosts[0]",
        "does not have the form");
    bad(POLICY("Egress") "{sources: [], ipAddresses: [10.0.0.1], ports: []}\n", "spec.ipAddresses[0]",
        "is not an address range");
    bad(POLICY("Egress") "{sources: [], ports: [{number: 0, protocol: tcp}]}\n", "spec.ports[0].number", "between");
    bad(POLICY("Egress") "{sources: [], ports: [], matches: [{apiGroup: policy.openservicemesh.io/v1alpha1, kind: "
                         "UpstreamTrafficSetting, name: x}, {apiGroup: policy.openservicemesh.io/v1alpha1, kind: "
                         "UpstreamTrafficSetting, name: y}]}\n",
        "spec.matches", "one UpstreamTrafficSetting only");
    bad(POLICY("Egress") "{sources: [], ports: [], matches: [{apiGroup: v1, kind: Service, name: x}]}\n",
        "spec.matches[0]", "must be an HTTPRouteGroup");
    good(POLICY("IngressBackend") "{backends: [{name: s, port: {number: 80, protocol: http}}], sources: [{kind: "
                                  "IPRange, name: 10.0.0.0/8}]}\n");
    bad(POLICY("IngressBackend") "{backends: [{name: s, port: {number: 80, protocol: https}}], sources: [{kind: "
                                 "IPRange, name: 10.0.0.0/8}]}\n",
        "spec.backends[0].port.protocol", "https needs a source of kind AuthenticatedPrincipal");
    bad(POLICY("IngressBackend") "{backends: [], sources: [{kind: Service, name: s}]}\n", "spec.sources[0].namespace",
        "is required for a Service");
    bad(POLICY("IngressBackend") "{backends: [], sources: [{kind: IPRange, name: x}]}\n", "spec.sources[0].name",
        "is not an address range");
    bad(POLICY("IngressBackend") "{backends: [{name: s, port: {number: 80, protocol: http}, tls: {}}], sources: []}\n",
        "spec.backends[0].tls.skipClientCertValidation", "is required");
    bad(POLICY("IngressBackend") "{backends: [], sources: [{kind: IPRange, name: 10.0.0.256/8}]}\n",
        "spec.sources[0].name", "is not an address range");
    bad(POLICY("IngressBackend") "{backends: [], sources: [{kind: IPRange, name: 10.0.0.1}]}\n", "spec.sources[0].name",
        "is not an address range");
    bad(POLICY("IngressBackend") "{backends: [{name: s, port: {number: 80, protocol: http}}, {name: s, port: {number: "
                                 "80, protocol: http}}], sources: []}\n",
        "spec.backends[1]", "stand twice");
    bad(POLICY("IngressBackend") "{backends: [{name: s, port: {number: 80, protocol: https}, tls: "
                                 "{skipClientCertValidation: true, sniHosts: [a.b, \"a*.b\"]}}], sources: []}\n",
        "spec.backends[0].tls.sniHosts[1]", "is not a server name");
    bad(POLICY("IngressBackend") "{backends: [{name: s, port: {number: 80, protocol: https}, tls: "
                                 "{skipClientCertValidation: true, sniHosts: [\"*\"]}}], sources: []}\n",
        "spec.backends[0].tls.sniHosts[0]", "is not a server name");
    assert_int_equal(good(POLICY("IngressBackend") "{backends: [{name: s, port: {number: 80, protocol: http}, tls: "
                                                   "{skipClientCertValidation: true}}], sources: []}\n")
                         ->problems.n,
                     1);
    good(POLICY("Telemetry") "{accessLog: {format: x, openTelemetry: {extensionService: {name: a, namespace: b}, "
                             "attributes: {k: v}}}}\n");
    for (int k = 0; k < KIND_COUNT; k++) {
        bool later = k == KIND_MESH_ROOT_CERTIFICATE;
        assert_int_equal(!!(kind_info((enum kind)k)->flags & KIND_NOT_ENFORCED), later);
    }
}

static void retries_have_envoys_defaults(void **state)
{
    (void)state;
    const struct retry *r =
        retry_of(good(POLICY("Retry") "{source: " SA ", destinations: [], retryPolicy: {retryOn: 5xx}}\n"));
    assert_true(r->spec.policy.num_retries == 1 && r->spec.policy.backoff_ns == 25000000 &&
                r->spec.policy.per_try_timeout_ns == 0);
    bad(POLICY("Retry") "{source: " SA ", destinations: [], retryPolicy: {numRetries: 1}}\n",
        "spec.retryPolicy.retryOn", "is required");
    bad(POLICY("Retry") "{source: " SA ", destinations: [], retryPolicy: {retryOn: 5xx, perTryTimeout: 0s}}\n",
        "spec.retryPolicy.perTryTimeout", "");
    bad(POLICY("Retry") "{source: " SA ", destinations: [], retryPolicy: {retryOn: 5xx, numRetries: -1}}\n",
        "spec.retryPolicy.numRetries", "");
}

#define UTS(text)        POLICY("UpstreamTrafficSetting") "{host: h, " text "}\n"
#define HTTP_LIMIT(text) UTS("rateLimit: {local: {http: {requests: 1, unit: second, " text "}}}")
#define ENTRIES(text)    UTS("httpRoutes: [{path: /x, rateLimit: {global: {descriptors: [{entries: [" text "]}]}}}]")

static void traffic_settings_are_validated(void **state)
{
    (void)state;
    const struct upstream_traffic_setting *u = upstream_traffic_setting_of(
        good(POLICY("UpstreamTrafficSetting") "{host: h, rateLimit: {local: {http: {requests: 1, unit: second}}, "
                                              "global: {tcp: {rateLimitService: {host: h, port: 1}, domain: d, "
                                              "descriptors: [{entries: [{key: a, value: b}]}]}}}}\n"));
    assert_true(u->spec.limit->local->http->status == 429 && u->spec.limit->global->tcp->fail_open &&
                u->spec.limit->global->tcp->timeout_ns == 20000000);
    assert_true(u->spec.connection.tcp.connect_timeout_ns == 5000000000 &&
                !u->spec.connection.tcp.max_connections.is_set);
    bad(POLICY("UpstreamTrafficSetting") "{host: h, rateLimit: {local: {http: {requests: 1, unit: day}}}}\n",
        "spec.rateLimit.local.http.unit", "must be one of second");
    bad(UTS("rateLimit: {local: {tcp: {connections: 0, unit: second}}}"), "spec.rateLimit.local.tcp.connections",
        "between");
    bad(HTTP_LIMIT("responseStatusCode: 200"), "spec.rateLimit.local.http.responseStatusCode", "between");
    bad(HTTP_LIMIT("responseStatusCode: 499"), "spec.rateLimit.local.http.responseStatusCode", "no status of HTTP");
    bad(HTTP_LIMIT("responseHeadersToAdd: [{name: Host, value: a}]"),
        "spec.rateLimit.local.http.responseHeadersToAdd[0].name", "cannot be set");
    bad(HTTP_LIMIT("responseHeadersToAdd: [{name: ':status', value: a}]"),
        "spec.rateLimit.local.http.responseHeadersToAdd[0].name", "form");
    bad(UTS("httpRoutes: [{path: '['}]"), "spec.httpRoutes[0].path", "");
    bad(ENTRIES("{}"), "spec.httpRoutes[0].rateLimit.global.descriptors[0].entries[0]", "exactly one of");
    bad(ENTRIES("{remoteAddress: {}, genericKey: {value: a}}"),
        "spec.httpRoutes[0].rateLimit.global.descriptors[0].entries[0]", "exactly one of");
    bad(UTS("connectionSettings: {tcp: {connectTimeout: 0s}}"), "spec.connectionSettings.tcp.connectTimeout", "");
    bad(UTS("loadBalancing: {consistentHash: {}}"), "spec.loadBalancing.consistentHash", "exactly one of");
    bad(UTS("loadBalancing: {consistentHash: {header: x, sourceAddress: true}}"), "spec.loadBalancing.consistentHash",
        "exactly one of");
    bad(UTS("outlierEjection: {maxEjectedPercent: 101}"), "spec.outlierEjection.maxEjectedPercent", "between");
    const struct upstream_traffic_setting *d =
        upstream_traffic_setting_of(good(UTS("outlierEjection: {}, timeouts: {request: 0s}")));
    assert_true(d->spec.ejection->errors == 5 && d->spec.ejection->max_percent == 50 &&
                d->spec.ejection->min_healthy_percent == 50 && d->spec.ejection->time_ns == 30000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_traffic_target_says_who_and_what),
        TEST(a_typo_cannot_open_access),
        TEST(smi_kinds_are_validated),
        TEST(headers_keep_their_order_and_repeat),
        TEST(mesh_config_has_the_contracts_defaults),
        TEST(mesh_config_is_validated),
        TEST(settings_without_effect_are_never_silent),
        TEST(later_kinds_are_validated_already),
        TEST(retries_have_envoys_defaults),
        TEST(traffic_settings_are_validated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
