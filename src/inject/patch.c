/* patch.c - the patch of a pod, operation by operation. */
#include "base/names.h"
#include "inject/internal.h"

void inject_op(json_t *patch, const char *op, struct str path, json_t *value)
{
    json_array_append_new(patch, json_pack("{s:s, s:o, s:o}", "op", op, "path", inject_string(path), "value", value));
}

/* A key as a JSON pointer's token. */
static struct str pointer_token(struct arena *a, struct str key)
{
    char *out = arena_alloc(a, key.n * 2 + 1);
    size_t n = 0;
    for (size_t i = 0; i < key.n; i++) {
        char c = key.p[i];
        if (c != '~' && c != '/') {
            out[n++] = c;
            continue;
        }
        out[n++] = '~';
        out[n++] = c == '~' ? '0' : '1';
    }
    return str_make(out, n);
}

/* Members for metadata.<map>: the map is added only when absent, so nothing of the user's is lost. */
static void add_members(const json_t *pod, const char *map, json_t *members, json_t *patch, struct arena *a)
{
    const json_t *have = json_object_get(json_object_get(pod, "metadata"), map);
    const char *key;
    json_t *value;
    if (!json_is_object(have) && json_object_size(members)) {
        inject_op(patch, "add", str_fmt(a, "/metadata/%s", map), members);
        return;
    }
    json_object_foreach(members, key, value)
    {
        if (json_equal(json_object_get(have, key), value)) continue;
        struct str token = pointer_token(a, str_of(key));
        inject_op(patch, "add", str_fmt(a, "/metadata/%s/%.*s", map, STR_FMT(token)), json_incref(value));
    }
    json_decref(members);
}

/* Puts |items| (taken over) at the head of spec.<list>, or at its tail. */
static void add_items(const json_t *pod, const char *list, json_t *items, bool at_head, json_t *patch)
{
    const json_t *have = json_object_get(json_object_get(pod, "spec"), list);
    json_t *item;
    char path[64];
    size_t i;
    if (!json_is_array(have)) {
        snprintf(path, sizeof path, "/spec/%s", list);
        inject_op(patch, "add", str_of(path), items);
        return;
    }
    json_array_foreach(items, i, item)
    {
        if (at_head)
            snprintf(path, sizeof path, "/spec/%s/%zu", list, i);
        else
            snprintf(path, sizeof path, "/spec/%s/-", list);
        inject_op(patch, "add", str_of(path), json_incref(item));
    }
    json_decref(items);
}

static void add_containers(const struct inject_input *in, const struct inject_settings *set,
                           const struct capture_lists *lists, struct arena *a, json_t *patch)
{
    json_t *probes = json_array();
    unsigned ports = 0;
    /* Before the containers are inserted: the paths of probes count the user's own. */
    inject_probes(in, "initContainers", patch, probes, &ports);
    inject_probes(in, "containers", patch, probes, &ports);
    add_items(in->pod, "volumes", inject_sidecar_volumes(), false, patch);
    json_t *capture = inject_capture_container(set, lists, a);
    json_t *sidecar = inject_sidecar_container(in->pod, set, probes, ports);
    json_decref(probes);
    if (set->is_classic) { /* init containers of the pod could call nobody through a proxy that is not there yet */
        add_items(in->pod, "initContainers", json_pack("[o]", capture), false, patch);
        add_items(in->pod, "containers", json_pack("[o]", sidecar), true, patch);
    } else {
        add_items(in->pod, "initContainers", json_pack("[o, o]", capture, sidecar), true, patch);
    }
}

static void add_metadata(const struct inject_input *in, const struct inject_settings *set, bool was_injected,
                         struct arena *a, json_t *patch)
{
    const json_t *meta = json_object_get(in->pod, "metadata");
    json_t *labels = json_object(), *annotations = json_object();
    struct err ignored = {0};
    enum tri metrics = TRI_UNSET;
    if (!json_is_object(meta)) inject_op(patch, "add", S("/metadata"), json_object());
    if (!json_text(json_object_get(meta, "labels"), LABEL_PROXY_UUID).n)
        json_object_set_new(labels, LABEL_PROXY_UUID, inject_string(in->uuid));
    /* An injected pod keeps its generation: that is what its sidecar is. */
    if (!was_injected || !inject_annotation(in->pod, ANNOTATION_SIDECAR_GENERATION).n)
        json_object_set_new(annotations, ANNOTATION_SIDECAR_GENERATION, inject_string(set->generation));
    bool valid = inject_switch(kvs_get(in->ns_annotations, S(ANNOTATION_METRICS)), "", &metrics, &ignored);
    if (valid && metrics == TRI_TRUE) {
        json_object_set_new(annotations, "prometheus.io/scrape", json_string("true"));
        json_object_set_new(annotations, "prometheus.io/port", json_sprintf("%d", PORT_METRICS));
        json_object_set_new(annotations, "prometheus.io/path", json_string("/stats/prometheus"));
    }
    add_members(in->pod, "labels", labels, patch, a);
    add_members(in->pod, "annotations", annotations, patch, a);
}

static bool settings_complete(const struct inject_settings *set, struct err *err)
{
    if (!set->image.n)
        return err_set(err, "the mesh has no sidecar image: set spec.sidecar.envoyImage in " NAME_MESH_CONFIG);
    if (!set->controller.n) return err_set(err, "the injector was not told the controller's address");
    if (!set->generation.n) return err_set(err, "the injector was not told the proxy's generation");
    return true;
}

bool inject_patch(const struct inject_input *in, const struct inject_settings *set, struct arena *a, json_t **patch,
                  struct err *err)
{
    struct capture_lists lists;
    *patch = NULL;
    if (!json_is_object(json_object_get(in->pod, "spec"))) return err_set(err, "the pod has no spec");
    if (!settings_complete(set, err) || !inject_lists(in->pod, set, a, &lists, err)) return false;
    bool was_injected = inject_is_injected(in->pod);
    *patch = json_array();
    add_metadata(in, set, was_injected, a, *patch);
    if (!was_injected) add_containers(in, set, &lists, a, *patch);
    return true;
}
