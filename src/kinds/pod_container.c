#include "kinds/pod_container.h"

/* Shorthand: every struct here is struct kube_<something>. */
#define F(T, m, name, type, ...)   FIELD(struct kube_##T, m, name, type, __VA_ARGS__)
#define T(name, type, fields, ...) TABLE(name, struct kube_##type, fields, __VA_ARGS__)

static const struct field key_ref_fields[] = {
    F(key_ref, name, "name", F_STR, .flags = FIELD_REQUIRED, .doc = "Name of the object."),
    F(key_ref, key, "key", F_STR, .flags = FIELD_REQUIRED, .doc = "The key in it."),
    F(key_ref, optional, "optional", F_BOOL, .doc = "Whether it may be absent."),
};
static const struct table key_ref_table =
    T("KeySelector", key_ref, key_ref_fields, .doc = "One key of a ConfigMap or Secret.");

static const struct field field_ref_fields[] = {
    F(field_ref, path, "fieldPath", F_STR, .flags = FIELD_REQUIRED,
      .doc = "Which field of the pod, for instance metadata.name."),
};
const struct table kube_field_ref_table =
    T("ObjectFieldSelector", field_ref, field_ref_fields, .doc = "A field of the pod itself.");

static const struct field resource_ref_fields[] = {
    F(resource_field_ref, container, "containerName", F_STR, .doc = "Which container."),
    F(resource_field_ref, resource, "resource", F_STR, .flags = FIELD_REQUIRED,
      .doc = "Which limit or request, for instance limits.memory."),
    F(resource_field_ref, divisor, "divisor", F_QUANTITY, .doc = "The unit."),
};
const struct table kube_resource_field_ref_table =
    T("ResourceFieldSelector", resource_field_ref, resource_ref_fields, .doc = "A limit or request of a container.");

static const struct field env_source_fields[] = {
    F(env_source, field, "fieldRef", F_OBJ, .sub = &kube_field_ref_table, .doc = "A field of the pod itself."),
    F(env_source, config_map, "configMapKeyRef", F_OBJ, .sub = &key_ref_table, .doc = "A key of a ConfigMap."),
    F(env_source, secret, "secretKeyRef", F_OBJ, .sub = &key_ref_table, .doc = "A key of a Secret."),
    F(env_source, resource, "resourceFieldRef", F_OBJ, .sub = &kube_resource_field_ref_table,
      .doc = "A limit or request of a container."),
};
static const struct table env_source_table =
    T("EnvVarSource", env_source, env_source_fields, .doc = "Where a value comes from.");

static const struct field env_fields[] = {
    F(env_var, name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY, .doc = "Name of the variable."),
    F(env_var, value, "value", F_STR, .doc = "Its value; $(NAME) stands for an earlier variable."),
    F(env_var, from, "valueFrom", F_OBJ, .sub = &env_source_table, .doc = "Where the value comes from."),
};
static const struct table env_table = T("EnvVar", env_var, env_fields, .doc = "An environment variable.");

static const struct field env_object_fields[] = {
    F(env_object, name, "name", F_STR, .flags = FIELD_REQUIRED, .doc = "Name of the object."),
    F(env_object, optional, "optional", F_BOOL, .doc = "Whether it may be absent."),
};
static const struct table env_object_table =
    T("EnvSource", env_object, env_object_fields, .doc = "All keys of a ConfigMap or Secret.");

static const struct field env_from_fields[] = {
    F(env_from, prefix, "prefix", F_STR, .doc = "Put in front of every key."),
    F(env_from, config_map, "configMapRef", F_OBJ, .sub = &env_object_table, .doc = "A ConfigMap."),
    F(env_from, secret, "secretRef", F_OBJ, .sub = &env_object_table, .doc = "A Secret."),
};
static const struct table env_from_table =
    T("EnvFromSource", env_from, env_from_fields, .doc = "Environment variables from all keys of an object.");

static const char *const protocols[] = {"TCP", "UDP", "SCTP", NULL};
static const struct field port_fields[] = {
    F(container_port, name, "name", F_STR, .doc = "Name that probes and Services use."),
    F(container_port, port, "containerPort", F_INT, .flags = FIELD_REQUIRED, .min = 1, .max = 65535,
      .doc = "The port."),
    F(container_port, host_port, "hostPort", F_INT, .min = 0, .max = 65535, .doc = "The same on the node."),
    F(container_port, protocol, "protocol", F_ENUM, .names = protocols, .doc = "TCP, UDP or SCTP."),
};
static const struct table port_table =
    T("ContainerPort", container_port, port_fields, .doc = "A port on which the container listens.");

static const struct field mount_fields[] = {
    F(volume_mount, name, "name", F_STR, .flags = FIELD_REQUIRED, .doc = "The volume."),
    F(volume_mount, path, "mountPath", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
      .doc = "Where it appears in the container."),
    F(volume_mount, sub_path, "subPath", F_STR, .doc = "Only this file or directory of it."),
    F(volume_mount, sub_path_expr, "subPathExpr", F_STR, .doc = "The same, with $(NAME) for environment variables."),
    F(volume_mount, propagation, "mountPropagation", F_STR, .doc = "Whether mounts made later are seen."),
    F(volume_mount, read_only, "readOnly", F_BOOL, .doc = "Whether it cannot be written."),
};
static const struct table mount_table = T("VolumeMount", volume_mount, mount_fields, .doc = "A volume in a container.");

static const struct field exec_fields[] = {
    F(exec_action, command, "command", F_STRS, .doc = "The program and its arguments."),
};
static const struct table exec_table =
    T("ExecAction", exec_action, exec_fields, .doc = "A program run in the container.");

static const struct field header_fields[] = {
    F(http_header, name, "name", F_STR, .flags = FIELD_REQUIRED, .doc = "Name of the header."),
    F(http_header, value, "value", F_STR, .doc = "Its value."),
};
static const struct table header_table = T("HTTPHeader", http_header, header_fields, .doc = "A header of the request.");

static const char *const schemes[] = {"HTTP", "HTTPS", NULL};
static const struct field http_fields[] = {
    F(http_action, path, "path", F_STR, .doc = "Path of the request."),
    F(http_action, host, "host", F_STR, .doc = "Host to call; the pod when absent."),
    F(http_action, port, "port", F_INT_OR_STR, .flags = FIELD_REQUIRED, .min = 1, .max = 65535,
      .doc = "The port, by number or by name."),
    F(http_action, scheme, "scheme", F_ENUM, .names = schemes, .doc = "HTTP or HTTPS."),
    F(http_action, headers, "httpHeaders", F_LIST, .sub = &header_table, .doc = "Headers of the request."),
};
static const struct table http_table = T("HTTPGetAction", http_action, http_fields, .doc = "An HTTP request.");

static const struct field tcp_fields[] = {
    F(tcp_action, host, "host", F_STR, .doc = "Host to call; the pod when absent."),
    F(tcp_action, port, "port", F_INT_OR_STR, .flags = FIELD_REQUIRED, .min = 1, .max = 65535,
      .doc = "The port, by number or by name."),
};
static const struct table tcp_table = T("TCPSocketAction", tcp_action, tcp_fields, .doc = "A TCP connection.");

static const struct field grpc_fields[] = {
    F(grpc_action, port, "port", F_INT, .flags = FIELD_REQUIRED, .min = 1, .max = 65535, .doc = "The port."),
    F(grpc_action, service, "service", F_STR, .doc = "The service to ask after."),
};
static const struct table grpc_table = T("GRPCAction", grpc_action, grpc_fields, .doc = "A gRPC health check.");

static const struct field probe_fields[] = {
    F(probe, exec, "exec", F_OBJ, .sub = &exec_table, .doc = "A program run in the container."),
    F(probe, http, "httpGet", F_OBJ, .sub = &http_table, .doc = "An HTTP request."),
    F(probe, tcp, "tcpSocket", F_OBJ, .sub = &tcp_table, .doc = "A TCP connection."),
    F(probe, grpc, "grpc", F_OBJ, .sub = &grpc_table, .doc = "A gRPC health check."),
    F(probe, initial_delay_s, "initialDelaySeconds", F_INT, .max = INT32_MAX, .doc = "Seconds before the first."),
    F(probe, period_s, "periodSeconds", F_INT, .max = INT32_MAX, .def = "10", .doc = "Seconds between two."),
    F(probe, timeout_s, "timeoutSeconds", F_INT, .max = INT32_MAX, .def = "1",
      .doc = "Seconds after which one has failed."),
    F(probe, success_threshold, "successThreshold", F_INT, .max = INT32_MAX, .def = "1",
      .doc = "Successes in a row that count."),
    F(probe, failure_threshold, "failureThreshold", F_INT, .max = INT32_MAX, .def = "3",
      .doc = "Failures in a row that count."),
    F(probe, grace_period_s, "terminationGracePeriodSeconds", F_OPT_INT, .max = INT32_MAX,
      .doc = "Seconds to end in after it failed; the pod's when absent."),
};

static void check_one_action(int n, const char *what, struct arena *a, struct problems *out)
{
    if (n != 1) problem_add(a, out, true, NULL, S(""), "must have exactly one of %s", what);
}

static void check_probe(const void *v, struct arena *a, struct problems *out)
{
    const struct kube_probe *p = v;
    check_one_action(!!p->exec + !!p->http + !!p->tcp + !!p->grpc, "exec, httpGet, tcpSocket and grpc", a, out);
}
static const struct table probe_table =
    T("Probe", probe, probe_fields, .check = check_probe, .doc = "How a container's state is found out.");

static const struct field sleep_fields[] = {
    F(sleep_action, seconds, "seconds", F_INT, .max = INT32_MAX, .doc = "How long."),
};
static const struct table sleep_table = T("SleepAction", sleep_action, sleep_fields, .doc = "Waiting.");

static const struct field handler_fields[] = {
    F(lifecycle_handler, exec, "exec", F_OBJ, .sub = &exec_table, .doc = "A program run in the container."),
    F(lifecycle_handler, http, "httpGet", F_OBJ, .sub = &http_table, .doc = "An HTTP request."),
    F(lifecycle_handler, tcp, "tcpSocket", F_OBJ, .sub = &tcp_table, .doc = "A TCP connection."),
    F(lifecycle_handler, sleep, "sleep", F_OBJ, .sub = &sleep_table, .doc = "Waiting."),
};

static void check_handler(const void *v, struct arena *a, struct problems *out)
{
    const struct kube_lifecycle_handler *h = v;
    check_one_action(!!h->exec + !!h->http + !!h->tcp + !!h->sleep, "exec, httpGet, tcpSocket and sleep", a, out);
}
static const struct table handler_table =
    T("LifecycleHandler", lifecycle_handler, handler_fields, .check = check_handler,
      .doc = "What is done at a moment of a container's life.");

static const struct field lifecycle_fields[] = {
    F(lifecycle, post_start, "postStart", F_OBJ, .sub = &handler_table, .doc = "After it started."),
    F(lifecycle, pre_stop, "preStop", F_OBJ, .sub = &handler_table, .doc = "Before it is told to end."),
    F(lifecycle, stop_signal, "stopSignal", F_STR, .doc = "The signal that tells it to end; SIGTERM when absent."),
};
static const struct table lifecycle_table =
    T("Lifecycle", lifecycle, lifecycle_fields, .doc = "What is done around a container's life.");

static const struct field capability_fields[] = {
    F(capabilities, add, "add", F_STRS, .doc = "Those it gets, for instance NET_ADMIN, or ALL."),
    F(capabilities, drop, "drop", F_STRS, .doc = "Those it does not get, or ALL."),
};
static const struct table capability_table =
    T("Capabilities", capabilities, capability_fields, .doc = "Rights of root, one by one.");

static const struct field security_fields[] = {
    F(container_security, run_as_user, "runAsUser", F_OPT_INT, .max = INT32_MAX, .doc = "The user id."),
    F(container_security, run_as_group, "runAsGroup", F_OPT_INT, .max = INT32_MAX, .doc = "The group id."),
    F(container_security, run_as_non_root, "runAsNonRoot", F_TRI, .doc = "Whether running as root is refused."),
    F(container_security, privileged, "privileged", F_TRI, .doc = "Whether it may do everything."),
    F(container_security, read_only_root, "readOnlyRootFilesystem", F_TRI,
      .doc = "Whether it cannot write outside its volumes."),
    F(container_security, allow_escalation, "allowPrivilegeEscalation", F_TRI,
      .doc = "Whether programs in it may gain rights."),
    F(container_security, capabilities, "capabilities", F_INLINE, .sub = &capability_table,
      .doc = "Rights of root, one by one."),
};
static const struct table security_table =
    T("SecurityContext", container_security, security_fields, .doc = "What a container may do.");

static const struct field container_fields[] = {
    F(container, name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY, .doc = "Name of the container."),
    F(container, image, "image", F_STR, .doc = "The image to run."),
    F(container, image_pull_policy, "imagePullPolicy", F_STR, .doc = "When the image is fetched."),
    F(container, working_dir, "workingDir", F_STR, .doc = "Directory to start in."),
    F(container, command, "command", F_STRS, .doc = "The program; the image's when absent."),
    F(container, args, "args", F_STRS, .doc = "Its arguments; the image's when absent."),
    F(container, env_from, "envFrom", F_LIST, .sub = &env_from_table,
      .doc = "Environment variables from all keys of objects."),
    F(container, env, "env", F_LIST, .sub = &env_table, .doc = "Environment variables."),
    F(container, ports, "ports", F_LIST, .sub = &port_table, .doc = "Ports on which it listens."),
    F(container, mounts, "volumeMounts", F_LIST, .sub = &mount_table, .doc = "Volumes in it."),
    F(container, liveness, "livenessProbe", F_OBJ, .sub = &probe_table, .doc = "It is restarted when this fails."),
    F(container, readiness, "readinessProbe", F_OBJ, .sub = &probe_table, .doc = "It is not called while this fails."),
    F(container, startup, "startupProbe", F_OBJ, .sub = &probe_table, .doc = "The other probes wait for this."),
    F(container, lifecycle, "lifecycle", F_OBJ, .sub = &lifecycle_table, .doc = "What is done around its life."),
    F(container, security, "securityContext", F_INLINE, .sub = &security_table, .doc = "What it may do."),
    F(container, resources, "resources", F_JSON, .doc = "Limits and requests."),
    F(container, restart_policy, "restartPolicy", F_STR, .doc = "Always makes an init container a sidecar."),
    F(container, termination_message_path, "terminationMessagePath", F_STR, .doc = "File with its last words."),
    F(container, is_tty, "tty", F_BOOL, .doc = "Whether it gets a terminal."),
    F(container, has_stdin, "stdin", F_BOOL, .doc = "Whether it gets an input."),
};
const struct table kube_container_table = T("Container", container, container_fields, .doc = "A program of the pod.");

int64_t kube_container_port_of(const struct kube_container *c, struct int_or_str port)
{
    if (port.s.n == 0) return port.i;
    for (each(p, c->ports))
        if (str_eq(p->name, port.s)) return p->port;
    return 0;
}
