/* control_plane.c - Services, the one Deployment, and what keeps its replicas. */
#include "base/names.h"
#include "install/internal.h"

static json_t *app_label(void) { return json_pack("{s:s}", "app", INSTALL_ACCOUNT); }

/* ---- Services -------------------------------------------------------------------------------------------- */

static json_t *port(const char *name, int number)
{
    return json_pack("{s:s, s:i, s:i, s:s}", "name", name, "port", number, "targetPort", number, "protocol", "TCP");
}

static void add_service(struct render *r, const char *name, json_t *ports)
{
    json_t *s = render_add(r, "v1", "Service", r->o->ns, str_of(name));
    render_set(s, "spec", json_pack("{s:s, s:o, s:o}", "type", "ClusterIP", "ports", ports, "selector", app_label()));
}

static void add_services(struct render *r)
{
    add_service(r, "osm-controller", json_pack("[o, o]", port("xds", PORT_XDS), port("http", PORT_CONTROLLER_HTTP)));
    add_service(r, "osm-injector", json_pack("[o]", port("injector", PORT_INJECTOR)));
    add_service(r, "osm-validator", json_pack("[o]", port("validator", PORT_VALIDATOR)));
}

/* ---- the container --------------------------------------------------------------------------------------- */

static void add_flag(json_t *args, const char *flag, struct str value)
{
    if (!value.n) return;
    json_array_append_new(args, json_string(flag));
    json_array_append_new(args, render_str(value));
}

static json_t *command(const struct render *r)
{
    const struct install_osm *o = r->o;
    json_t *c = json_pack("[s, s, s, s]", "osm", "controller", "--state", "/tmp/osm");
    add_flag(c, "--mesh-name", o->mesh);
    add_flag(c, "--osm-namespace", o->ns);
    add_flag(c, "--trust-domain", o->trust_domain);
    add_flag(c, "--ca-bundle-secret-name", o->ca_secret);
    add_flag(c, "--webhook-config-name", install_mutating_name(r->a, r->v));
    add_flag(c, "--validator-webhook-config", install_validating_name(r->a, r->v));
    add_flag(c, "--sidecar-image", o->image.ref);
    add_flag(c, "--sidecar-order", o->sidecar_order);
    add_flag(c, "--pod-range", str_join(r->a, o->pod_ranges, S(",")));
    add_flag(c, "--service-range", str_join(r->a, o->service_ranges, S(",")));
    return c;
}

static json_t *field_env(const char *name, const char *path)
{
    return json_pack("{s:s, s:{s:{s:s, s:s}}}", "name", name, "valueFrom", "fieldRef", "apiVersion", "v1", "fieldPath",
                     path);
}

static json_t *probe(const char *path, int period_s)
{
    return json_pack("{s:{s:s, s:i, s:s}, s:i, s:i, s:i, s:i}", "httpGet", "path", path, "port", PORT_CONTROLLER_HTTP,
                     "scheme", "HTTP", "initialDelaySeconds", 1, "timeoutSeconds", 5, "periodSeconds", period_s,
                     "failureThreshold", 3);
}

static json_t *container_port(const char *name, int number)
{
    return json_pack("{s:s, s:i, s:s}", "name", name, "containerPort", number, "protocol", "TCP");
}

static json_t *container_context(void)
{
    return json_pack("{s:b, s:b, s:b, s:{s:[s]}, s:{s:s}}", "allowPrivilegeEscalation", 0, "readOnlyRootFilesystem", 1,
                     "runAsNonRoot", 1, "capabilities", "drop", "ALL", "seccompProfile", "type", "RuntimeDefault");
}

/* What is given is laid over the defaults, as Helm does. */
static json_t *resources(const struct install_controller *c)
{
    json_t *r = json_pack("{s:{s:s, s:s}, s:{s:s, s:s}}", "limits", "cpu", "1.5", "memory", "1G", "requests", "cpu",
                          "0.1", "memory", "64M");
    if (c->resource) install_merge(r, c->resource);
    return r;
}

static json_t *container(const struct render *r)
{
    const struct install_osm *o = r->o;
    json_t *c = json_pack("{s:s, s:o, s:o, s:o}", "name", INSTALL_ACCOUNT, "image", render_str(o->image.ref),
                          "imagePullPolicy", render_str(o->image.pull_policy), "command", command(r));
    render_set(c, "ports",
               json_pack("[o, o, o, o]", container_port("xds", PORT_XDS), container_port("http", PORT_CONTROLLER_HTTP),
                         container_port("injector", PORT_INJECTOR), container_port("validator", PORT_VALIDATOR)));
    render_set(c, "env",
               json_pack("[o, o]", field_env("POD_NAME", "metadata.name"), field_env("POD_UID", "metadata.uid")));
    render_set(c, "readinessProbe", probe("/health/ready", 2));
    render_set(c, "livenessProbe", probe("/health/alive", 10));
    render_set(c, "resources", resources(&o->controller));
    render_set(c, "securityContext", container_context());
    render_set(c, "volumeMounts", json_pack("[{s:s, s:s}]", "name", "tmp", "mountPath", "/tmp"));
    return c;
}

/* ---- the Deployment -------------------------------------------------------------------------------------- */

static json_t *anti_affinity(void)
{
    return json_pack("{s:{s:[{s:i, s:{s:{s:o}, s:s}}]}}", "podAntiAffinity",
                     "preferredDuringSchedulingIgnoredDuringExecution", "weight", 100, "podAffinityTerm",
                     "labelSelector", "matchLabels", app_label(), "topologyKey", "kubernetes.io/hostname");
}

static json_t *pod_labels(const struct render *r)
{
    json_t *l = json_pack("{s:s, s:o}", "app", INSTALL_ACCOUNT, "meshName", render_str(r->o->mesh));
    for (size_t i = 0; i < r->o->controller.pod_labels.n; i++) {
        struct kv *kv = &r->o->controller.pod_labels.v[i];
        json_object_set_new(l, str_fmt(r->a, "%.*s", STR_FMT(kv->key)).p, render_str(kv->value));
    }
    return l;
}

static void set_if(json_t *o, const char *key, json_t *value)
{
    if (json_object_size(value) || json_array_size(value)) render_set(o, key, json_deep_copy(value));
}

static json_t *pod_spec(const struct render *r)
{
    const struct install_controller *c = &r->o->controller;
    json_t *context = json_pack("{s:b, s:i, s:i, s:i, s:{s:s}}", "runAsNonRoot", 1, "runAsUser", 1000, "runAsGroup",
                                3000, "fsGroup", 2000, "seccompProfile", "type", "RuntimeDefault");
    json_t *s = json_pack("{s:s, s:s, s:i, s:o, s:[o]}", "serviceAccountName", INSTALL_ACCOUNT, "priorityClassName",
                          "system-cluster-critical", "terminationGracePeriodSeconds", 30, "securityContext", context,
                          "containers", container(r));
    render_set(s, "volumes", json_pack("[{s:s, s:{}}]", "name", "tmp", "emptyDir"));
    if (json_object_size(c->affinity))
        render_set(s, "affinity", json_deep_copy(c->affinity));
    else
        render_set(s, "affinity", anti_affinity());
    set_if(s, "nodeSelector", c->node_selector);
    set_if(s, "tolerations", c->tolerations);
    set_if(s, "imagePullSecrets", r->o->pull_secrets);
    return s;
}

/* A new replica is ready before an old one goes: proxies always have somebody to talk to. */
static void add_deployment(struct render *r)
{
    json_t *d = render_add(r, "apps/v1", "Deployment", r->o->ns, S(INSTALL_ACCOUNT));
    json_t *l = json_object_get(json_object_get(d, "metadata"), "labels");
    render_set(l, "app", json_string(INSTALL_ACCOUNT));
    render_set(l, "meshName", render_str(r->o->mesh));
    render_set(l, "enforceSingleMesh", json_string(r->o->single_mesh ? "true" : "false"));
    json_t *template = json_pack("{s:{s:o}, s:o}", "metadata", "labels", pod_labels(r), "spec", pod_spec(r));
    json_t *spec =
        json_pack("{s:{s:o}, s:{s:s, s:{s:i, s:i}}, s:o}", "selector", "matchLabels", app_label(), "strategy", "type",
                  "RollingUpdate", "rollingUpdate", "maxSurge", 1, "maxUnavailable", 0, "template", template);
    if (!r->o->controller.autoscale.enable) render_set(spec, "replicas", json_integer(r->o->controller.replicas));
    render_set(d, "spec", spec);
}

/* ---- replicas -------------------------------------------------------------------------------------------- */

static void add_budget(struct render *r)
{
    if (!r->o->controller.disruption_budget) return;
    json_t *b = render_add(r, "policy/v1", "PodDisruptionBudget", r->o->ns, S(INSTALL_ACCOUNT));
    render_set(b, "spec", json_pack("{s:i, s:{s:o}}", "minAvailable", 1, "selector", "matchLabels", app_label()));
}

static json_t *utilization(const char *resource, int64_t percent)
{
    return json_pack("{s:s, s:{s:s, s:{s:s, s:I}}}", "type", "Resource", "resource", "name", resource, "target", "type",
                     "Utilization", "averageUtilization", (json_int_t)percent);
}

static void add_autoscaler(struct render *r)
{
    const struct install_autoscale *s = &r->o->controller.autoscale;
    if (!s->enable) return;
    json_t *h = render_add(r, "autoscaling/v2", "HorizontalPodAutoscaler", r->o->ns, S(INSTALL_ACCOUNT));
    render_set(h, "spec",
               json_pack("{s:{s:s, s:s, s:s}, s:I, s:I, s:[o, o]}", "scaleTargetRef", "apiVersion", "apps/v1", "kind",
                         "Deployment", "name", INSTALL_ACCOUNT, "minReplicas", (json_int_t)s->min, "maxReplicas",
                         (json_int_t)s->max, "metrics", utilization("cpu", s->cpu), utilization("memory", s->memory)));
}

void render_control_plane(struct render *r)
{
    add_services(r);
    add_deployment(r);
    add_budget(r);
    add_autoscaler(r);
}
