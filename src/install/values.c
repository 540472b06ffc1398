#include "install/values.h"

#include "base/names.h"

#define OSM             struct install_osm
#define CTL             struct install_controller
#define RANGES(m, n, d) FIELD(OSM, m, n, F_STRS, .flags = FIELD_CIDR, .doc = d)

static const char *const pull_policies[] = {"Always", "IfNotPresent", "Never", NULL};
static const char *const orders[] = {"auto", "native", "classic", NULL};
static const char *const modes[] = {"Localhost", "PodIP", NULL};
static const char *const providers[] = {"tresor", NULL};
static const char *const envoy_levels[] = {"trace", "debug",    "info", "warning", "warn",
                                           "error", "critical", "off",  NULL};
static const char *const log_levels[] = {"disabled", "panic", "fatal", "error", "warn", "info", "debug", "trace", NULL};

static const struct field image_fields[] = {
    FIELD(struct install_image, ref, "ref", F_STR,
          .doc = "The image of osm, with tag or digest; it is also the sidecar's. Required (`osm install --image`)."),
    FIELD(struct install_image, pull_policy, "pullPolicy", F_STR, .names = pull_policies, .def = "IfNotPresent",
          .doc = "When the image is pulled."),
};
static const struct table image_table =
    TABLE("image", struct install_image, image_fields, .doc = "The image of the control plane.");

static const struct field autoscale_fields[] = {
    FIELD(struct install_autoscale, enable, "enable", F_BOOL, .doc = "Whether a HorizontalPodAutoscaler is made."),
    FIELD(struct install_autoscale, min, "minReplicas", F_INT, .min = 1, .max = 100, .def = "1", .doc = "At least."),
    FIELD(struct install_autoscale, max, "maxReplicas", F_INT, .min = 1, .max = 100, .def = "5", .doc = "At most."),
    FIELD(struct install_autoscale, cpu, "cpu", F_INT, .min = 1, .max = 100, .def = "80", .doc = "Percent of CPU."),
    FIELD(struct install_autoscale, memory, "memory", F_INT, .min = 1, .max = 100, .def = "80",
          .doc = "Percent of memory."),
};
static const struct table autoscale_table =
    TABLE("autoScale", struct install_autoscale, autoscale_fields, .doc = "Replicas by load.");

static const struct field controller_fields[] = {
    FIELD(CTL, replicas, "replicaCount", F_INT, .min = 1, .max = 100, .def = "1", .doc = "Replicas."),
    FIELD(CTL, resource, "resource", F_JSON,
          .doc = "Requests and limits, laid over 0.1 CPU and 64M, at most 1.5 CPU and 1G."),
    FIELD(CTL, pod_labels, "podLabels", F_MAP, .doc = "Further labels of its pods."),
    FIELD(CTL, disruption_budget, "enablePodDisruptionBudget", F_BOOL, .doc = "At least one replica stays."),
    FIELD(CTL, autoscale, "autoScale", F_INLINE, .sub = &autoscale_table, .doc = "Replicas by load."),
    FIELD(CTL, affinity, "affinity", F_JSON, .doc = "Affinity of its pods; replicas avoid one node."),
    FIELD(CTL, node_selector, "nodeSelector", F_JSON, .doc = "Labels of the nodes for its pods."),
    FIELD(CTL, tolerations, "tolerations", F_JSON, .doc = "Tolerations of its pods."),
};
static const struct table controller_table =
    TABLE("osmController", CTL, controller_fields, .doc = "The control plane.");

static const struct field tracing_fields[] = {
    FIELD(struct install_tracing, enable, "enable", F_BOOL, .doc = "MeshConfig observability.tracing.enable."),
    FIELD(struct install_tracing, address, "address", F_STR, .doc = "MeshConfig observability.tracing.address."),
    FIELD(struct install_tracing, port, "port", F_INT, .min = 1, .max = 65535, .def = "9411",
          .doc = "MeshConfig observability.tracing.port."),
    FIELD(struct install_tracing, endpoint, "endpoint", F_STR, .def = "/api/v2/spans",
          .doc = "MeshConfig observability.tracing.endpoint."),
};
static const struct table tracing_table =
    TABLE("tracing", struct install_tracing, tracing_fields, .doc = "Where spans go.");

static const struct field provider_fields[] = {
    FIELD(struct install_provider, kind, "kind", F_STR, .names = providers, .def = "tresor",
          .doc = "Who signs certificates: tresor, the built-in CA."),
    FIELD(struct install_provider, validity, "serviceCertValidityDuration", F_STR, .def = "24h",
          .doc = "MeshConfig certificate.serviceCertValidityDuration."),
    FIELD(struct install_provider, key_bits, "certKeyBitSize", F_INT, .min = 2048, .max = 4096, .def = "2048",
          .doc = "MeshConfig certificate.certKeyBitSize."),
};
static const struct table provider_table =
    TABLE("certificateProvider", struct install_provider, provider_fields, .doc = "Certificates.");

static const struct field gateway_fields[] = {
    FIELD(struct install_gateway_secret, name, "name", F_STR, .doc = "Name of the Secret."),
    FIELD(struct install_gateway_secret, ns, "namespace", F_STR, .doc = "Its namespace."),
};
static const struct table gateway_table =
    TABLE("ingressGatewaySecret", struct install_gateway_secret, gateway_fields,
          .doc = "The Secret of MeshConfig certificate.ingressGateway, which the controller is then allowed to write.");

#define FLAG(m, n, d, t) FIELD(struct install_flags, m, n, F_BOOL, .def = d, .doc = t)
static const struct field flag_fields[] = {
    FLAG(wasm_stats, "enableWASMStats", "true", "Request metrics by workload."),
    FLAG(egress_policy, "enableEgressPolicy", "true", "Egress policies."),
    FLAG(ingress_policy, "enableIngressBackendPolicy", "true", "Always on."),
    FLAG(health_checks, "enableEnvoyActiveHealthChecks", "false", "Sidecars probe each other."),
    FLAG(retry, "enableRetryPolicy", "false", "Retry policies."),
};
static const struct table flag_table =
    TABLE("featureFlags", struct install_flags, flag_fields, .flags = TABLE_OPEN, .doc = "MeshConfig featureFlags.");

static const struct field injector_fields[] = {
    FIELD(OSM, webhook_timeout_s, "webhookTimeoutSeconds", F_INT, .min = 1, .max = 30, .def = "20",
          .doc = "How long the API server waits for the webhooks."),
};
static const struct table injector_table =
    TABLE("injector", OSM, injector_fields, .flags = TABLE_OPEN, .doc = "Injection; it is part of the one Deployment.");
static const struct field validator_fields[] = {
    FIELD(OSM, validator_name, "webhookConfigurationName", F_STR,
          .doc = "Name of the ValidatingWebhookConfiguration; osm-validator-mesh-<mesh>."),
};
static const struct table validator_table =
    TABLE("validatorWebhook", OSM, validator_fields, .doc = "Validation; it is part of the one Deployment.");

static const struct field osm_fields[] = {
    FIELD(OSM, image, "image", F_INLINE, .sub = &image_table, .doc = "The image."),
    FIELD(OSM, pull_secrets, "imagePullSecrets", F_JSON, .doc = "Secrets for pulling it."),
    FIELD(OSM, sidecar_image, "sidecarImage", F_STR, .doc = "Another image, with osm and envoy, for sidecars."),
    FIELD(OSM, sidecar_order, "sidecarOrder", F_STR, .names = orders, .def = "auto",
          .doc =
              "How sidecars start before the pod's containers: native (an init container that stays, Kubernetes 1.29), "
              "classic (the first container, which holds up the others), or auto: by the API server's version. "
              "Nodes older than 1.29 under a newer server need classic."),
    FIELD(OSM, controller, "osmController", F_INLINE, .sub = &controller_table, .doc = "The control plane."),
    {.name = "injector", .type = F_INLINE, .sub = &injector_table, .doc = "Injection."},
    {.name = "validatorWebhook", .type = F_INLINE, .sub = &validator_table, .doc = "Validation."},
    FIELD(OSM, tracing, "tracing", F_INLINE, .sub = &tracing_table, .doc = "Where spans go."),
    FIELD(OSM, trust_domain, "trustDomain", F_STR, .flags = FIELD_NOT_EMPTY, .def = NAME_TRUST_DOMAIN,
          .doc = "Trust domain of identities."),
    FIELD(OSM, ca_secret, "caBundleSecretName", F_STR, .flags = FIELD_NOT_EMPTY, .def = "osm-ca-bundle",
          .doc = "Secret of the built-in CA."),
    FIELD(OSM, provider, "certificateProvider", F_INLINE, .sub = &provider_table, .doc = "Certificates."),
    FIELD(OSM, gateway, "ingressGatewaySecret", F_INLINE, .sub = &gateway_table,
          .doc = "Secret of the ingress gateway."),
    FIELD(OSM, debug_server, "enableDebugServer", F_BOOL, .doc = "MeshConfig observability.enableDebugServer."),
    FIELD(OSM, privileged_init, "enablePrivilegedInitContainer", F_BOOL,
          .doc = "MeshConfig sidecar.enablePrivilegedInitContainer."),
    FIELD(OSM, permissive, "enablePermissiveTrafficPolicy", F_BOOL, .def = "true",
          .doc = "MeshConfig traffic.enablePermissiveTrafficPolicyMode."),
    FIELD(OSM, egress, "enableEgress", F_BOOL, .def = "true", .doc = "MeshConfig traffic.enableEgress."),
    FIELD(OSM, single_mesh, "enforceSingleMesh", F_BOOL, .def = "true", .doc = "Refuse a second mesh in the cluster."),
    FIELD(OSM, mesh, "meshName", F_STR, .pattern = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", .def = NAME_MESH,
          .doc = "The mesh's name."),
    FIELD(OSM, ns, "osmNamespace", F_STR, .pattern = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", .def = NAME_SYSTEM_NAMESPACE,
          .doc = "The control plane's namespace."),
    FIELD(OSM, webhook_prefix, "webhookConfigNamePrefix", F_STR, .flags = FIELD_NOT_EMPTY, .def = "osm-webhook",
          .doc = "The MutatingWebhookConfiguration is named <prefix>-<mesh>."),
    FIELD(OSM, envoy_log_level, "envoyLogLevel", F_STR, .names = envoy_levels, .def = "error",
          .doc = "MeshConfig sidecar.logLevel."),
    FIELD(OSM, controller_log_level, "controllerLogLevel", F_STR, .names = log_levels, .def = "info",
          .doc = "MeshConfig observability.osmLogLevel."),
    FIELD(OSM, local_proxy_mode, "localProxyMode", F_STR, .names = modes, .def = "Localhost",
          .doc = "MeshConfig sidecar.localProxyMode."),
    FIELD(OSM, max_connections, "maxDataPlaneConnections", F_INT, .min = 0, .max = INT32_MAX,
          .doc = "MeshConfig sidecar.maxDataPlaneConnections."),
    FIELD(OSM, resync, "configResyncInterval", F_STR, .def = "0s", .doc = "MeshConfig sidecar.configResyncInterval."),
    RANGES(out_ranges_exclude, "outboundIPRangeExclusionList", "MeshConfig traffic.outboundIPRangeExclusionList."),
    RANGES(out_ranges_include, "outboundIPRangeInclusionList", "MeshConfig traffic.outboundIPRangeInclusionList."),
    FIELD(OSM, out_ports_exclude, "outboundPortExclusionList", F_INTS, .min = 1, .max = 65535,
          .doc = "MeshConfig traffic.outboundPortExclusionList."),
    FIELD(OSM, in_ports_exclude, "inboundPortExclusionList", F_INTS, .min = 1, .max = 65535,
          .doc = "MeshConfig traffic.inboundPortExclusionList."),
    FIELD(OSM, interfaces_exclude, "networkInterfaceExclusionList", F_STRS,
          .doc = "MeshConfig traffic.networkInterfaceExclusionList."),
    RANGES(pod_ranges, "podRanges", "The cluster's pod addresses, where the nodes do not say them."),
    RANGES(service_ranges, "serviceRanges", "The cluster's Service addresses, where the API does not say them."),
    FIELD(OSM, flags, "featureFlags", F_INLINE, .sub = &flag_table, .doc = "MeshConfig featureFlags."),
};
static const struct table osm_table = TABLE("osm", OSM, osm_fields, .flags = TABLE_STRICT, .doc = "The mesh.");

static const struct field smi_fields[] = {
    FIELD(struct install_values, validate_target, "validateTrafficTarget", F_BOOL, .def = "true",
          .doc = "Whether TrafficTargets are validated when they are written."),
};
static const struct table smi_table =
    TABLE("smi", struct install_values, smi_fields, .flags = TABLE_STRICT, .doc = "SMI.");

static const struct field value_fields[] = {
    FIELD(struct install_values, osm, "osm", F_INLINE, .sub = &osm_table, .doc = "The mesh."),
    {.name = "smi", .type = F_INLINE, .sub = &smi_table, .doc = "SMI."},
};
const struct table install_values_table = TABLE("Values", struct install_values, value_fields, .flags = TABLE_STRICT,
                                                .doc = "What an installation can be told.");

/* ---- values that set nothing any more -------------------------------------------------------------------- */

static const struct {
    const char *path, *why;
} gone[] = {
    {"contour", "an ingress gateway is installed for itself"},
    {"osm.osmBootstrap", "there is no such component: the controller does its work"},
    {"osm.injector", "but webhookTimeoutSeconds: injection is part of the controller"},
    {"osm.deployPrometheus", "no Prometheus is installed"},
    {"osm.deployGrafana", "no Grafana is installed"},
    {"osm.deployJaeger", "no Jaeger is installed"},
    {"osm.enableFluentbit", "no Fluent Bit is installed"},
    {"osm.fluentBit", "no Fluent Bit is installed"},
    {"osm.prometheus", "no Prometheus is installed"},
    {"osm.grafana", "no Grafana is installed"},
    {"osm.curlImage", "nothing waits by curl"},
    {"osm.sidecarWindowsImage", "Windows pods are not in the mesh"},
    {"osm.enableReconciler", "the controller keeps its webhooks as they must be by itself"},
    {"osm.controlPlaneTolerations", "osm.osmController.tolerations is for them all"},
    {"osm.preinstall", "there is no such job"},
    {"osm.cleanup", "there is no such job"},
    {"osm.image.registry", "osm.image.ref names the image"},
    {"osm.image.tag", "osm.image.ref names the image"},
    {"osm.image.name", "osm.image.ref names the image"},
    {"osm.image.digest", "osm.image.ref names the image"},
    {"osm.featureFlags.enableMulticlusterMode", "it never had an effect"},
    {"osm.featureFlags.enableAsyncProxyServiceMapping", "it never had an effect"},
    {"osm.featureFlags.enableSnapshotCacheMode", "there is one way of serving proxies"},
    {"osm.featureFlags.enableSPIFFE", "identities always are SPIFFE ids"},
};

static json_t *parent_of(json_t *values, const char *path, const char **last)
{
    struct str rest = str_of(path);
    json_t *at = values;
    for (;;) {
        struct str piece = str_cut(&rest, '.');
        *last = piece.p;
        if (!rest.p || !json_is_object(at)) return at;
        char name[64];
        snprintf(name, sizeof name, "%.*s", STR_FMT(piece));
        at = json_object_get(at, name);
    }
}

/* Takes them out, so that what remains unknown is a mistake. */
static void take_gone(json_t *values, struct arena *a, struct strs *remarks)
{
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        const char *last;
        json_t *parent = parent_of(values, gone[i].path, &last);
        json_t *there = json_object_get(parent, last), *timeout = NULL;
        if (!there) continue;
        bool is_injector = strcmp(gone[i].path, "osm.injector") == 0;
        if (is_injector) timeout = json_incref(json_object_get(there, "webhookTimeoutSeconds"));
        if (!is_injector || json_object_size(there) > (timeout ? 1 : 0))
            list_push(a, remarks, str_fmt(a, "%s has no effect: %s", gone[i].path, gone[i].why));
        json_object_del(parent, last);
        if (timeout) json_object_set_new(parent, last, json_pack("{s:o}", "webhookTimeoutSeconds", timeout));
    }
}

json_t *install_effective(const json_t *values)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs ignored = {0};
    json_t *copy = json_deep_copy(values);
    take_gone(copy, a, &ignored);
    return copy;
}

static struct str all_errors(struct arena *a, struct problems probs)
{
    struct strs all = {0};
    for (each(p, probs))
        if (p->is_error) list_push(a, &all, str_fmt(a, "%.*s: %.*s", STR_FMT(p->path), STR_FMT(p->text)));
    return str_join(a, all, S("; "));
}

bool install_decode(const json_t *values, struct arena *a, struct install_values *out, struct strs *remarks,
                    struct err *err)
{
    struct problems probs = {0};
    json_t *copy = json_deep_copy(values);
    take_gone(copy, a, remarks);
    struct node *n = node_of_json(a, copy, err);
    json_decref(copy);
    *out = (struct install_values){0};
    if (!n) return false;
    if (table_decode(&install_values_table, n, S(""), a, out, &probs)) return true;
    struct str text = all_errors(a, probs);
    return err_set(err, "%.*s", STR_FMT(text));
}
