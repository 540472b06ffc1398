/* cluster.c - which control planes a cluster has, and whether ours has come up. */
#include <unistd.h>

#include "base/clock.h"
#include "install/apply.h"
#include "install/internal.h"

enum { PAUSE_US = 500 * 1000 };

static const json_t *labels_of(const json_t *o) { return json_object_get(json_object_get(o, "metadata"), "labels"); }

static const json_t *annotations_of(const json_t *o)
{
    return json_object_get(json_object_get(o, "metadata"), "annotations");
}

static const json_t *first_container(const json_t *deployment)
{
    const json_t *spec = json_object_get(json_object_get(json_object_get(deployment, "spec"), "template"), "spec");
    return json_array_get(json_object_get(spec, "containers"), 0);
}

/* Ours runs `osm controller`; the archived project's had a program of that name of its own. */
static bool is_ours(const json_t *deployment)
{
    const json_t *command = json_object_get(first_container(deployment), "command");
    const char *program = json_string_value(json_array_get(command, 0));
    const char *verb = json_string_value(json_array_get(command, 1));
    return program && verb && strcmp(program, "osm") == 0 && strcmp(verb, "controller") == 0;
}

static struct str dup_text(struct arena *a, const json_t *o, const char *key) { return str_dup(a, json_text(o, key)); }

static int by_place(const void *a, const void *b)
{
    const struct install_found *x = a, *y = b;
    int c = str_cmp(x->ns, y->ns);
    return c ? c : str_cmp(x->mesh, y->mesh);
}

bool install_find(struct installer *in, struct arena *a, struct install_founds *out, struct err *err)
{
    struct kube_answer x;
    struct kube_ref ref = {.group = "apps", .version = "v1", .plural = "deployments"};
    struct kube_request r = kube_list(a, ref, "labelSelector=app%3D" INSTALL_ACCOUNT, 500, STR_NULL);
    const json_t *d;
    size_t i;
    *out = (struct install_founds){0};
    if (!kube_fetch(in->client, &r, a, &x, err)) return false;
    json_array_foreach(json_object_get(x.json, "items"), i, d)
    {
        const json_t *l = labels_of(d);
        struct install_found *f = list_add(a, out);
        *f = (struct install_found){.mesh = dup_text(a, l, "meshName"),
                                    .ns = dup_text(a, json_object_get(d, "metadata"), "namespace"),
                                    .version = dup_text(a, l, "app.kubernetes.io/version"),
                                    .image = dup_text(a, first_container(d), "image"),
                                    .values = dup_text(a, annotations_of(d), INSTALL_ANNOTATION_VALUES),
                                    .release = dup_text(a, annotations_of(d), "meta.helm.sh/release-name"),
                                    .is_archived = !is_ours(d),
                                    .enforces_single = str_is(json_text(l, "enforceSingleMesh"), "true")};
    }
    list_sort(out, by_place);
    return true;
}

bool install_allowed(const struct install_values *v, const struct install_founds *found, struct err *err)
{
    const struct install_osm *o = &v->osm;
    for (each(f, *found)) {
        if (f->is_archived)
            return err_set(err,
                           "the archived Open Service Mesh runs mesh \"%.*s\" in namespace %.*s: uninstall it first; "
                           "its custom resources stay and are taken over",
                           STR_FMT(f->mesh), STR_FMT(f->ns));
        bool same_ns = str_eq(f->ns, o->ns), same_mesh = str_eq(f->mesh, o->mesh);
        if (same_ns && same_mesh) continue;
        if (same_ns)
            return err_set(err, "namespace %.*s already has the mesh \"%.*s\": give another --osm-namespace",
                           STR_FMT(f->ns), STR_FMT(f->mesh));
        if (same_mesh)
            return err_set(err, "there is already a mesh \"%.*s\" in namespace %.*s: give another --mesh-name",
                           STR_FMT(f->mesh), STR_FMT(f->ns));
        if (f->enforces_single || o->single_mesh)
            return err_set(err,
                           "the cluster already has the mesh \"%.*s\" in namespace %.*s, and %s to be the only one "
                           "(osm.enforceSingleMesh)",
                           STR_FMT(f->mesh), STR_FMT(f->ns), f->enforces_single ? "it is set" : "this one is set");
    }
    return true;
}

/* ---- upgrading ------------------------------------------------------------------------------------------- */

const struct install_found *install_upgradable(const struct install_founds *found, struct str mesh, struct str ns,
                                               struct err *err)
{
    const struct install_found *f = NULL;
    for (each(one, *found))
        if (str_eq(one->mesh, mesh) && (!ns.n || str_eq(one->ns, ns))) f = one;
    if (!f)
        return ERR_NULL(err,
                        "there is no mesh \"%.*s\"%s%.*s in this cluster: osm mesh list shows those that are, osm "
                        "install makes one",
                        STR_FMT(mesh), ns.n ? " in namespace " : "", STR_FMT(ns));
    if (f->is_archived)
        return ERR_NULL(
            err,
            "the mesh \"%.*s\" in namespace %.*s is run by the archived OSM (%.*s), which cannot be upgraded "
            "to this one in place: uninstall it, its custom resources stay and are taken over, then osm "
            "install",
            STR_FMT(f->mesh), STR_FMT(f->ns), STR_FMT(f->version));
    if (f->release.n)
        return ERR_NULL(err,
                        "the mesh \"%.*s\" in namespace %.*s is the Helm release \"%.*s\": helm upgrade changes it",
                        STR_FMT(f->mesh), STR_FMT(f->ns), STR_FMT(f->release));
    return f;
}

json_t *install_recall(const struct install_found *f, struct err *err)
{
    json_t *values = f->values.n ? json_loadb(f->values.p, f->values.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json_is_object(values)) return values;
    json_decref(values);
    return ERR_NULL(err,
                    "what the mesh \"%.*s\" was installed with is not known (annotation " INSTALL_ANNOTATION_VALUES
                    " of Deployment %.*s/" INSTALL_ACCOUNT "): give all its values to osm install once more",
                    STR_FMT(f->mesh), STR_FMT(f->ns));
}

/* ---- waiting --------------------------------------------------------------------------------------------- */

static bool get(struct installer *in, struct kube_ref ref, struct arena *a, const json_t **out, struct err *err)
{
    struct kube_answer x;
    struct kube_request r = kube_get(a, ref);
    if (!kube_fetch(in->client, &r, a, &x, err)) return false;
    *out = x.json;
    return true;
}

static int64_t number(const json_t *o, const char *key) { return json_integer_value(json_object_get(o, key)); }

/* As kubectl rollout status says it: the new pods are there, the old ones gone, and all are available. */
static bool is_available(const json_t *d)
{
    const json_t *status = json_object_get(d, "status"),
                 *replicas = json_object_get(json_object_get(d, "spec"), "replicas");
    int64_t wanted = replicas ? json_integer_value(replicas) : 1, updated = number(status, "updatedReplicas");
    return number(status, "observedGeneration") >= number(json_object_get(d, "metadata"), "generation") &&
           updated >= wanted && number(status, "replicas") <= updated && number(status, "availableReplicas") >= updated;
}

/* Why a container will not start without somebody's help; empty: it may. */
static struct str stuck(const json_t *pod, struct arena *a)
{
    static const char *const reasons[] = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
                                          "CreateContainerConfigError"};
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(pod, "status"), "containerStatuses"), i, c)
    {
        const json_t *waiting = json_object_get(json_object_get(c, "state"), "waiting");
        struct str reason = json_text(waiting, "reason"), message = json_text(waiting, "message");
        for (size_t k = 0; k < sizeof reasons / sizeof *reasons; k++)
            if (str_is(reason, reasons[k]))
                return str_fmt(
                    a, "pod %.*s, image %.*s: %.*s%s%.*s", STR_FMT(json_text(json_object_get(pod, "metadata"), "name")),
                    STR_FMT(json_text(c, "image")), STR_FMT(reason), message.n ? ": " : "", STR_FMT(message));
    }
    return STR_NULL;
}

static bool look_for_stuck(struct installer *in, const struct install_values *v, struct arena *a, struct err *err)
{
    struct kube_answer x;
    struct kube_ref ref = {.version = "v1", .plural = "pods", .ns = v->osm.ns};
    struct kube_request r = kube_list(a, ref, "labelSelector=app%3D" INSTALL_ACCOUNT, 100, STR_NULL);
    const json_t *pod;
    size_t i;
    if (!kube_fetch(in->client, &r, a, &x, err)) return false;
    json_array_foreach(json_object_get(x.json, "items"), i, pod)
    {
        /* One of another image is left over from an earlier try. */
        if (!str_eq(json_text(json_array_get(json_object_get(json_object_get(pod, "spec"), "containers"), 0), "image"),
                    v->osm.image.ref))
            continue;
        struct str why = stuck(pod, a);
        if (why.n) return err_set(err, "the control plane cannot start: %.*s", STR_FMT(why));
    }
    return true;
}

static bool hooks_trusted(const json_t *configuration)
{
    const json_t *hooks = json_object_get(configuration, "webhooks"), *h;
    size_t i;
    json_array_foreach(hooks, i, h) if (!json_text(json_object_get(h, "clientConfig"), "caBundle").n) return false;
    return json_array_size(hooks) > 0;
}

/* What is still missing, in words; empty: nothing. */
static bool missing(struct installer *in, const struct install_values *v, struct arena *a, struct str *what,
                    struct err *err)
{
    static const char *const plurals[] = {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"};
    struct str names[] = {install_mutating_name(a, v), install_validating_name(a, v)};
    struct kube_ref deployment = {
        .group = "apps", .version = "v1", .plural = "deployments", .ns = v->osm.ns, .name = S(INSTALL_ACCOUNT)};
    const json_t *o;
    *what = S("the control plane to be available");
    if (!get(in, deployment, a, &o, err)) return false;
    if (!is_available(o)) return look_for_stuck(in, v, a, err);
    *what = S("the webhooks to be trusted");
    for (size_t i = 0; i < 2; i++) {
        struct kube_ref ref = {
            .group = "admissionregistration.k8s.io", .version = "v1", .plural = plurals[i], .name = names[i]};
        if (!get(in, ref, a, &o, err)) return false;
        if (!hooks_trusted(o)) return true;
    }
    *what = STR_NULL;
    return true;
}

bool install_await_namespace(struct installer *in, struct str ns, int64_t timeout_s, struct err *err)
{
    int64_t end = clock_mono_ns() + timeout_s * INT64_C(1000000000);
    for (bool is_said = false;; is_said = true) {
        struct arena *a SCOPED_ARENA = arena_new();
        struct kube_answer x;
        struct kube_request r = kube_get(a, (struct kube_ref){.version = "v1", .plural = "namespaces", .name = ns});
        if (!kube_fetch(in->client, &r, a, &x, err)) {
            if (x.status != 404) return false;
            err_clear(err);
            return true;
        }
        if (!json_object_get(json_object_get(x.json, "metadata"), "deletionTimestamp")) return true;
        struct str what = str_fmt(a, "namespace %.*s, which is being deleted, to be gone", STR_FMT(ns));
        if (!is_said && in->say) in->say(in->arg, str_fmt(a, "waiting for %.*s", STR_FMT(what)));
        if (clock_mono_ns() > end)
            return err_set(err, "waited %lld s for %.*s in vain: kubectl get namespace %.*s -o yaml says what holds it",
                           (long long)timeout_s, STR_FMT(what), STR_FMT(ns));
        usleep(PAUSE_US);
    }
}

bool install_wait(struct installer *in, const struct install_values *v, int64_t timeout_s, struct err *err)
{
    int64_t end = clock_mono_ns() + timeout_s * INT64_C(1000000000);
    struct arena *kept SCOPED_ARENA = arena_new();
    struct str last = STR_NULL;
    for (;;) {
        struct arena *a SCOPED_ARENA = arena_new();
        struct str what;
        if (!missing(in, v, a, &what, err)) return false;
        if (!what.n) return true;
        if (!str_eq(what, last) && in->say) in->say(in->arg, str_fmt(a, "waiting for %.*s", STR_FMT(what)));
        last = str_dup(kept, what);
        if (clock_mono_ns() > end)
            return err_set(err,
                           "waited %lld s for %.*s in vain: kubectl -n %.*s get pods, logs deploy/" INSTALL_ACCOUNT,
                           (long long)timeout_s, STR_FMT(what), STR_FMT(v->osm.ns));
        usleep(PAUSE_US);
    }
}
