/* mesh_config.h - config.openservicemesh.io MeshConfig: the mesh's settings (reference section 2.2). */
#pragma once
#include "kinds/common.h"

enum tls_version { TLS_AUTO, TLS_V1_0, TLS_V1_1, TLS_V1_2, TLS_V1_3 };
enum local_proxy_mode { PROXY_LOCALHOST, PROXY_POD_IP };

struct sidecar_settings {
    bool privileged_init; /* enablePrivilegedInitContainer */
    struct str log_level; /* Envoy's */
    struct str envoy_image, envoy_windows_image, init_image;
    int64_t max_connections;                /* maxDataPlaneConnections; 0: unlimited */
    int64_t resync_ns;                      /* configResyncInterval */
    json_t *resources;                      /* a container's resources, or NULL */
    int tls_min, tls_max;                   /* enum tls_version */
    struct strs cipher_suites, ecdh_curves; /* Envoy's names; empty: Envoy's choice */
    int local_proxy_mode;                   /* enum local_proxy_mode */
};
struct ext_authz_settings {
    bool enable, failure_mode_allow;
    struct str address, stat_prefix;
    int64_t port, timeout_ns;
};
struct traffic_settings {
    bool enable_egress, permissive; /* false when a MeshConfig does not say */
    struct strs out_ranges_exclude, out_ranges_include;
    struct ints out_ports_exclude, in_ports_exclude;
    struct strs interfaces_exclude;
    struct ext_authz_settings ext_authz;
};
enum tracing_protocol { TRACING_ZIPKIN, TRACING_OTLP };
struct tracing_settings {
    bool enable;
    int64_t port;
    struct str address, endpoint;
    int protocol;               /* enum tracing_protocol */
    struct int_or_str sampling; /* percent: 0 to 100, as text with up to two decimals */
};
struct observability_settings {
    struct str log_level; /* the control plane's */
    bool enable_debug_server;
    struct tracing_settings tracing;
};
struct ingress_certificate {
    struct strs names;
    int64_t validity_ns;
    struct {
        struct str name, ns;
    } secret;
};
struct certificate_settings {
    int64_t validity_ns; /* of workload certificates; below 10 minutes counts as 10 minutes */
    int64_t key_bits;
    struct ingress_certificate *ingress; /* NULL: none */
};
struct feature_flags {
    bool wasm_stats, egress_policy, multicluster, snapshot_cache, async_mapping, ingress_policy, health_checks, retry,
        mesh_root_certificate;
};
struct mesh_config_spec {
    struct sidecar_settings sidecar;
    struct traffic_settings traffic;
    struct observability_settings observability;
    struct certificate_settings certificate;
    struct feature_flags features;
};
struct mesh_config {
    struct mesh_config_spec spec;
};
/* samplingPercent in ten-thousandths; -1: no percentage. */
int64_t tracing_sampling(const struct int_or_str *percent);
KIND_ACCESSOR(mesh_config, KIND_MESH_CONFIG);
/* What holds where there is no MeshConfig: the defaults with egress and permissive mode on. |out| is zeroed. */
void mesh_config_installed(struct arena *a, struct mesh_config *out);
/* In place of one that cannot be used: says no to permissive mode and to egress, as without any the mesh would follow
 * defaults that nobody chose. |key| "NAMESPACE/NAME"; |path|: its file, or STR_NULL. A new reference. */
struct object *mesh_config_closed(struct arena *a, struct str key, struct str path);
