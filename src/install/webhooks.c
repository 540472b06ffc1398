/* webhooks.c - which requests the API server shows us. The controller itself fills in who signed its certificate. */
#include "base/names.h"
#include "install/internal.h"

struct str install_mutating_name(struct arena *a, const struct install_values *v)
{
    return str_fmt(a, "%.*s-%.*s", STR_FMT(v->osm.webhook_prefix), STR_FMT(v->osm.mesh));
}

struct str install_validating_name(struct arena *a, const struct install_values *v)
{
    if (v->osm.validator_name.n) return v->osm.validator_name;
    return str_fmt(a, "osm-validator-mesh-%.*s", STR_FMT(v->osm.mesh));
}

static json_t *expression(const char *key, const char *op, json_t *values)
{
    json_t *e = json_pack("{s:s, s:s}", "key", key, "operator", op);
    if (values) render_set(e, "values", values);
    return e;
}

/* Namespaces of the mesh; never the control plane's, which could then not start. */
static json_t *mesh_namespaces(const struct render *r)
{
    return json_pack("{s:{s:o}, s:[o, o, o]}", "matchLabels", LABEL_MONITORED_BY, render_str(r->o->mesh),
                     "matchExpressions", expression(LABEL_IGNORE, "DoesNotExist", NULL),
                     expression("kubernetes.io/metadata.name", "NotIn", json_pack("[o]", render_str(r->o->ns))),
                     expression(LABEL_CONTROL_PLANE, "DoesNotExist", NULL));
}

static json_t *own_namespace(const struct render *r)
{
    return json_pack("{s:{s:o}}", "matchLabels", "kubernetes.io/metadata.name", render_str(r->o->ns));
}

static json_t *rule(const char *group, const char *version, json_t *resources, bool updates)
{
    return json_pack("{s:[s], s:[s], s:o, s:o, s:s}", "apiGroups", group, "apiVersions", version, "resources",
                     resources, "operations",
                     updates ? json_pack("[s, s]", "CREATE", "UPDATE") : json_pack("[s]", "CREATE"), "scope",
                     "Namespaced");
}

static json_t *webhook(const struct render *r, const char *name, const char *service, int port, const char *path,
                       json_t *rules, json_t *namespaces)
{
    json_t *to = json_pack("{s:o, s:s, s:i, s:s}", "namespace", render_str(r->o->ns), "name", service, "port", port,
                           "path", path);
    return json_pack("{s:s, s:{s:o}, s:o, s:o, s:s, s:s, s:s, s:[s], s:I}", "name", name, "clientConfig", "service", to,
                     "rules", rules, "namespaceSelector", namespaces, "failurePolicy", "Fail", "matchPolicy", "Exact",
                     "sideEffects", "None", "admissionReviewVersions", "v1", "timeoutSeconds",
                     (json_int_t)r->o->webhook_timeout_s);
}

static void add_injection(struct render *r)
{
    json_t *m = render_add(r, "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", STR_NULL,
                           install_mutating_name(r->a, r->v));
    json_t *rules = json_pack("[o]", rule("", "v1", json_pack("[s]", "pods"), false));
    json_t *w = webhook(r, "osm-inject.k8s.io", "osm-injector", PORT_INJECTOR, "/mutate-pod-creation", rules,
                        mesh_namespaces(r));
    /* A later webhook may have added a container whose probes must be rewritten, too. */
    render_set(w, "reinvocationPolicy", json_string("IfNeeded"));
    render_set(m, "webhooks", json_pack("[o]", w));
}

static void add_validation(struct render *r)
{
    json_t *v = render_add(r, "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", STR_NULL,
                           install_validating_name(r->a, r->v));
    json_t *policies = json_pack("[s, s, s, s, s]", "egresses", "ingressbackends", "retries", "telemetries",
                                 "upstreamtrafficsettings");
    json_t *rules = json_pack("[o]", rule("policy.openservicemesh.io", "v1alpha1", policies, true));
    if (r->v->validate_target)
        json_array_append_new(rules, rule("access.smi-spec.io", "v1alpha3", json_pack("[s]", "traffictargets"), true));
    json_array_append_new(
        rules, rule("specs.smi-spec.io", "v1alpha4", json_pack("[s, s]", "httproutegroups", "tcproutes"), true));
    json_array_append_new(rules, rule("split.smi-spec.io", "v1alpha2", json_pack("[s]", "trafficsplits"), true));
    json_t *own =
        json_pack("[o]", rule("config.openservicemesh.io", "v1alpha2", json_pack("[s]", "meshrootcertificates"), true));
    render_set(v, "webhooks",
               json_pack("[o, o]",
                         webhook(r, "osm-validator.k8s.io", "osm-validator", PORT_VALIDATOR, "/validate", rules,
                                 mesh_namespaces(r)),
                         webhook(r, "osm-control-plane-validator.k8s.io", "osm-validator", PORT_VALIDATOR, "/validate",
                                 own, own_namespace(r))));
}

void render_webhooks(struct render *r)
{
    add_injection(r);
    add_validation(r);
}
