/* values.h - what an installation can be told: the values of `osm install --set` and of the Helm chart.
 *
 * The names are those of the archived project's chart, so that its users' settings keep working; a value that has
 * nothing to set here any more is taken and said to have no effect, an unknown one is refused. */
#pragma once
#include "base/field.h"

struct install_autoscale {
    bool enable;
    int64_t min, max;    /* replicas */
    int64_t cpu, memory; /* targetAverageUtilization in percent */
};
struct install_controller {
    int64_t replicas;
    json_t *resource; /* ResourceRequirements */
    struct kvs pod_labels;
    bool disruption_budget;
    struct install_autoscale autoscale;
    json_t *affinity, *node_selector, *tolerations; /* NULL: none */
};
struct install_image {
    struct str ref, pull_policy;
};
struct install_tracing {
    bool enable;
    struct str address, endpoint;
    int64_t port;
};
struct install_provider {
    struct str kind, validity;
    int64_t key_bits;
};
struct install_gateway_secret {
    struct str name, ns;
};
struct install_flags { /* MeshConfig spec.featureFlags */
    bool wasm_stats, egress_policy, ingress_policy, health_checks, retry;
};
struct install_osm {
    struct install_image image;
    json_t *pull_secrets; /* imagePullSecrets */
    struct str sidecar_image;
    struct install_controller controller;
    int64_t webhook_timeout_s; /* injector.webhookTimeoutSeconds */
    struct install_tracing tracing;
    struct str trust_domain, ca_secret;
    struct install_provider provider;
    struct install_gateway_secret gateway;
    bool debug_server, privileged_init, permissive, egress, single_mesh;
    struct str mesh, ns, webhook_prefix, validator_name;
    struct str envoy_log_level, controller_log_level, local_proxy_mode, resync, sidecar_order;
    int64_t max_connections;
    struct strs out_ranges_exclude, out_ranges_include, interfaces_exclude;
    struct ints out_ports_exclude, in_ports_exclude;
    struct strs pod_ranges, service_ranges;
    struct install_flags flags;
};
struct install_values {
    struct install_osm osm;
    bool validate_target; /* smi.validateTrafficTarget */
};
extern const struct table install_values_table;

/* Puts "a.b=c,d.e={x,y}" (Helm's syntax: commas between settings, a backslash before a comma that is text, braces for
 * lists, [0] for their items, null removes) into the tree |values|. A value reads as YAML's core schema does. False
 * with err that names the piece. */
MUST bool install_set(json_t *values, struct str text, struct err *err);
/* Lays |more| over |values|: mappings are merged, everything else replaced. */
void install_merge(json_t *values, const json_t *more);
/* A copy without the values that have no effect any more. */
json_t *install_effective(const json_t *values);
/* Decodes the tree. |remarks| (in |a|) get a sentence for each value that has no effect. False with err that says
 * everything that is wrong. */
MUST bool install_decode(const json_t *values, struct arena *a, struct install_values *out, struct strs *remarks,
                         struct err *err);
