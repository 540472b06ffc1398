/* rights.c - what the controller may do: no more than it does (docs/rbac.md says why each is needed). */
#include "install/internal.h"
#include "kinds/object.h"

/* Words separated by blanks. */
static json_t *words(const char *text)
{
    json_t *out = json_array();
    struct str rest = str_of(text);
    while (rest.p) {
        struct str w = str_cut(&rest, ' ');
        if (w.n) json_array_append_new(out, render_str(w));
    }
    return out;
}

/* The core group is written "core". */
static json_t *groups(const char *text)
{
    json_t *out = words(text);
    for (size_t i = 0; i < json_array_size(out); i++)
        if (strcmp(json_string_value(json_array_get(out, i)), "core") == 0) json_array_set_new(out, i, json_string(""));
    return out;
}

static json_t *rule(const char *group, const char *resources, const char *verbs)
{
    return json_pack("{s:o, s:o, s:o}", "apiGroups", groups(group), "resources", words(resources), "verbs",
                     words(verbs));
}

static json_t *named_rule(const char *group, const char *resources, const char *verbs, struct str name)
{
    json_t *r = rule(group, resources, verbs);
    json_object_set_new(r, "resourceNames", json_pack("[o]", render_str(name)));
    return r;
}

static json_t *subject(const struct render *r)
{
    return json_pack("[{s:s, s:s, s:o}]", "kind", "ServiceAccount", "name", INSTALL_ACCOUNT, "namespace",
                     render_str(r->o->ns));
}

static void bind(struct render *r, const char *kind, struct str ns, struct str name)
{
    bool in_namespace = ns.n;
    json_t *b =
        render_add(r, "rbac.authorization.k8s.io/v1", in_namespace ? "RoleBinding" : "ClusterRoleBinding", ns, name);
    render_set(
        b, "roleRef",
        json_pack("{s:s, s:s, s:o}", "apiGroup", "rbac.authorization.k8s.io", "kind", kind, "name", render_str(name)));
    render_set(b, "subjects", subject(r));
}

/* Kinds that the mesh reads, and whose status it writes, by group. */
static void add_mesh_kinds(json_t *rules)
{
    static const char *const group[] = {"config.openservicemesh.io", "policy.openservicemesh.io", "access.smi-spec.io",
                                        "specs.smi-spec.io", "split.smi-spec.io"};
    for (size_t g = 0; g < sizeof group / sizeof *group; g++) {
        json_t *plurals = json_array(), *statuses = json_array();
        for (int k = 0; k < KIND_COUNT; k++) {
            const struct kind_info *i = kind_info((enum kind)k);
            if (!(i->flags & KIND_MESH) || strcmp(i->group, group[g]) != 0) continue;
            json_array_append_new(plurals, json_string(i->plural));
            json_array_append_new(statuses, json_sprintf("%s/status", i->plural));
        }
        json_array_append_new(rules, json_pack("{s:[s], s:o, s:o}", "apiGroups", group[g], "resources", plurals,
                                               "verbs", words("get list watch")));
        json_array_append_new(rules, json_pack("{s:[s], s:o, s:o}", "apiGroups", group[g], "resources", statuses,
                                               "verbs", words("update patch")));
    }
}

static void add_cluster_role(struct render *r, struct str name)
{
    json_t *rules = json_pack(
        "[o, o, o, o, o, o, o, o, o, o]",
        rule("core", "namespaces pods services serviceaccounts nodes", "get list watch"),
        rule("discovery.k8s.io", "endpointslices", "get list watch"),
        rule("networking.k8s.io", "servicecidrs", "get list watch"),
        rule("apiextensions.k8s.io", "customresourcedefinitions", "get list watch"),
        rule("authentication.k8s.io", "tokenreviews", "create"), rule("core events.k8s.io", "events", "create patch"),
        /* The roots in every namespace of the mesh. The right to create cannot be held to a name. */
        named_rule("core", "configmaps", "get update patch", S("osm-trust")), rule("core", "configmaps", "create"),
        named_rule("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "get list watch patch",
                   install_mutating_name(r->a, r->v)),
        named_rule("admissionregistration.k8s.io", "validatingwebhookconfigurations", "get list watch patch",
                   install_validating_name(r->a, r->v)));
    add_mesh_kinds(rules);
    json_t *role = render_add(r, "rbac.authorization.k8s.io/v1", "ClusterRole", STR_NULL, name);
    render_set(role, "rules", rules);
    bind(r, "ClusterRole", STR_NULL, name);
}

/* In the control plane's own namespace: who leads, and the CA, of which the webhooks' certificates come, too. */
static void add_own_role(struct render *r)
{
    json_t *role = render_add(r, "rbac.authorization.k8s.io/v1", "Role", r->o->ns, S(INSTALL_ACCOUNT));
    json_t *secrets = named_rule("core", "secrets", "get", r->o->ca_secret);
    render_set(role, "rules",
               json_pack("[o, o, o]", rule("coordination.k8s.io", "leases", "get create update"), secrets,
                         rule("core", "secrets", "create")));
    bind(r, "Role", r->o->ns, S(INSTALL_ACCOUNT));
}

static void add_gateway_role(struct render *r)
{
    const struct install_gateway_secret *g = &r->o->gateway;
    if (!g->name.n || !g->ns.n) return;
    struct str name = str_fmt(r->a, INSTALL_ACCOUNT "-gateway");
    json_t *role = render_add(r, "rbac.authorization.k8s.io/v1", "Role", g->ns, name);
    render_set(role, "rules",
               json_pack("[o, o]", named_rule("core", "secrets", "get update patch delete", g->name),
                         rule("core", "secrets", "create")));
    bind(r, "Role", g->ns, name);
}

void render_rights(struct render *r)
{
    struct str name = str_fmt(r->a, INSTALL_ACCOUNT "-%.*s", STR_FMT(r->o->mesh));
    render_add(r, "v1", "ServiceAccount", r->o->ns, S(INSTALL_ACCOUNT));
    add_cluster_role(r, name);
    add_own_role(r);
    add_gateway_role(r);
}
