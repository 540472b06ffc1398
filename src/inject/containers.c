/* containers.c - the capture container, the sidecar and their volumes. */
#include "base/list.h"
#include "base/names.h"
#include "inject/internal.h"

json_t *inject_string(struct str s) { return json_stringn(s.p ? s.p : "", s.n); }

static json_t *field_env(const char *name, const char *field)
{
    return json_pack("{s:s, s:{s:{s:s, s:s}}}", "name", name, "valueFrom", "fieldRef", "apiVersion", "v1", "fieldPath",
                     field);
}

static json_t *text_env(const char *name, json_t *value)
{
    return json_pack("{s:s, s:o}", "name", name, "value", value);
}

static void set_resources(json_t *container, const struct inject_settings *set)
{
    if (json_object_size(set->resources)) json_object_set_new(container, "resources", json_deep_copy(set->resources));
}

static void add_arg(json_t *command, const char *flag, struct str value)
{
    if (!value.n) return;
    json_array_append_new(command, json_string(flag));
    json_array_append_new(command, inject_string(value));
}

static json_t *capture_command(const struct inject_settings *set, const struct capture_lists *lists, struct arena *a)
{
    json_t *c = json_pack("[s, s]", "osm", "capture");
    add_arg(c, "--exclude-outbound-ports", str_join(a, lists->outbound_ports, S(",")));
    add_arg(c, "--exclude-inbound-ports", str_join(a, lists->inbound_ports, S(",")));
    add_arg(c, "--exclude-outbound-ranges", str_join(a, lists->outbound_ranges, S(",")));
    add_arg(c, "--include-outbound-ranges", str_join(a, lists->outbound_include_ranges, S(",")));
    add_arg(c, "--exclude-interfaces", str_join(a, set->interfaces, S(",")));
    add_arg(c, "--local-proxy-mode", set->local_proxy_mode.n ? set->local_proxy_mode : S("Localhost"));
    add_arg(c, "--pod-ip", S("$(POD_IP)"));
    return c;
}

json_t *inject_capture_container(const struct inject_settings *set, const struct capture_lists *lists, struct arena *a)
{
    struct str image = set->init_image.n ? set->init_image : set->image;
    /* The API server refuses privileged together with allowPrivilegeEscalation: false. */
    json_t *context =
        json_pack("{s:b, s:b, s:i, s:i, s:b, s:b, s:{s:[s], s:[s]}}", "privileged", set->privileged_init,
                  "allowPrivilegeEscalation", set->privileged_init, "runAsUser", 0, "runAsGroup", 0, "runAsNonRoot", 0,
                  "readOnlyRootFilesystem", 1, "capabilities", "drop", "ALL", "add", "NET_ADMIN");
    json_t *c = json_pack("{s:s, s:o, s:s, s:o, s:[o], s:o}", "name", CONTAINER_CAPTURE, "image", inject_string(image),
                          "imagePullPolicy", "IfNotPresent", "command", capture_command(set, lists, a), "env",
                          field_env("POD_IP", "status.podIP"), "securityContext", context);
    set_resources(c, set);
    return c;
}

/* The name without its last "-part", when that part is |last| (empty: any part of only digits). */
static struct str without_suffix(struct str name, struct str last)
{
    ptrdiff_t dash = str_rfind(name, '-');
    if (dash <= 0) return STR_NULL;
    struct str part = str_sub(name, (size_t)dash + 1, name.n);
    int64_t number;
    bool fits = last.n ? str_eq(part, last) : str_to_i64(part, 0, INT64_MAX, &number) && part.n >= 8;
    return fits ? str_sub(name, 0, (size_t)dash) : STR_NULL;
}

/* Who made the pod, as statistics should name it: a ReplicaSet's Deployment, a Job's CronJob, or the pod itself. */
static void workload_of(const json_t *pod, struct str *kind, struct str *name)
{
    const json_t *meta = json_object_get(pod, "metadata"), *owner;
    size_t i;
    *kind = S("Pod");
    *name = json_text(meta, "name");
    json_array_foreach(json_object_get(meta, "ownerReferences"), i, owner)
    {
        if (!json_is_true(json_object_get(owner, "controller"))) continue;
        *kind = json_text(owner, "kind");
        *name = json_text(owner, "name");
    }
    struct str hash = json_text(json_object_get(meta, "labels"), "pod-template-hash"), shorter = STR_NULL;
    bool is_job = str_is(*kind, "Job");
    if (is_job || (str_is(*kind, "ReplicaSet") && hash.n)) shorter = without_suffix(*name, is_job ? STR_NULL : hash);
    if (!shorter.n) return;
    *kind = is_job ? S("CronJob") : S("Deployment");
    *name = shorter;
}

static json_t *sidecar_env(const json_t *pod, const struct inject_settings *set, const json_t *probes)
{
    struct str kind, name;
    workload_of(pod, &kind, &name);
    json_t *env =
        json_pack("[o, o, o, o, o, o]", field_env("POD_UID", "metadata.uid"), field_env("POD_NAME", "metadata.name"),
                  field_env("POD_NAMESPACE", "metadata.namespace"), field_env("POD_IP", "status.podIP"),
                  field_env("SERVICE_ACCOUNT", "spec.serviceAccountName"),
                  field_env("OSM_ZONE", "metadata.labels['" LABEL_ZONE "']"));
    json_array_append_new(env, text_env("WORKLOAD_KIND", inject_string(kind)));
    /* With generateName the pod's name is not known yet. */
    json_array_append_new(env, name.n ? text_env("WORKLOAD_NAME", inject_string(name))
                                      : field_env("WORKLOAD_NAME", "metadata.name"));
    json_array_append_new(
        env, text_env("OSM_ENVOY_LOG_LEVEL", inject_string(set->log_level.n ? set->log_level : S("error"))));
    if (json_array_size(probes)) {
        char *text = json_dumps(probes, JSON_COMPACT | JSON_SORT_KEYS);
        json_array_append_new(env, text_env("OSM_PROBES", json_string(text)));
        free(text);
    }
    return env;
}

static json_t *port_of(const char *name, int port)
{
    return json_pack("{s:s, s:i, s:s}", "name", name, "containerPort", port, "protocol", "TCP");
}

static json_t *sidecar_ports(unsigned types)
{
    json_t *ports = json_pack("[o, o, o]", port_of("proxy-admin", PORT_ENVOY_ADMIN),
                              port_of("proxy-inbound", PORT_INBOUND), port_of("proxy-metrics", PORT_METRICS));
    for (size_t t = 0; t < PROBE_TYPES; t++)
        if (types & 1u << t)
            json_array_append_new(ports, port_of(inject_probe_types[t].port_name, inject_probe_types[t].port));
    return ports;
}

static json_t *sidecar_command(const struct inject_settings *set)
{
    json_t *c = json_pack("[s, s]", "osm", "agent");
    add_arg(c, "--controller", set->controller);
    add_arg(c, "--token", S(DIR_TOKEN "/token"));
    add_arg(c, "--trust", S(DIR_TRUST));
    add_arg(c, "--drain", set->drain);
    return c;
}

/* All that the restricted pod security standard asks for, so that the pod's own context does not matter. */
static json_t *sidecar_context(void)
{
    return json_pack("{s:b, s:b, s:b, s:i, s:i, s:b, s:{s:[s]}, s:{s:s}}", "privileged", 0, "allowPrivilegeEscalation",
                     0, "runAsNonRoot", 1, "runAsUser", UID_SIDECAR, "runAsGroup", UID_SIDECAR,
                     "readOnlyRootFilesystem", 1, "capabilities", "drop", "ALL", "seccompProfile", "type",
                     "RuntimeDefault");
}

/* The containers behind it start when this succeeds: one second steps, two minutes at most. */
static json_t *sidecar_startup_probe(void)
{
    return json_pack("{s:{s:s, s:i, s:s}, s:i, s:i, s:i}", "httpGet", "path", "/ready", "port", PORT_HEALTHCHECK,
                     "scheme", "HTTP", "periodSeconds", 1, "timeoutSeconds", 1, "failureThreshold", 120);
}

/* The same without a startup probe that others wait for: a kubelet starts the next container when this hook is over. */
static json_t *sidecar_gate(void)
{
    return json_pack("{s:{s:{s:[s, s, s]}}}", "postStart", "exec", "command", "osm", "agent", "wait");
}

json_t *inject_sidecar_container(const json_t *pod, const struct inject_settings *set, const json_t *probes,
                                 unsigned ports)
{
    json_t *mounts = json_pack("[{s:s, s:s}, {s:s, s:s, s:b}, {s:s, s:s, s:b}]", "name", "osm-sidecar", "mountPath",
                               DIR_SIDECAR, "name", "osm-token", "mountPath", DIR_TOKEN, "readOnly", 1, "name",
                               "osm-trust", "mountPath", DIR_TRUST, "readOnly", 1);
    json_t *c = json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "name", CONTAINER_SIDECAR, "image",
                          inject_string(set->image), "imagePullPolicy", "IfNotPresent", "command", sidecar_command(set),
                          "env", sidecar_env(pod, set, probes), "ports", sidecar_ports(ports), "volumeMounts", mounts,
                          "securityContext", sidecar_context());
    if (set->is_classic) {
        json_object_set_new(c, "lifecycle", sidecar_gate());
    } else {
        json_object_set_new(c, "restartPolicy", json_string("Always"));
        json_object_set_new(c, "startupProbe", sidecar_startup_probe());
    }
    set_resources(c, set);
    return c;
}

json_t *inject_sidecar_volumes(void)
{
    json_t *token =
        json_pack("{s:s, s:i, s:s}", "audience", NAME_TOKEN_AUDIENCE, "expirationSeconds", 3600, "path", "token");
    return json_pack("[{s:s, s:{s:s}}, {s:s, s:{s:[{s:o}]}}, {s:s, s:{s:s}}]", "name", "osm-sidecar", "emptyDir",
                     "medium", "Memory", "name", "osm-token", "projected", "sources", "serviceAccountToken", token,
                     "name", "osm-trust", "configMap", "name", "osm-trust");
}
