#include "kinds/pod.h"

#define F(T, m, name, type, ...)   FIELD(struct kube_##T, m, name, type, __VA_ARGS__)
#define T(name, type, fields, ...) TABLE(name, struct kube_##type, fields, __VA_ARGS__)

static const struct field alias_fields[] = {
    F(host_alias, ip, "ip", F_STR, .flags = FIELD_REQUIRED, .doc = "The address."),
    F(host_alias, hostnames, "hostnames", F_STRS, .doc = "Its names."),
};
static const struct table alias_table =
    T("HostAlias", host_alias, alias_fields, .doc = "A line in the pod's /etc/hosts.");

static const struct field sysctl_fields[] = {
    F(sysctl, name, "name", F_STR, .flags = FIELD_REQUIRED, .doc = "The kernel's name of it."),
    F(sysctl, value, "value", F_STR, .flags = FIELD_REQUIRED, .doc = "Its value."),
};
static const struct table sysctl_table =
    T("Sysctl", sysctl, sysctl_fields, .doc = "A setting of the pod's kernel namespaces.");

static const struct field security_fields[] = {
    F(pod_security, run_as_user, "runAsUser", F_OPT_INT, .max = INT32_MAX, .doc = "The user id of all containers."),
    F(pod_security, run_as_group, "runAsGroup", F_OPT_INT, .max = INT32_MAX, .doc = "The group id of all containers."),
    F(pod_security, fs_group, "fsGroup", F_OPT_INT, .max = INT32_MAX, .doc = "The group that owns the volumes."),
    F(pod_security, supplemental_groups, "supplementalGroups", F_INTS, .max = INT32_MAX, .doc = "Further groups."),
    F(pod_security, run_as_non_root, "runAsNonRoot", F_TRI, .doc = "Whether running as root is refused."),
    F(pod_security, sysctls, "sysctls", F_LIST, .sub = &sysctl_table, .doc = "Settings of the kernel namespaces."),
};
static const struct table security_table =
    T("PodSecurityContext", pod_security, security_fields, .doc = "What the pod may do.");

static const struct field dns_option_fields[] = {
    F(dns_option, name, "name", F_STR, .doc = "The option."),
    F(dns_option, value, "value", F_STR, .doc = "Its value."),
};
static const struct table dns_option_table =
    T("PodDNSConfigOption", dns_option, dns_option_fields, .doc = "An option of the resolver.");
static const struct field dns_fields[] = {
    F(dns_config, nameservers, "nameservers", F_STRS, .doc = "Further name servers."),
    F(dns_config, searches, "searches", F_STRS, .doc = "Further search domains."),
    F(dns_config, options, "options", F_LIST, .sub = &dns_option_table, .doc = "Options of the resolver."),
};
static const struct table dns_table = T("PodDNSConfig", dns_config, dns_fields, .doc = "How the pod resolves names.");

static const struct field gate_fields[] = {
    F(readiness_gate, condition_type, "conditionType", F_STR, .flags = FIELD_REQUIRED,
      .doc = "A condition that must be True."),
};
static const struct table gate_table =
    T("PodReadinessGate", readiness_gate, gate_fields, .doc = "A further condition of readiness.");

static const char *const policies[] = {"Always", "OnFailure", "Never", NULL};
static const struct field spec_fields[] = {
    F(pod_spec, init_containers, "initContainers", F_LIST, .sub = &kube_container_table,
      .doc = "Run one after the other before the containers; sidecars with restartPolicy Always stay."),
    F(pod_spec, containers, "containers", F_LIST, .sub = &kube_container_table,
      .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY, .doc = "The programs of the pod."),
    F(pod_spec, volumes, "volumes", F_LIST, .sub = &kube_volume_table, .doc = "Files for containers."),
    F(pod_spec, restart_policy, "restartPolicy", F_ENUM, .names = policies, .doc = "Always, OnFailure or Never."),
    F(pod_spec, service_account_name, "serviceAccountName", F_STR, .doc = "The pod's identity; default when absent."),
    F(pod_spec, service_account, "serviceAccount", F_STR, .doc = "The older name of serviceAccountName."),
    F(pod_spec, hostname, "hostname", F_STR, .doc = "Its host name; the pod's name when absent."),
    F(pod_spec, subdomain, "subdomain", F_STR, .doc = "The headless Service below which it has a name."),
    F(pod_spec, node_name, "nodeName", F_STR, .doc = "The node it runs on."),
    F(pod_spec, dns_policy, "dnsPolicy", F_STR, .doc = "ClusterFirst, Default or None."),
    F(pod_spec, dns_config, "dnsConfig", F_INLINE, .sub = &dns_table, .doc = "How it resolves names."),
    F(pod_spec, host_network, "hostNetwork", F_BOOL,
      .doc = "Whether it shares the node's network; such a pod is never in the mesh."),
    F(pod_spec, share_process_namespace, "shareProcessNamespace", F_BOOL,
      .doc = "Whether its containers see each other's processes."),
    F(pod_spec, host_aliases, "hostAliases", F_LIST, .sub = &alias_table, .doc = "Lines for /etc/hosts."),
    F(pod_spec, grace_period_s, "terminationGracePeriodSeconds", F_INT, .max = INT32_MAX, .def = "30",
      .doc = "Seconds between being told to end and being killed."),
    F(pod_spec, active_deadline_s, "activeDeadlineSeconds", F_OPT_INT, .max = INT32_MAX,
      .doc = "Seconds after which it has failed."),
    F(pod_spec, security, "securityContext", F_INLINE, .sub = &security_table, .doc = "What it may do."),
    F(pod_spec, automount_token, "automountServiceAccountToken", F_TRI, .doc = "Whether it gets a token unasked."),
    F(pod_spec, enable_service_links, "enableServiceLinks", F_TRI,
      .doc = "Whether it gets environment variables for Services."),
    F(pod_spec, readiness_gates, "readinessGates", F_LIST, .sub = &gate_table,
      .doc = "Further conditions of readiness."),
};

static void check_one_mount(const struct kube_pod_spec *s, const struct kube_container *c, const char *list, size_t i,
                            struct arena *a, struct problems *out)
{
    for (size_t m = 0; m < c->mounts.n; m++) {
        struct str name = c->mounts.v[m].name;
        bool found = false;
        for (each(v, s->volumes)) found |= str_eq(v->name, name);
        if (found) continue;
        struct str path = str_fmt(a, "%s[%zu].volumeMounts[%zu].name", list, i, m);
        problem_add(a, out, true, NULL, path, "there is no volume \"%.*s\"; add it under volumes", STR_FMT(name));
    }
}

static void check_spec(const void *v, struct arena *a, struct problems *out)
{
    const struct kube_pod_spec *s = v;
    for (size_t i = 0; i < s->init_containers.n; i++)
        check_one_mount(s, &s->init_containers.v[i], "initContainers", i, a, out);
    for (size_t i = 0; i < s->containers.n; i++) {
        check_one_mount(s, &s->containers.v[i], "containers", i, a, out);
        for (size_t j = 0; j < i; j++)
            if (str_eq(s->containers.v[i].name, s->containers.v[j].name))
                problem_add(a, out, true, NULL, str_fmt(a, "containers[%zu].name", i), "two containers have this name");
    }
}
const struct table kube_pod_spec_table =
    T("PodSpec", pod_spec, spec_fields, .check = check_spec, .doc = "What is wanted.");

/* ---- status ---------------------------------------------------------------------------------------------- */

static const struct field ip_fields[] = {F(pod_ip, ip, "ip", F_STR, .doc = "An address of the pod.")};
static const struct table ip_table = T("PodIP", pod_ip, ip_fields, .doc = "An address of the pod.");

static const struct field waiting_fields[] = {
    F(container_waiting, reason, "reason", F_STR, .doc = "One word why."),
    F(container_waiting, message, "message", F_STR, .doc = "A sentence why."),
};
static const struct table waiting_table =
    T("ContainerStateWaiting", container_waiting, waiting_fields, .doc = "Not started.");
static const struct field running_fields[] = {
    F(container_running, started_at, "startedAt", F_TIME, .doc = "Since when."),
};
static const struct table running_table =
    T("ContainerStateRunning", container_running, running_fields, .doc = "Running.");
static const struct field terminated_fields[] = {
    F(container_terminated, exit_code, "exitCode", F_INT, .doc = "Its exit code."),
    F(container_terminated, signal, "signal", F_INT, .doc = "The signal that ended it."),
    F(container_terminated, started_at, "startedAt", F_TIME, .doc = "When it began."),
    F(container_terminated, finished_at, "finishedAt", F_TIME, .doc = "When it ended."),
    F(container_terminated, reason, "reason", F_STR, .doc = "One word why."),
    F(container_terminated, message, "message", F_STR, .doc = "Its last words."),
};
static const struct table terminated_table =
    T("ContainerStateTerminated", container_terminated, terminated_fields, .doc = "Ended.");
static const struct field state_fields[] = {
    F(container_state, waiting, "waiting", F_OBJ, .sub = &waiting_table, .doc = "Not started."),
    F(container_state, running, "running", F_OBJ, .sub = &running_table, .doc = "Running."),
    F(container_state, terminated, "terminated", F_OBJ, .sub = &terminated_table, .doc = "Ended."),
};
static const struct table state_table =
    T("ContainerState", container_state, state_fields, .doc = "What a container is doing.");

static const struct field container_status_fields[] = {
    F(container_status, name, "name", F_STR, .flags = FIELD_REQUIRED, .doc = "The container."),
    F(container_status, image, "image", F_STR, .doc = "Its image."),
    F(container_status, image_id, "imageID", F_STR, .doc = "Exactly which."),
    F(container_status, container_id, "containerID", F_STR, .doc = "The runtime's name for it."),
    F(container_status, ready, "ready", F_BOOL, .doc = "Whether it may be called."),
    F(container_status, started, "started", F_TRI, .doc = "Whether its startup probe has succeeded."),
    F(container_status, restart_count, "restartCount", F_INT, .doc = "How often it was started again."),
    F(container_status, state, "state", F_INLINE, .sub = &state_table, .doc = "What it is doing."),
    F(container_status, last_state, "lastState", F_INLINE, .sub = &state_table, .doc = "How it ended last."),
};
static const struct table container_status_table =
    T("ContainerStatus", container_status, container_status_fields, .doc = "A container's state.");

static const char *const phases[] = {"", "Pending", "Running", "Succeeded", "Failed", "Unknown", NULL};
static const struct field status_fields[] = {
    F(pod_status, phase, "phase", F_ENUM, .names = phases, .doc = "Pending, Running, Succeeded, Failed or Unknown."),
    F(pod_status, pod_ip, "podIP", F_STR, .doc = "Its address."),
    F(pod_status, pod_ips, "podIPs", F_LIST, .sub = &ip_table, .doc = "All its addresses, the primary first."),
    F(pod_status, host_ip, "hostIP", F_STR, .doc = "Its node's address."),
    F(pod_status, reason, "reason", F_STR, .doc = "One word why."),
    F(pod_status, message, "message", F_STR, .doc = "A sentence why."),
    F(pod_status, start_time, "startTime", F_TIME, .doc = "When it was taken on."),
    F(pod_status, conditions, "conditions", F_LIST, .sub = &kube_condition_table, .doc = "Aspects of its state."),
    F(pod_status, init_containers, "initContainerStatuses", F_LIST, .sub = &container_status_table,
      .doc = "Its init containers' states."),
    F(pod_status, containers, "containerStatuses", F_LIST, .sub = &container_status_table,
      .doc = "Its containers' states."),
};
const struct table kube_pod_status_table = T("PodStatus", pod_status, status_fields, .doc = "What is.");

static const struct field fields[] = {
    F(pod, spec, "spec", F_INLINE, .sub = &kube_pod_spec_table, .flags = FIELD_REQUIRED, .doc = "What is wanted."),
    F(pod, status, "status", F_INLINE, .sub = &kube_pod_status_table, .doc = "What is."),
};
const struct table kube_pod_table =
    T("Pod", pod, fields, .flags = TABLE_OPEN, .doc = "Containers that live and end together and share an address.");

struct str kube_pod_service_account(const struct kube_pod *p)
{
    if (p->spec.service_account_name.n) return p->spec.service_account_name;
    return p->spec.service_account.n ? p->spec.service_account : S("default");
}

bool kube_pod_condition(const struct kube_pod *p, struct str type)
{
    for (each(c, p->status.conditions))
        if (str_eq(c->type, type)) return str_is(c->status, "True");
    return false;
}

struct strs kube_pod_addresses(const struct kube_pod *p, struct arena *a)
{
    struct strs out = {0};
    for (each(ip, p->status.pod_ips)) list_push(a, &out, ip->ip);
    if (out.n == 0 && p->status.pod_ip.n) list_push(a, &out, p->status.pod_ip);
    return out;
}
