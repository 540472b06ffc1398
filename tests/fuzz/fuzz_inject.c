// rooms: inject
/* A pod as anybody may submit it: decided, patched, and injected a second time without any change. */
#include <stdlib.h>

#include "inject/inject.h"

static const struct kv label = {S_INIT("openservicemesh.io/monitored-by"), S_INIT("osm")};
static const struct kv annotation = {S_INIT("openservicemesh.io/sidecar-injection"), S_INIT("enabled")};

static void inject(json_t *pod, struct arena *a)
{
    struct inject_input in = {.pod = pod,
                              .ns = S("shop"),
                              .ns_known = true,
                              .ns_labels = {(struct kv *)&label, 1},
                              .ns_annotations = {(struct kv *)&annotation, 1},
                              .uuid = S("u")};
    struct inject_settings set = {.image = S("osm"), .controller = S("c:1"), .generation = S("1")};
    struct err err = {0};
    json_t *patch = NULL;
    if (inject_decide(&in, a).action != INJECT_YES || !inject_patch(&in, &set, a, &patch, &err)) return;
    bool applied = patch_apply(pod, patch, &err);
    json_decref(patch);
    if (!applied) return; /* a pod whose lists are no lists */
    if (!inject_is_injected(pod) || !inject_patch(&in, &set, a, &patch, &err) || json_array_size(patch)) abort();
    json_decref(patch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *pod = json_loadb((const char *)data, size, 0, NULL);
    if (!pod) return 0;
    struct arena *a = arena_new();
    inject(pod, a);
    arena_free(a);
    json_decref(pod);
    return 0;
}
