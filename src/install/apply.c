#include "install/apply.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "install/internal.h"

enum { PAUSE_US = 300 * 1000, DEFINITION_S = 60 };

static const struct {
    const char *kind, *group, *version, *plural;
} known[] = {
    {"Namespace", "", "v1", "namespaces"},
    {"ServiceAccount", "", "v1", "serviceaccounts"},
    {"Service", "", "v1", "services"},
    {"CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions"},
    {"ClusterRole", "rbac.authorization.k8s.io", "v1", "clusterroles"},
    {"ClusterRoleBinding", "rbac.authorization.k8s.io", "v1", "clusterrolebindings"},
    {"Role", "rbac.authorization.k8s.io", "v1", "roles"},
    {"RoleBinding", "rbac.authorization.k8s.io", "v1", "rolebindings"},
    {"Deployment", "apps", "v1", "deployments"},
    {"PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets"},
    {"HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers"},
    {"MutatingWebhookConfiguration", "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations"},
    {"ValidatingWebhookConfiguration", "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations"},
    {"MeshConfig", "config.openservicemesh.io", "v1alpha2", "meshconfigs"},
};

bool install_ref(const json_t *object, struct kube_ref *out)
{
    struct str kind = json_text(object, "kind");
    const json_t *meta = json_object_get(object, "metadata");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!str_is(kind, known[i].kind)) continue;
        *out = (struct kube_ref){.group = known[i].group,
                                 .version = known[i].version,
                                 .plural = known[i].plural,
                                 .ns = json_text(meta, "namespace"),
                                 .name = json_text(meta, "name")};
        return true;
    }
    return false;
}

static void say(struct installer *in, struct str line)
{
    if (in->say) in->say(in->arg, line);
}

static struct str title(struct arena *a, const json_t *o)
{
    const json_t *meta = json_object_get(o, "metadata");
    struct str ns = json_text(meta, "namespace");
    return str_fmt(a, "%.*s %.*s%s%.*s", STR_FMT(json_text(o, "kind")), STR_FMT(ns), ns.n ? "/" : "",
                   STR_FMT(json_text(meta, "name")));
}

/* ---- applying -------------------------------------------------------------------------------------------- */

static bool exists(struct installer *in, struct kube_ref ref, struct arena *a, bool *there, struct err *err)
{
    struct kube_answer x;
    struct kube_request r = kube_get(a, ref);
    *there = kube_fetch(in->client, &r, a, &x, err);
    if (*there || x.status != 404) return *there;
    err_clear(err);
    return true;
}

/* Fields that somebody else owned become ours: the objects of an earlier mesh are taken over, not doubled. */
static bool apply_one(struct installer *in, const json_t *object, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct kube_ref ref;
    struct kube_answer x;
    struct str name = title(a, object);
    bool there = false;
    if (!install_ref(object, &ref)) return err_set(err, "%.*s: this kind is not installed", STR_FMT(name));
    if (install_is_preset(object) && !exists(in, ref, a, &there, err)) return false;
    if (there) {
        say(in, str_fmt(a, "%.*s stays as it is", STR_FMT(name)));
        return true;
    }
    struct kube_request r = kube_apply(a, ref, object, INSTALL_MANAGER, true);
    if (!kube_fetch(in->client, &r, a, &x, err)) return err_wrap(err, "%.*s", STR_FMT(name));
    say(in, str_fmt(a, "%.*s %s", STR_FMT(name), x.status == 201 ? "created" : "configured"));
    return true;
}

static bool is_established(const json_t *definition)
{
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(definition, "status"), "conditions"), i,
                       c) if (str_is(json_text(c, "type"), "Established")) return str_is(json_text(c, "status"),
                                                                                         "True");
    return false;
}

static bool wait_definition(struct installer *in, const json_t *object, struct err *err)
{
    struct kube_ref ref;
    int64_t end = clock_mono_ns() + DEFINITION_S * INT64_C(1000000000);
    if (!install_ref(object, &ref)) return true;
    for (;;) {
        struct arena *a SCOPED_ARENA = arena_new();
        struct kube_answer x;
        struct kube_request r = kube_get(a, ref);
        if (!kube_fetch(in->client, &r, a, &x, err)) return false;
        if (is_established(x.json)) return true;
        if (clock_mono_ns() > end)
            return err_set(err, "the definition %.*s was not established within %d s", STR_FMT(ref.name), DEFINITION_S);
        usleep(PAUSE_US);
    }
}

bool install_apply(struct installer *in, const json_t *objects, struct err *err)
{
    const json_t *o;
    size_t i;
    json_array_foreach(objects, i, o) if (!apply_one(in, o, err)) return false;
    json_array_foreach(objects, i, o) if (install_is_definition(o) && !wait_definition(in, o, err)) return false;
    return true;
}

/* ---- removing -------------------------------------------------------------------------------------------- */

static bool remove_one(struct installer *in, const json_t *object, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct kube_ref ref;
    struct kube_answer x;
    struct str name = title(a, object);
    if (!install_ref(object, &ref)) return true;
    struct kube_request r = kube_delete(a, ref, STR_NULL, STR_NULL);
    bool ok = kube_fetch(in->client, &r, a, &x, err);
    if (!ok && x.status != 404) return err_wrap(err, "%.*s", STR_FMT(name));
    if (ok) say(in, str_fmt(a, "%.*s deleted", STR_FMT(name)));
    err_clear(err);
    return true;
}

static bool is_same(const json_t *a, const json_t *b)
{
    static const char *const parts[] = {"namespace", "name"};
    const json_t *x = json_object_get(a, "metadata"), *y = json_object_get(b, "metadata");
    bool same = str_eq(json_text(a, "kind"), json_text(b, "kind"));
    for (size_t i = 0; same && i < 2; i++) same = str_eq(json_text(x, parts[i]), json_text(y, parts[i]));
    return same;
}

static bool has(const json_t *objects, const json_t *object)
{
    const json_t *o;
    size_t i;
    json_array_foreach(objects, i, o) if (is_same(o, object)) return true;
    return false;
}

bool install_prune(struct installer *in, const json_t *before, const json_t *now, struct err *err)
{
    json_t *gone = json_array(), *o;
    size_t i;
    json_array_foreach((json_t *)before, i, o) if (!has(now, o)) json_array_append(gone, o);
    bool ok = install_remove(in, gone, false, false, err);
    json_decref(gone);
    return ok;
}

bool install_remove(struct installer *in, const json_t *objects, bool definitions, bool ns, struct err *err)
{
    for (size_t i = json_array_size(objects); i-- > 0;) {
        const json_t *o = json_array_get(objects, i);
        if (install_is_definition(o) && !definitions) continue;
        if (str_is(json_text(o, "kind"), "Namespace") && !ns) continue;
        if (!remove_one(in, o, err)) return false;
    }
    return true;
}
