#include "cli/namespace.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/names.h"
#include "cli/api.h"
#include "cli/table.h"
#include "inject/inject.h"
#include "kube/request.h"

enum { PAGE = 500 };

/* ---- labels and annotations ------------------------------------------------------------------------------ */

static const json_t *meta_of(const json_t *o, const char *map)
{
    return json_object_get(json_object_get(o, "metadata"), map);
}

static struct kube_ref ns_ref(struct str name)
{
    return (struct kube_ref){.version = "v1", .plural = "namespaces", .name = name};
}

static bool get_ns(struct ns_call *c, struct str name, const json_t **out, struct err *err)
{
    struct kube_answer x;
    struct kube_request r = kube_get(c->a, ns_ref(name));
    if (!kube_fetch(c->client, &r, c->a, &x, err)) {
        if (x.status == 404) err_set(err, "there is no namespace %.*s", STR_FMT(name));
        return false;
    }
    *out = x.json;
    return true;
}

/* Takes over |patch|. */
static bool patch(struct ns_call *c, struct kube_ref ref, json_t *patch, struct err *err)
{
    struct kube_answer x;
    struct kube_request r = kube_patch(c->a, ref, KUBE_PATCH_MERGE, patch);
    bool ok = kube_fetch(c->client, &r, c->a, &x, err);
    json_decref(patch);
    return ok;
}

/* ---- add, remove, ignore --------------------------------------------------------------------------------- */

static bool has_controller(struct ns_call *c, struct str ns, bool *out, struct err *err)
{
    struct kube_answer x;
    struct kube_ref ref = {.group = "apps", .version = "v1", .plural = "deployments", .ns = ns};
    struct kube_request r = kube_list(c->a, ref, "labelSelector=app%3Dosm-controller", PAGE, STR_NULL);
    if (!kube_fetch(c->client, &r, c->a, &x, err)) return false;
    *out = json_array_size(json_object_get(x.json, "items")) > 0;
    return true;
}

static struct kvs kvs_of(struct arena *a, const json_t *map)
{
    struct kvs out = {0};
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)map, key, v) if (json_is_string(v))
        list_push(a, &out, ((struct kv){str_of(key), str_of(json_string_value(v))}));
    return out;
}

/* What the user should know although the namespace is added. */
static void warn(struct ns_call *c, struct str name, const json_t *ns)
{
    const json_t *labels = meta_of(ns, "labels");
    if (json_object_get(labels, LABEL_IGNORE))
        fprintf(stderr,
                "osm: namespace %.*s has the label " LABEL_IGNORE ": its pods get no sidecar until it is gone\n",
                STR_FMT(name));
    struct kvs l = kvs_of(c->a, labels);
    struct str why = inject_pod_security(name, l, c->a);
    if (why.n) fprintf(stderr, "osm: %.*s\n", STR_FMT(why));
}

bool ns_add(struct ns_call *c, struct str name, struct err *err)
{
    const json_t *ns;
    bool controls;
    if (!get_ns(c, name, &ns, err) || !has_controller(c, name, &controls, err)) return false;
    struct str mesh = json_text(meta_of(ns, "labels"), LABEL_MONITORED_BY);
    if (controls) return err_set(err, "namespace %.*s has a control plane and cannot be in a mesh", STR_FMT(name));
    if (mesh.n && !str_is(mesh, c->mesh))
        return err_set(err, "namespace %.*s is in the mesh \"%.*s\": osm namespace remove %.*s --mesh-name %.*s",
                       STR_FMT(name), STR_FMT(mesh), STR_FMT(name), STR_FMT(mesh));
    warn(c, name, ns);
    json_t *injection = c->no_injection ? json_string("disabled") : json_string("enabled");
    if (!patch(c, ns_ref(name),
               json_pack("{s:{s:{s:s}, s:{s:o}}}", "metadata", "labels", LABEL_MONITORED_BY, c->mesh, "annotations",
                         ANNOTATION_INJECT, injection),
               err))
        return false;
    printf("Namespace [%.*s] successfully added to mesh [%s]\n", STR_FMT(name), c->mesh);
    return true;
}

bool ns_remove(struct ns_call *c, struct str name, struct err *err)
{
    const json_t *ns;
    if (!get_ns(c, name, &ns, err)) return false;
    struct str mesh = json_text(meta_of(ns, "labels"), LABEL_MONITORED_BY);
    if (!mesh.n) {
        printf("Namespace [%.*s] already does not belong to any mesh\n", STR_FMT(name));
        return true;
    }
    if (!str_is(mesh, c->mesh))
        return err_set(err, "namespace %.*s is in the mesh \"%.*s\", not in \"%s\"", STR_FMT(name), STR_FMT(mesh),
                       c->mesh);
    if (!patch(c, ns_ref(name),
               json_pack("{s:{s:{s:n}, s:{s:n, s:n}}}", "metadata", "labels", LABEL_MONITORED_BY, "annotations",
                         ANNOTATION_INJECT, ANNOTATION_METRICS),
               err))
        return false;
    printf("Namespace [%.*s] successfully removed from mesh [%s]\n", STR_FMT(name), c->mesh);
    return true;
}

bool ns_ignore(struct ns_call *c, struct str name, struct err *err)
{
    const json_t *ns;
    if (!get_ns(c, name, &ns, err)) return false;
    if (!patch(c, ns_ref(name), json_pack("{s:{s:{s:s}}}", "metadata", "labels", LABEL_IGNORE, "true"), err))
        return false;
    printf("Successfully configured namespace [%.*s] to be ignored\n", STR_FMT(name));
    return true;
}

/* ---- metrics --------------------------------------------------------------------------------------------- */

static json_t *scrape(bool on)
{
    if (!on)
        return json_pack("{s:{s:{s:n, s:n, s:n}}}", "metadata", "annotations", "prometheus.io/scrape",
                         "prometheus.io/port", "prometheus.io/path");
    return json_pack("{s:{s:{s:s, s:s, s:s}}}", "metadata", "annotations", "prometheus.io/scrape", "true",
                     "prometheus.io/port", "15010", "prometheus.io/path", "/stats/prometheus");
}

/* Pods that have a sidecar: the label is the injector's. */
static bool mark_pods(struct ns_call *c, struct str ns, bool on, struct err *err)
{
    struct kube_answer x;
    struct kube_ref ref = {.version = "v1", .plural = "pods", .ns = ns};
    struct kube_request r = kube_list(c->a, ref, "labelSelector=" LABEL_PROXY_UUID, PAGE, STR_NULL);
    const json_t *pod;
    size_t i;
    if (!kube_fetch(c->client, &r, c->a, &x, err)) return false;
    json_array_foreach(json_object_get(x.json, "items"), i, pod)
    {
        ref.name = json_text(json_object_get(pod, "metadata"), "name");
        if (!patch(c, ref, scrape(on), err)) return false;
    }
    return true;
}

static bool set_metrics(struct ns_call *c, struct str name, bool on, struct err *err)
{
    const json_t *ns;
    if (!get_ns(c, name, &ns, err)) return false;
    if (!json_text(meta_of(ns, "labels"), LABEL_MONITORED_BY).n)
        return err_set(err, "namespace %.*s is not in a mesh: osm namespace add %.*s", STR_FMT(name), STR_FMT(name));
    json_t *value = on ? json_string("enabled") : json_null();
    if (!patch(c, ns_ref(name), json_pack("{s:{s:{s:o}}}", "metadata", "annotations", ANNOTATION_METRICS, value),
               err) ||
        !mark_pods(c, name, on, err))
        return false;
    printf("Metrics successfully %s in namespace [%.*s]\n", on ? "enabled" : "disabled", STR_FMT(name));
    return true;
}

bool ns_metrics_on(struct ns_call *c, struct str name, struct err *err) { return set_metrics(c, name, true, err); }

bool ns_metrics_off(struct ns_call *c, struct str name, struct err *err) { return set_metrics(c, name, false, err); }

/* ---- list ------------------------------------------------------------------------------------------------ */

static struct str injection_of(const json_t *ns)
{
    if (json_object_get(meta_of(ns, "labels"), LABEL_IGNORE)) return S("disabled (ignored)");
    struct str value = json_text(meta_of(ns, "annotations"), ANNOTATION_INJECT);
    return value.n ? value : S("-");
}

bool ns_list(struct ns_call *c, struct err *err)
{
    static const char *const header[] = {"NAMESPACE", "MESH", "SIDECAR-INJECTION", NULL};
    struct kube_answer x;
    struct buf out SCOPED_BUF = {0};
    struct text_table t = text_table_new(c->a, header);
    struct kube_request r =
        kube_list(c->a, ns_ref(STR_NULL), "labelSelector=openservicemesh.io%2Fmonitored-by", PAGE, STR_NULL);
    const json_t *ns;
    size_t i, rows = 0;
    if (!kube_fetch(c->client, &r, c->a, &x, err)) return false;
    json_array_foreach(json_object_get(x.json, "items"), i, ns)
    {
        struct str mesh = json_text(meta_of(ns, "labels"), LABEL_MONITORED_BY);
        if (c->only_mesh && !str_is(mesh, c->mesh)) continue;
        text_table_row(&t, (struct str[]){json_text(json_object_get(ns, "metadata"), "name"), mesh, injection_of(ns)});
        rows++;
    }
    if (!rows) {
        printf("No namespaces in a mesh; osm namespace add NAME adds one\n");
        return true;
    }
    text_table_write(&t, &out);
    fwrite(out.p, 1, out.n, stdout);
    return true;
}
