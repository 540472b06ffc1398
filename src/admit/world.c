#include "admit/world.h"

bool admit_wants(enum kind k)
{
    return k == KIND_NAMESPACE || k == KIND_INGRESS_BACKEND || k == KIND_UPSTREAM_TRAFFIC_SETTING ||
           k == KIND_MESH_ROOT_CERTIFICATE;
}

void admit_world_put(struct admit_world *w, enum kind k, struct str key, struct object *now)
{
    struct object *old = now ? map_put(&w->objects[k], key, now) : map_del(&w->objects[k], key);
    if (old) object_unref(old);
}

void admit_world_settings(struct admit_world *w, const struct mesh_settings *settings, struct arena *a)
{
    if (w->arena) arena_free(w->arena);
    w->arena = a;
    w->settings = settings;
}

void admit_world_release(struct admit_world *w)
{
    for (size_t k = 0; k < KIND_COUNT; k++) {
        size_t it = 0;
        void *o;
        while (map_next(&w->objects[k], &it, NULL, &o)) object_unref(o);
        map_release(&w->objects[k]);
    }
    if (w->arena) arena_free(w->arena);
    *w = (struct admit_world){0};
}
