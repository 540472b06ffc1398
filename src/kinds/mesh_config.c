#include "kinds/mesh_config.h"

#include "base/names.h"
#include "base/regex.h"

#define LATER FIELD_NOT_ENFORCED

static const char *const envoy_levels[] = {"trace", "debug",    "info", "warning", "warn",
                                           "error", "critical", "off",  NULL};
static const char *const levels[] = {"disabled", "panic", "fatal", "error", "warn", "info", "debug", "trace", NULL};
static const char *const tls_versions[] = {"TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3", NULL};
static const char *const tracing_protocols[] = {"zipkin", "otlp", NULL};
static const char *const proxy_modes[] = {"Localhost", "PodIP", NULL};

#define F(m, name, type, ...) FIELD(struct sidecar_settings, m, name, type, __VA_ARGS__)
static const struct field sidecar_fields[] = {
    F(privileged_init, "enablePrivilegedInitContainer", F_BOOL,
      .doc = "Whether the container that redirects traffic runs privileged. New pods."),
    F(log_level, "logLevel", F_STR, .names = envoy_levels, .def = "error", .doc = "Envoy's log level. New pods."),
    F(envoy_image, "envoyImage", F_STR, .doc = "Image of the sidecar; the installation's when absent. New pods."),
    F(envoy_windows_image, "envoyWindowsImage", F_STR, .doc = "No effect: there are no sidecars on Windows."),
    F(init_image, "initContainerImage", F_STR,
      .doc = "Image of the container that redirects traffic; the installation's when absent. New pods."),
    F(max_connections, "maxDataPlaneConnections", F_INT, .max = INT32_MAX,
      .doc = "The most proxies that one controller serves; 0 for no limit."),
    F(resync_ns, "configResyncInterval", F_DURATION, .def = "0s",
      .doc = "No effect: it mattered where changes could get lost; here every change is pushed and acknowledged."),
    F(resources, "resources", F_JSON, .doc = "Limits and requests of the sidecar. New pods."),
    F(tls_min, "tlsMinProtocolVersion", F_ENUM, .names = tls_versions, .def = "TLSv1_3",
      .doc = "The oldest TLS between proxies."),
    F(tls_max, "tlsMaxProtocolVersion", F_ENUM, .names = tls_versions, .def = "TLSv1_3",
      .doc = "The newest TLS between proxies."),
    F(cipher_suites, "cipherSuites", F_STRS,
      .doc = "Ciphers for TLS 1.2, by Envoy's names; Envoy's choice when absent."),
    F(ecdh_curves, "ecdhCurves", F_STRS,
      .doc = "Curves for the key exchange, by Envoy's names; Envoy's choice when absent."),
    F(local_proxy_mode, "localProxyMode", F_ENUM, .names = proxy_modes, .def = "Localhost",
      .doc = "Where the sidecar hands calls to the application: 127.0.0.1 or the pod's address. New pods."),
};
#undef F
static void check_tls(const void *v, struct arena *a, struct problems *out)
{
    const struct sidecar_settings *s = v;
    if (s->tls_min != TLS_AUTO && s->tls_max != TLS_AUTO && s->tls_min > s->tls_max)
        problem_add(a, out, true, NULL, S("tlsMinProtocolVersion"), "must not be newer than tlsMaxProtocolVersion");
}
static const struct table sidecar_table =
    TABLE("SidecarSettings", struct sidecar_settings, sidecar_fields, .check = check_tls, .doc = "The proxies.");

#define F(m, name, type, ...) FIELD(struct ext_authz_settings, m, name, type, __VA_ARGS__)
static const struct field ext_authz_fields[] = {
    F(enable, "enable", F_BOOL,
      .doc = "Whether an outside service decides on every HTTP call; without address or port all are denied."),
    F(address, "address", F_STR, .doc = "Host of the service, which speaks ext_authz by gRPC in clear text."),
    F(port, "port", F_INT, .min = 0, .max = 65535, .doc = "Port of the service."),
    F(stat_prefix, "statPrefix", F_STR, .def = "inboundExtAuthz", .doc = "Name in Envoy's statistics."),
    F(timeout_ns, "timeout", F_DURATION, .def = "1s", .doc = "How long to wait for its answer."),
    F(failure_mode_allow, "failureModeAllow", F_BOOL, .doc = "Whether calls are allowed when it does not answer."),
};
#undef F
static const struct table ext_authz_table = TABLE("ExternalAuthorization", struct ext_authz_settings, ext_authz_fields,
                                                  .doc = "A service that decides on calls.");

#define F(m, name, type, ...) FIELD(struct traffic_settings, m, name, type, __VA_ARGS__)
static const struct field traffic_fields[] = {
    F(enable_egress, "enableEgress", F_BOOL,
      .doc = "Whether pods may call anything outside the mesh. Off when absent; on in a fresh installation."),
    F(permissive, "enablePermissiveTrafficPolicyMode", F_BOOL,
      .doc = "Whether everybody in the mesh may call everybody, without TrafficTargets. Off when absent; on in a fresh "
             "installation."),
    F(out_ranges_exclude, "outboundIPRangeExclusionList", F_STRS, .flags = FIELD_CIDR,
      .doc = "Address ranges that bypass the sidecar. New pods."),
    F(out_ranges_include, "outboundIPRangeInclusionList", F_STRS, .flags = FIELD_CIDR,
      .doc = "If given, only these address ranges go through the sidecar; exclusions win. New pods."),
    F(out_ports_exclude, "outboundPortExclusionList", F_INTS, .min = 1, .max = 65535,
      .doc = "Ports to which calls bypass the sidecar. New pods."),
    F(in_ports_exclude, "inboundPortExclusionList", F_INTS, .min = 1, .max = 65535,
      .doc = "Ports of the pod that bypass the sidecar. New pods."),
    F(interfaces_exclude, "networkInterfaceExclusionList", F_STRS,
      .doc = "Network interfaces that bypass the sidecar in both directions. New pods."),
    F(ext_authz, "inboundExternalAuthorization", F_INLINE, .sub = &ext_authz_table,
      .doc = "A service that decides on calls."),
};
#undef F
static const struct table traffic_table = TABLE("TrafficSettings", struct traffic_settings, traffic_fields,
                                                .doc = "What may be called, and what the sidecar sees.");

#define F(m, name, type, ...) FIELD(struct tracing_settings, m, name, type, __VA_ARGS__)
static const struct field tracing_fields[] = {
    F(enable, "enable", F_BOOL, .doc = "Whether proxies send traces."),
    F(port, "port", F_INT, .min = 1, .max = 65535, .def = "9411",
      .doc = "Port of the collector; OpenTelemetry's own is 4317."),
    F(address, "address", F_STR, .doc = "Host of the collector; jaeger in the system namespace when absent."),
    F(endpoint, "endpoint", F_STR, .def = "/api/v2/spans", .doc = "Zipkin: path at the collector."),
    F(protocol, "protocol", F_ENUM, .names = tracing_protocols,
      .doc = "zipkin: JSON version 2 by HTTP; otlp: OpenTelemetry by gRPC in clear text."),
    F(sampling, "samplingPercent", F_INT_OR_STR, .def = "100",
      .doc = "Share of the calls that are traced, 0 to 100; as text with up to two decimals. Who calls with a decision "
             "already made is followed."),
};
#undef F

int64_t tracing_sampling(const struct int_or_str *percent)
{
    if (!percent->s.n) return percent->i >= 0 && percent->i <= 100 ? percent->i * 100 : -1;
    if (!regex_matches_const("(100(\\.00?)?|[0-9]{1,2}(\\.[0-9]{1,2})?)", percent->s)) return -1;
    struct str decimals = percent->s, whole = str_cut(&decimals, '.');
    int64_t n = 0, part = 0;
    if (!str_to_i64(whole, 0, 100, &n) || (decimals.n && !str_to_i64(decimals, 0, 99, &part))) return -1;
    return n * 100 + (decimals.n == 1 ? part * 10 : part);
}

static void check_tracing(const void *v, struct arena *a, struct problems *out)
{
    const struct tracing_settings *t = v;
    if (tracing_sampling(&t->sampling) < 0)
        problem_add(a, out, true, NULL, S("samplingPercent"), "must be 0 to 100, with up to two decimals");
    if (!regex_matches_const("/[!-~]*", t->endpoint))
        problem_add(a, out, true, NULL, S("endpoint"), "must be a path that begins with /");
}
static const struct table tracing_table = TABLE("TracingSettings", struct tracing_settings, tracing_fields,
                                                .check = check_tracing, .doc = "Traces of calls.");

#define F(m, name, type, ...) FIELD(struct observability_settings, m, name, type, __VA_ARGS__)
static const struct field observability_fields[] = {
    F(log_level, "osmLogLevel", F_STR, .names = levels, .def = "info", .doc = "The control plane's log level."),
    F(enable_debug_server, "enableDebugServer", F_BOOL,
      .doc = "Whether the controller answers at /debug on port 9092 of its own 127.0.0.1."),
    F(tracing, "tracing", F_INLINE, .sub = &tracing_table, .doc = "Traces of calls."),
};
#undef F
static const struct table observability_table =
    TABLE("ObservabilitySettings", struct observability_settings, observability_fields, .doc = "Logs and traces.");

#define SECRET __typeof__(((struct ingress_certificate *)0)->secret)
static const struct field secret_fields[] = {
    FIELD(SECRET, name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY, .doc = "Name of the Secret."),
    FIELD(SECRET, ns, "namespace", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY, .doc = "Its namespace."),
};
static const struct table secret_table = TABLE("SecretReference", SECRET, secret_fields, .doc = "A Secret.");
static const struct field ingress_fields[] = {
    FIELD(struct ingress_certificate, names, "subjectAltNames", F_STRS, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "Names in the certificate; the first is used."),
    FIELD(struct ingress_certificate, validity_ns, "validityDuration", F_DURATION, .def = "24h",
          .doc = "How long it is good; less than 10m counts as 10m. A new one is made after two thirds."),
    FIELD(struct ingress_certificate, secret, "secret", F_INLINE, .sub = &secret_table, .flags = FIELD_REQUIRED,
          .doc = "The Secret to put it in."),
};

/* The name that only the controller has is what every proxy goes by; the Secret's is the name of a file. */
static void check_gateway(const void *v, struct arena *a, struct problems *out)
{
    const struct ingress_certificate *i = v;
    for (size_t n = 0; n < i->names.n; n++) {
        struct str name = i->names.v[n];
        if (!is_dns_subdomain(name) || str_is(name, NAME_CONTROLLER_DNS))
            problem_add(a, out, true, NULL, str_fmt(a, "subjectAltNames[%zu]", n),
                        "\"%.*s\" cannot be certified; write a DNS name such as gateway.ingress.cluster.local",
                        STR_FMT(name));
    }
    if (i->secret.name.n && !is_dns_subdomain(i->secret.name))
        problem_add(a, out, true, NULL, S("secret.name"), "\"%.*s\" is no name of a Secret", STR_FMT(i->secret.name));
    if (i->secret.ns.n && !is_dns_label(i->secret.ns))
        problem_add(a, out, true, NULL, S("secret.namespace"), "\"%.*s\" is no name of a namespace",
                    STR_FMT(i->secret.ns));
}
static const struct table ingress_table = TABLE("IngressGatewayCertificate", struct ingress_certificate, ingress_fields,
                                                .check = check_gateway, .doc = "A certificate for an ingress gateway.");

#define F(m, name, type, ...) FIELD(struct certificate_settings, m, name, type, __VA_ARGS__)
static const struct field certificate_fields[] = {
    F(validity_ns, "serviceCertValidityDuration", F_DURATION, .def = "24h",
      .doc = "How long a workload's certificate is good; less than 10m counts as 10m."),
    F(key_bits, "certKeyBitSize", F_INT, .min = 2048, .max = 4096, .def = "2048",
      .doc = "No effect: it is the size of RSA keys; ours are ECDSA P-256."),
    F(ingress, "ingressGateway", F_OBJ, .sub = &ingress_table, .doc = "A certificate for an ingress gateway."),
};
#undef F
static const struct table certificate_table =
    TABLE("CertificateSettings", struct certificate_settings, certificate_fields, .doc = "Certificates.");

#define F(m, name, type, ...) FIELD(struct feature_flags, m, name, type, __VA_ARGS__)
static const struct field feature_fields[] = {
    F(wasm_stats, "enableWASMStats", F_BOOL, .def = "true",
      .doc = "Whether proxies count osm_request_total and osm_request_duration_ms; no plug-in is needed for it."),
    F(egress_policy, "enableEgressPolicy", F_BOOL, .def = "true", .doc = "Whether Egress policies hold."),
    F(multicluster, "enableMulticlusterMode", F_BOOL, .doc = "No effect: it never had one."),
    F(snapshot_cache, "enableSnapshotCacheMode", F_BOOL, .doc = "No effect: there is no such cache."),
    F(async_mapping, "enableAsyncProxyServiceMapping", F_BOOL, .doc = "No effect: it never had one."),
    F(ingress_policy, "enableIngressBackendPolicy", F_BOOL, .def = "true", .doc = "No effect: it never had one."),
    F(health_checks, "enableEnvoyActiveHealthChecks", F_BOOL,
      .doc = "Whether proxies ask the sidecars of the pods they call every 10 s whether they answer."),
    F(retry, "enableRetryPolicy", F_BOOL, .doc = "Whether Retry policies hold."),
    F(mesh_root_certificate, "enableMeshRootCertificate", F_BOOL, .flags = LATER,
      .doc = "Whether MeshRootCertificates say who signs."),
};
#undef F
static const struct table feature_table =
    TABLE("FeatureFlags", struct feature_flags, feature_fields, .doc = "Switches of the older system.");

#define F(m, name, table, text) FIELD(struct mesh_config_spec, m, name, F_INLINE, .sub = table, .doc = text)
static const struct field spec_fields[] = {
    F(sidecar, "sidecar", &sidecar_table, "The proxies."),
    F(traffic, "traffic", &traffic_table, "What may be called, and what the sidecar sees."),
    F(observability, "observability", &observability_table, "Logs and traces."),
    F(certificate, "certificate", &certificate_table, "Certificates."),
    F(features, "featureFlags", &feature_table, "Switches of the older system."),
};
#undef F
static const struct table spec_table =
    TABLE("MeshConfigSpec", struct mesh_config_spec, spec_fields, .doc = "The settings.");

static const struct field fields[] = {
    FIELD(struct mesh_config, spec, "spec", F_INLINE, .sub = &spec_table, .doc = "The settings."),
};
#define MIN_TLS "self.spec.sidecar.tlsMinProtocolVersion"
#define MAX_TLS "self.spec.sidecar.tlsMaxProtocolVersion"
#define TRACING "self.spec.observability.tracing"
#define NO_TRACING(field)                                                                                              \
    "!has(self.spec) || !has(self.spec.observability) || !has(" TRACING ") || !has(" TRACING "." field ") || "
static const struct cel_rule cel[] = {
    {"!has(self.spec) || !has(self.spec.sidecar) || !has(" MIN_TLS ") || !has(" MAX_TLS ") || " MIN_TLS
     " == 'TLS_AUTO' || " MAX_TLS " == 'TLS_AUTO' || " MIN_TLS " <= " MAX_TLS,
     "tlsMinProtocolVersion must not be newer than tlsMaxProtocolVersion"},
    {NO_TRACING("endpoint") TRACING ".endpoint.matches('^/[!-~]*$')",
     "the endpoint of tracing must be a path that begins with /"},
    {NULL, NULL},
};
const struct table mesh_config_table =
    TABLE("MeshConfig", struct mesh_config, fields, .rules = cel,
          .doc = "The mesh's settings; only osm-mesh-config in the system namespace is read.");

void mesh_config_installed(struct arena *a, struct mesh_config *out)
{
    table_defaults(&mesh_config_table, a, out);
    out->spec.traffic.enable_egress = true;
    out->spec.traffic.permissive = true;
}

struct object *mesh_config_closed(struct arena *a, struct str key, struct str path)
{
    struct problems ignored = {0};
    struct err err = {0};
    struct str ns, name;
    key_split(key, &ns, &name);
    json_t *j =
        json_pack("{s:s, s:s, s:{s:s%, s:s%}, s:{s:{s:s, s:i}}}", "apiVersion", "config.openservicemesh.io/v1alpha2",
                  "kind", "MeshConfig", "metadata", "namespace", ns.p, ns.n, "name", name.p, name.n, "spec",
                  "certificate", "serviceCertValidityDuration", "24h", "certKeyBitSize", 2048);
    struct node *n = j ? node_of_json(a, j, &err) : NULL;
    struct object *o = n ? object_decode(n, path, a, &ignored) : NULL;
    json_decref(j);
    return o;
}
