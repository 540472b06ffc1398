/* The one list of kinds; everything else asks it. */
#include "kinds/config_map.h"
#include "kinds/daemon_set.h"
#include "kinds/deployment.h"
#include "kinds/egress.h"
#include "kinds/endpoint_slice.h"
#include "kinds/extension_service.h"
#include "kinds/http_route_group.h"
#include "kinds/ingress_backend.h"
#include "kinds/job.h"
#include "kinds/mesh_config.h"
#include "kinds/mesh_root_certificate.h"
#include "kinds/namespace.h"
#include "kinds/persistent_volume_claim.h"
#include "kinds/pod.h"
#include "kinds/retry.h"
#include "kinds/secret.h"
#include "kinds/service.h"
#include "kinds/service_account.h"
#include "kinds/stateful_set.h"
#include "kinds/tcp_route.h"
#include "kinds/telemetry.h"
#include "kinds/traffic_split.h"
#include "kinds/traffic_target.h"
#include "kinds/upstream_traffic_setting.h"

#define CONFIG "config.openservicemesh.io"
#define POLICY "policy.openservicemesh.io"
#define LATER  (KIND_MESH | KIND_NOT_ENFORCED)
#define K(name, plural, short_name, group, flags, t, ...)                                                              \
    {                                                                                                                  \
        name, plural, short_name, group, {__VA_ARGS__}, flags, &t##_table                                              \
    }

static const struct kind_info kinds[KIND_COUNT] = {
    [KIND_NAMESPACE] = K("Namespace", "namespaces", "ns", "", KIND_CLUSTER_SCOPED, kube_namespace, "v1"),
    [KIND_SERVICE_ACCOUNT] = K("ServiceAccount", "serviceaccounts", "sa", "", 0, kube_service_account, "v1"),
    [KIND_CONFIG_MAP] = K("ConfigMap", "configmaps", "cm", "", 0, kube_config_map, "v1"),
    [KIND_SECRET] = K("Secret", "secrets", NULL, "", 0, kube_secret, "v1"),
    [KIND_SERVICE] = K("Service", "services", "svc", "", 0, kube_service, "v1"),
    [KIND_ENDPOINT_SLICE] =
        K("EndpointSlice", "endpointslices", NULL, "discovery.k8s.io", 0, kube_endpoint_slice, "v1"),
    [KIND_POD] = K("Pod", "pods", "po", "", KIND_KEEP_RAW, kube_pod, "v1"),
    [KIND_DEPLOYMENT] = K("Deployment", "deployments", "deploy", "apps", KIND_KEEP_RAW, kube_deployment, "v1"),
    [KIND_STATEFUL_SET] = K("StatefulSet", "statefulsets", "sts", "apps", KIND_KEEP_RAW, kube_stateful_set, "v1"),
    [KIND_DAEMON_SET] = K("DaemonSet", "daemonsets", "ds", "apps", KIND_KEEP_RAW, kube_daemon_set, "v1"),
    [KIND_JOB] = K("Job", "jobs", NULL, "batch", KIND_KEEP_RAW, kube_job, "v1"),
    [KIND_PERSISTENT_VOLUME_CLAIM] =
        K("PersistentVolumeClaim", "persistentvolumeclaims", "pvc", "", 0, kube_persistent_volume_claim, "v1"),
    [KIND_MESH_CONFIG] =
        K("MeshConfig", "meshconfigs", "meshconfig", CONFIG, KIND_MESH, mesh_config, "v1alpha2", "v1alpha1"),
    [KIND_MESH_ROOT_CERTIFICATE] =
        K("MeshRootCertificate", "meshrootcertificates", "mrc", CONFIG, LATER, mesh_root_certificate, "v1alpha2"),
    [KIND_EXTENSION_SERVICE] =
        K("ExtensionService", "extensionservices", "extsvc", CONFIG, KIND_MESH, extension_service, "v1alpha2"),
    [KIND_TRAFFIC_TARGET] =
        K("TrafficTarget", "traffictargets", "tt", "access.smi-spec.io", KIND_MESH, traffic_target, "v1alpha3"),
    [KIND_HTTP_ROUTE_GROUP] =
        K("HTTPRouteGroup", "httproutegroups", "htr", "specs.smi-spec.io", KIND_MESH, http_route_group, "v1alpha4"),
    [KIND_TCP_ROUTE] = K("TCPRoute", "tcproutes", "tr", "specs.smi-spec.io", KIND_MESH, tcp_route, "v1alpha4"),
    [KIND_TRAFFIC_SPLIT] =
        K("TrafficSplit", "trafficsplits", "ts", "split.smi-spec.io", KIND_MESH, traffic_split, "v1alpha2"),
    [KIND_EGRESS] = K("Egress", "egresses", NULL, POLICY, KIND_MESH, egress, "v1alpha1"),
    [KIND_INGRESS_BACKEND] =
        K("IngressBackend", "ingressbackends", NULL, POLICY, KIND_MESH, ingress_backend, "v1alpha1"),
    [KIND_RETRY] = K("Retry", "retries", NULL, POLICY, KIND_MESH, retry, "v1alpha1"),
    [KIND_UPSTREAM_TRAFFIC_SETTING] = K("UpstreamTrafficSetting", "upstreamtrafficsettings", NULL, POLICY, KIND_MESH,
                                        upstream_traffic_setting, "v1alpha1"),
    [KIND_TELEMETRY] = K("Telemetry", "telemetries", NULL, POLICY, KIND_MESH, telemetry, "v1alpha1"),
};

const struct kind_info *kind_info(enum kind k) { return &kinds[k]; }

static bool has_version(const struct kind_info *i, struct str version)
{
    for (size_t v = 0; v < sizeof i->versions / sizeof *i->versions && i->versions[v]; v++)
        if (str_is(version, i->versions[v])) return true;
    return false;
}

bool kind_find(struct str api_version, struct str kind, enum kind *out)
{
    ptrdiff_t slash = str_find(api_version, '/');
    struct str group = slash < 0 ? S("") : str_sub(api_version, 0, (size_t)slash);
    struct str version = str_sub(api_version, (size_t)(slash + 1), api_version.n);
    for (int k = 0; k < KIND_COUNT; k++)
        if (str_is(kind, kinds[k].name) && str_is(group, kinds[k].group) && has_version(&kinds[k], version)) {
            *out = (enum kind)k;
            return true;
        }
    return false;
}

bool kind_lookup(struct str word, enum kind *out)
{
    for (int k = 0; k < KIND_COUNT; k++) {
        const struct kind_info *i = &kinds[k];
        bool is_short = i->short_name && str_eq_nocase(word, str_of(i->short_name));
        if (is_short || str_eq_nocase(word, str_of(i->name)) || str_eq_nocase(word, str_of(i->plural))) {
            *out = (enum kind)k;
            return true;
        }
    }
    return false;
}
