#include "mesh/settings.h"

#include <arpa/inet.h>

#include "base/names.h"
#include "kinds/mesh_config.h"
#include "mesh/platform.h"
#include "mesh/tls_names.h"

static const struct field tls_fields[] = {
    FIELD(struct mesh_tls, min, "min", F_STR),
    FIELD(struct mesh_tls, max, "max", F_STR),
    FIELD(struct mesh_tls, cipher_suites, "cipherSuites", F_STRS),
    FIELD(struct mesh_tls, ecdh_curves, "ecdhCurves", F_STRS),
};
static const struct table tls_table = TABLE("Tls", struct mesh_tls, tls_fields);
static const struct field authz_fields[] = {
    FIELD(struct mesh_authz, address, "address", F_STR),
    FIELD(struct mesh_authz, port, "port", F_INT),
    FIELD(struct mesh_authz, stat_prefix, "statPrefix", F_STR),
    FIELD(struct mesh_authz, timeout_ns, "timeoutNs", F_INT),
    FIELD(struct mesh_authz, failure_mode_allow, "failureModeAllow", F_BOOL),
};
static const struct table authz_table = TABLE("Authz", struct mesh_authz, authz_fields);
static const struct field tracing_fields[] = {
    FIELD(struct mesh_tracing, address, "address", F_STR),   FIELD(struct mesh_tracing, port, "port", F_INT),
    FIELD(struct mesh_tracing, otlp, "otlp", F_BOOL),        FIELD(struct mesh_tracing, endpoint, "endpoint", F_STR),
    FIELD(struct mesh_tracing, sampling, "sampling", F_INT),
};
static const struct table tracing_table = TABLE("Tracing", struct mesh_tracing, tracing_fields);
static const struct field gateway_fields[] = {
    FIELD(struct mesh_gateway, dns, "dns", F_STR),
    FIELD(struct mesh_gateway, secret_ns, "secretNamespace", F_STR),
    FIELD(struct mesh_gateway, secret, "secret", F_STR),
    FIELD(struct mesh_gateway, validity_ns, "validityNs", F_INT),
};
static const struct table gateway_table = TABLE("Gateway", struct mesh_gateway, gateway_fields);
static const struct field fields[] = {
    FIELD(struct mesh_settings, permissive, "permissive", F_BOOL),
    FIELD(struct mesh_settings, egress, "egress", F_BOOL),
    FIELD(struct mesh_settings, egress_policies, "egressPolicies", F_BOOL),
    FIELD(struct mesh_settings, retry, "retry", F_BOOL),
    FIELD(struct mesh_settings, tls, "tls", F_INLINE, .sub = &tls_table),
    FIELD(struct mesh_settings, authz, "authz", F_INLINE, .sub = &authz_table),
    FIELD(struct mesh_settings, deny_inbound, "denyInbound", F_BOOL),
    FIELD(struct mesh_settings, tracing, "tracing", F_INLINE, .sub = &tracing_table),
    FIELD(struct mesh_settings, health_checks, "healthChecks", F_BOOL),
    FIELD(struct mesh_settings, no_stats, "noStats", F_BOOL),
    FIELD(struct mesh_settings, log_level, "logLevel", F_STR),
    FIELD(struct mesh_settings, local_proxy_mode, "localProxyMode", F_STR),
    FIELD(struct mesh_settings, image, "image", F_STR),
    FIELD(struct mesh_settings, init_image, "initImage", F_STR),
    FIELD(struct mesh_settings, privileged_init, "privilegedInit", F_BOOL),
    FIELD(struct mesh_settings, resources, "resources", F_JSON),
    FIELD(struct mesh_settings, outbound_ranges, "outboundRanges", F_STRS),
    FIELD(struct mesh_settings, outbound_include_ranges, "outboundIncludeRanges", F_STRS),
    FIELD(struct mesh_settings, interfaces, "interfaces", F_STRS),
    FIELD(struct mesh_settings, outbound_ports, "outboundPorts", F_INTS),
    FIELD(struct mesh_settings, inbound_ports, "inboundPorts", F_INTS),
    FIELD(struct mesh_settings, max_proxies, "maxProxies", F_INT),
    FIELD(struct mesh_settings, certificate_ns, "certificateNs", F_INT),
    FIELD(struct mesh_settings, gateway, "gateway", F_INLINE, .sub = &gateway_table),
    FIELD(struct mesh_settings, controller_log_level, "controllerLogLevel", F_STR),
    FIELD(struct mesh_settings, debug_server, "debugServer", F_BOOL),
    FIELD(struct mesh_settings, diags, "diags", F_LIST, .sub = &mesh_diag_table),
};
const struct table mesh_settings_table = TABLE("Settings", struct mesh_settings, fields);

static const int64_t MIN_CERTIFICATE_NS = 10LL * 60 * 1000000000;

static struct str tls_name(int v)
{
    static const struct str names[] = {
        [TLS_AUTO] = S_INIT("TLS_AUTO"), [TLS_V1_0] = S_INIT("TLSv1_0"), [TLS_V1_1] = S_INIT("TLSv1_1"),
        [TLS_V1_2] = S_INIT("TLSv1_2"),  [TLS_V1_3] = S_INIT("TLSv1_3"),
    };
    return names[v];
}

/* A range that is upside down would leave every proxy without a listener. */
static void set_tls(const struct sidecar_settings *s, struct arena *a, struct mesh_settings *out)
{
    out->tls = (struct mesh_tls){.min = tls_name(s->tls_min), .max = tls_name(s->tls_max)};
    out->tls.cipher_suites = mesh_ciphers(s->cipher_suites, a, &out->diags);
    out->tls.ecdh_curves = mesh_curves(s->ecdh_curves, s->tls_max != TLS_V1_3, a, &out->diags);
    if (s->tls_min == TLS_AUTO || s->tls_max == TLS_AUTO || s->tls_min <= s->tls_max) return;
    diag_error(a, &out->diags, E_BAD_OBJECT,
               "tlsMinProtocolVersion %.*s is above tlsMaxProtocolVersion %.*s: TLSv1_3 is used for both",
               STR_FMT(out->tls.min), STR_FMT(out->tls.max));
    out->tls.min = out->tls.max = tls_name(TLS_V1_3);
}

static void set_sidecar(const struct sidecar_settings *s, struct mesh_settings *out)
{
    out->log_level = s->log_level;
    out->local_proxy_mode = s->local_proxy_mode == PROXY_POD_IP ? S("PodIP") : S("Localhost");
    out->image = s->envoy_image;
    out->init_image = s->init_image;
    out->privileged_init = s->privileged_init;
    out->resources = s->resources;
    out->max_proxies = s->max_connections;
}

bool mesh_is_host(struct str s)
{
    struct in6_addr ip;
    char text[256];
    if (!s.n || s.n >= sizeof text) return false;
    for (size_t i = 0; i < s.n; i++) text[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 32) : s.p[i];
    text[s.n] = '\0';
    return is_dns_subdomain(str_make(text, s.n)) || inet_pton(AF_INET6, text, &ip) == 1;
}

/* Who asks for a judge whom nobody can reach has his calls denied, not let through. */
static void set_authz(const struct ext_authz_settings *t, struct arena *a, struct mesh_settings *out)
{
    enum { DEFAULT_TIMEOUT_NS = 1000000000 };
    if (!t->enable) return;
    const char *wrong = !t->address.n               ? "has no address"
                        : !mesh_is_host(t->address) ? "has an address that is neither a DNS name nor a number"
                        : t->port < 1               ? "has no port"
                                                    : NULL;
    if (wrong) {
        out->deny_inbound = true;
        diag_error(a, &out->diags, E_BAD_OBJECT,
                   "traffic.inboundExternalAuthorization %s: all HTTP calls are denied until it has", wrong);
        return;
    }
    out->authz = (struct mesh_authz){t->address, t->port, t->stat_prefix, t->timeout_ns, t->failure_mode_allow};
    if (!t->timeout_ns) out->authz.timeout_ns = DEFAULT_TIMEOUT_NS;
}

static void set_traffic(const struct traffic_settings *t, struct arena *a, struct mesh_settings *out)
{
    out->permissive = t->permissive;
    out->egress = t->enable_egress;
    out->outbound_ranges = t->out_ranges_exclude;
    out->outbound_include_ranges = t->out_ranges_include;
    out->interfaces = t->interfaces_exclude;
    out->outbound_ports = t->out_ports_exclude;
    out->inbound_ports = t->in_ports_exclude;
    set_authz(&t->ext_authz, a, out);
}

static void set_tracing(const struct tracing_settings *t, struct str system_ns, struct arena *a,
                        struct mesh_settings *out)
{
    if (!t->enable) return;
    struct str address = t->address.n ? t->address : str_fmt(a, "jaeger.%.*s.svc.cluster.local", STR_FMT(system_ns));
    if (!mesh_is_host(address)) {
        diag_error(a, &out->diags, E_BAD_OBJECT,
                   "observability.tracing.address %.*s is neither a DNS name nor an address: no traces are sent",
                   STR_FMT(address));
        return;
    }
    out->tracing = (struct mesh_tracing){.address = address,
                                         .port = t->port,
                                         .otlp = t->protocol == TRACING_OTLP,
                                         .endpoint = t->endpoint,
                                         .sampling = tracing_sampling(&t->sampling)};
}

/* Fields whose meaning went with the way the archived project worked: who sets them is told. */
static void remark_on_idle_fields(const struct mesh_config_spec *s, struct arena *a, struct mesh_settings *out)
{
    const struct {
        bool is_set;
        const char *field, *why;
    } idle[] = {
        {s->sidecar.resync_ns, "sidecar.configResyncInterval", "every change is pushed at once and acknowledged"},
        {s->sidecar.envoy_windows_image.n, "sidecar.envoyWindowsImage", "there are no sidecars on Windows"},
        {s->certificate.key_bits != 2048, "certificate.certKeyBitSize", "keys are ECDSA P-256, not RSA"},
        {s->features.multicluster, "featureFlags.enableMulticlusterMode", "there never was such a mode"},
        {s->features.snapshot_cache, "featureFlags.enableSnapshotCacheMode", "there is no such cache"},
        {s->features.async_mapping, "featureFlags.enableAsyncProxyServiceMapping", "it never had one"},
        {!s->features.ingress_policy, "featureFlags.enableIngressBackendPolicy",
         "it never had one; delete the IngressBackends"},
    };
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
        if (idle[i].is_set)
            diag_remark(a, &out->diags, E_NOT_ENFORCED, "%s has no effect: %s", idle[i].field, idle[i].why);
}

static void set_gateway(const struct ingress_certificate *i, struct arena *a, struct mesh_settings *out)
{
    out->gateway = (struct mesh_gateway){i->names.v[0], i->secret.ns, i->secret.name, i->validity_ns};
    if (i->names.n > 1)
        diag_remark(a, &out->diags, E_NOT_ENFORCED,
                    "certificate.ingressGateway.subjectAltNames: the certificate has the first name only");
    if (i->validity_ns >= MIN_CERTIFICATE_NS) return;
    out->gateway.validity_ns = MIN_CERTIFICATE_NS;
    diag_remark(a, &out->diags, E_BAD_OBJECT,
                "certificate.ingressGateway.validityDuration is below 10 minutes: 10 minutes are used");
}

static void set_rest(const struct mesh_config_spec *s, struct arena *a, struct mesh_settings *out)
{
    out->egress_policies = s->features.egress_policy;
    out->health_checks = s->features.health_checks;
    out->no_stats = !s->features.wasm_stats;
    out->retry = s->features.retry;
    out->certificate_ns =
        s->certificate.validity_ns < MIN_CERTIFICATE_NS ? MIN_CERTIFICATE_NS : s->certificate.validity_ns;
    if (s->certificate.validity_ns < MIN_CERTIFICATE_NS)
        diag_remark(a, &out->diags, E_BAD_OBJECT,
                    "certificate.serviceCertValidityDuration is below 10 minutes: 10 minutes are used");
    if (s->certificate.ingress) set_gateway(s->certificate.ingress, a, out);
    out->controller_log_level = s->observability.log_level;
    out->debug_server = s->observability.enable_debug_server;
}

void mesh_settings_of(const struct object *o, struct arena *a, struct mesh_settings *out)
{
    struct mesh_config installed = {0};
    const struct mesh_config *m = mesh_config_of(o);
    if (!m) mesh_config_installed(a, &installed);
    const struct mesh_config_spec *s = m ? &m->spec : &installed.spec;
    *out = (struct mesh_settings){0};
    set_tls(&s->sidecar, a, out);
    set_sidecar(&s->sidecar, out);
    set_traffic(&s->traffic, a, out);
    if (o) set_tracing(&s->observability.tracing, o->meta.ns, a, out);
    set_rest(s, a, out);
    remark_on_idle_fields(s, a, out);
}

static bool compute(struct cell *c, struct str key, struct arena *a, void *value)
{
    (void)key;
    const struct mesh_platform *p = mesh_platform(c);
    const struct object *o = store_get(c, KIND_MESH_CONFIG, key_of(a, p->system_ns, S(NAME_MESH_CONFIG)));
    struct mesh_settings *out = value;
    mesh_settings_of(o, a, out);
    if (!o && p->is_closed) out->permissive = out->egress = false;
    return true;
}
const struct cell_kind mesh_settings_cell = {"settings", &mesh_settings_table, compute};

const struct mesh_settings *mesh_settings_all(struct cell *c) { return sheet_read(c, &mesh_settings_cell, STR_NULL); }

/* What is left out here may change without a proxy's configuration being computed again. */
static bool compute_seen(struct cell *c, struct str key, struct arena *a, void *value)
{
    (void)key, (void)a;
    struct mesh_settings *out = value;
    *out = *mesh_settings_all(c);
    out->log_level = out->local_proxy_mode = out->image = out->init_image = STR_NULL;
    out->privileged_init = out->debug_server = false;
    out->resources = NULL;
    out->outbound_ranges = out->outbound_include_ranges = out->interfaces = (struct strs){0};
    out->outbound_ports = out->inbound_ports = (struct ints){0};
    out->max_proxies = out->certificate_ns = 0;
    out->gateway = (struct mesh_gateway){0};
    out->controller_log_level = STR_NULL;
    out->diags = (struct mesh_diags){0};
    return true;
}
static const struct cell_kind seen_cell = {"settings of proxies", &mesh_settings_table, compute_seen};

const struct mesh_settings *mesh_settings(struct cell *c) { return sheet_read(c, &seen_cell, STR_NULL); }
