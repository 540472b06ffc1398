// rooms: admit
/* AdmissionReviews from anybody who can reach the webhooks: answered, whatever they are. */
#include <stdlib.h>

#include "admit/review.h"

static struct admit_world *world(void)
{
    static struct admit_world w = {.image = S_INIT("osm"), .controller = S_INIT("c:1"), .generation = S_INIT("1")};
    if (w.settings) return &w;
    struct arena *a = arena_new();
    struct mesh_settings *s = arena_alloc(a, sizeof *s);
    struct problems probs = {0};
    mesh_settings_of(NULL, a, s);
    admit_world_settings(&w, s, a);
    json_t *ns = json_loads("{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"shop\",\"labels\":{"
                            "\"openservicemesh.io/monitored-by\":\"osm\"},\"annotations\":{"
                            "\"openservicemesh.io/sidecar-injection\":\"enabled\"}}}",
                            0, NULL);
    admit_world_put(&w, KIND_NAMESPACE, S("shop"), object_of_json(ns, a, &probs));
    json_decref(ns);
    return &w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str reply, kind;
    bool allowed;
    for (int hook = ADMIT_MUTATE; hook <= ADMIT_VALIDATE; hook++) {
        int status = admit_review(world(), hook, str_make((const char *)data, size), a, &reply, &kind, &allowed);
        if (!reply.n || (status != 200 && allowed)) abort();
    }
    arena_free(a);
    return 0;
}
