/* pod_container.h - a container of a pod: what runs, with what, and how it is probed. */
#pragma once
#include "kinds/common.h"

/* One key of a ConfigMap or Secret. */
struct kube_key_ref {
    struct str name, key;
    bool optional;
};
struct kube_field_ref {
    struct str path; /* fieldPath, e.g. metadata.labels['app'] */
};
struct kube_resource_field_ref {
    struct str container, resource, divisor;
};
struct kube_env_source { /* exactly one */
    struct kube_field_ref *field;
    struct kube_key_ref *config_map, *secret;
    struct kube_resource_field_ref *resource;
};
struct kube_env_var {
    struct str name, value;
    struct kube_env_source *from; /* NULL: |value| holds; may refer to earlier ones as $(NAME) */
};
struct kube_env_object {
    struct str name;
    bool optional;
};
struct kube_env_from { /* exactly one */
    struct str prefix;
    struct kube_env_object *config_map, *secret;
};
struct kube_container_port {
    struct str name;
    int64_t port, host_port;
    int protocol; /* enum kube_ip_protocol of service.h */
};
struct kube_volume_mount {
    struct str name, path, sub_path, sub_path_expr, propagation;
    bool read_only;
};

struct kube_exec_action {
    struct strs command;
};
struct kube_http_header {
    struct str name, value;
};
enum kube_http_scheme { KUBE_SCHEME_HTTP, KUBE_SCHEME_HTTPS };
struct kube_http_action {
    struct str path, host;  /* host empty: the pod's address */
    struct int_or_str port; /* a name is one of the same container's ports */
    int scheme;             /* enum kube_http_scheme */
    LIST(struct kube_http_header) headers;
};
struct kube_tcp_action {
    struct str host;
    struct int_or_str port;
};
struct kube_grpc_action {
    int64_t port;
    struct str service;
};
struct kube_probe { /* exactly one of the four */
    struct kube_exec_action *exec;
    struct kube_http_action *http;
    struct kube_tcp_action *tcp;
    struct kube_grpc_action *grpc;
    int64_t initial_delay_s, period_s, timeout_s, success_threshold, failure_threshold;
    struct opt_int grace_period_s;
};
struct kube_sleep_action {
    int64_t seconds;
};
struct kube_lifecycle_handler { /* exactly one */
    struct kube_exec_action *exec;
    struct kube_http_action *http;
    struct kube_tcp_action *tcp;
    struct kube_sleep_action *sleep;
};
struct kube_lifecycle {
    struct kube_lifecycle_handler *post_start, *pre_stop;
    struct str stop_signal;
};
struct kube_capabilities {
    struct strs add, drop;
};
struct kube_container_security {
    struct opt_int run_as_user, run_as_group;
    int run_as_non_root, privileged, read_only_root, allow_escalation; /* enum tri */
    struct kube_capabilities capabilities;
};
struct kube_container {
    struct str name, image, working_dir, image_pull_policy;
    struct strs command, args;
    LIST(struct kube_env_from) env_from;
    LIST(struct kube_env_var) env;
    LIST(struct kube_container_port) ports;
    LIST(struct kube_volume_mount) mounts;
    struct kube_probe *liveness, *readiness, *startup;
    struct kube_lifecycle *lifecycle;
    struct kube_container_security security;
    json_t *resources;         /* {requests, limits} as written, or NULL */
    struct str restart_policy; /* "Always" in an init container: a native sidecar */
    struct str termination_message_path;
    bool is_tty, has_stdin;
};
extern const struct table kube_container_table;

static inline bool kube_container_is_sidecar(const struct kube_container *c)
{
    return str_is(c->restart_policy, "Always");
}
/* The number of a port given by number or by one of |c|'s port names; 0 when there is no such port. */
int64_t kube_container_port_of(const struct kube_container *c, struct int_or_str port);
