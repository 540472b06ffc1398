/* pod.h - v1 Pod, as far as a pod runner and a mesh read it. object.raw has the whole. */
#pragma once
#include "kinds/pod_container.h"
#include "kinds/pod_volume.h"

enum kube_restart_policy { KUBE_RESTART_ALWAYS, KUBE_RESTART_ON_FAILURE, KUBE_RESTART_NEVER };
enum kube_pod_phase {
    KUBE_POD_PHASE_NONE,
    KUBE_POD_PENDING,
    KUBE_POD_RUNNING,
    KUBE_POD_SUCCEEDED,
    KUBE_POD_FAILED,
    KUBE_POD_UNKNOWN
};

struct kube_host_alias {
    struct str ip;
    struct strs hostnames;
};
struct kube_sysctl {
    struct str name, value;
};
struct kube_pod_security {
    struct opt_int run_as_user, run_as_group, fs_group;
    struct ints supplemental_groups;
    int run_as_non_root; /* enum tri */
    LIST(struct kube_sysctl) sysctls;
};
struct kube_dns_option {
    struct str name, value;
};
struct kube_dns_config {
    struct strs nameservers, searches;
    LIST(struct kube_dns_option) options;
};
struct kube_readiness_gate {
    struct str condition_type;
};
struct kube_pod_spec {
    LIST(struct kube_container) init_containers; /* restart_always: native sidecars */
    LIST(struct kube_container) containers;
    LIST(struct kube_volume) volumes;
    int restart_policy;                               /* enum kube_restart_policy */
    struct str service_account_name, service_account; /* see kube_pod_service_account */
    struct str hostname, subdomain, node_name, dns_policy;
    struct kube_dns_config dns_config;
    bool host_network, share_process_namespace;
    LIST(struct kube_host_alias) host_aliases;
    int64_t grace_period_s; /* terminationGracePeriodSeconds */
    struct opt_int active_deadline_s;
    struct kube_pod_security security;
    int automount_token, enable_service_links; /* enum tri */
    LIST(struct kube_readiness_gate) readiness_gates;
};
struct kube_pod_ip {
    struct str ip;
};
struct kube_container_waiting {
    struct str reason, message;
};
struct kube_container_running {
    int64_t started_at;
};
struct kube_container_terminated {
    int64_t exit_code, signal, started_at, finished_at;
    struct str reason, message;
};
struct kube_container_state { /* at most one */
    struct kube_container_waiting *waiting;
    struct kube_container_running *running;
    struct kube_container_terminated *terminated;
};
struct kube_container_status {
    struct str name, image, image_id, container_id;
    bool ready;
    int started; /* enum tri */
    int64_t restart_count;
    struct kube_container_state state, last_state;
};
struct kube_pod_status {
    int phase; /* enum kube_pod_phase */
    struct str pod_ip, host_ip, reason, message;
    LIST(struct kube_pod_ip) pod_ips;
    LIST(struct kube_condition) conditions;
    LIST(struct kube_container_status) init_containers, containers;
    int64_t start_time;
};
struct kube_pod {
    struct kube_pod_spec spec;
    struct kube_pod_status status;
};
KIND_ACCESSOR(kube_pod, KIND_POD);
extern const struct table kube_pod_spec_table, kube_pod_status_table;

/* serviceAccountName, else the deprecated serviceAccount, else "default". */
struct str kube_pod_service_account(const struct kube_pod *p);
/* Is the condition |type| of status "True"? */
bool kube_pod_condition(const struct kube_pod *p, struct str type);
/* Did it end for good (Succeeded or Failed)? Its address may already be somebody else's. */
static inline bool kube_pod_is_finished(const struct kube_pod *p)
{
    return p->status.phase == KUBE_POD_SUCCEEDED || p->status.phase == KUBE_POD_FAILED;
}
/* podIPs, else podIP; the primary first. In |a| (the texts are the pod's own). */
struct strs kube_pod_addresses(const struct kube_pod *p, struct arena *a);
