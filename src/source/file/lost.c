#include "kinds/mesh_config.h"
#include "source/file/internal.h"

static bool is_it(const struct object *o, const struct lost_object *l, struct arena *a)
{
    return o->kind == l->kind && str_eq(object_key(a, o), l->key);
}

static struct object *find(const struct file_objects *objects, const struct lost_object *l, struct arena *a)
{
    for (size_t i = 0; i < objects->n; i++)
        if (is_it(objects->v[i], l, a)) return objects->v[i];
    return NULL;
}

static void say(struct arena *a, struct source_problems *problems, const struct lost_object *l, const char *what)
{
    for (size_t i = l->first; i < l->first + l->n; i++)
        problems->v[i].text = str_fmt(a, "%.*s; %s", STR_FMT(problems->v[i].text), what);
}

bool lost_mesh_config(struct str text, const char *path, struct file_objects *out)
{
    SCOPED_ARENA struct arena *a = arena_new();
    if (!text.n || !memmem(text.p, text.n, "MeshConfig", sizeof "MeshConfig" - 1)) return false;
    struct object *closed = mesh_config_closed(a, S(NAME_SYSTEM_NAMESPACE "/" NAME_MESH_CONFIG), str_of(path));
    if (closed) file_objects_add(out, closed);
    return closed != NULL;
}

void lost_replace(struct reading *r, const struct file_objects *before, const char *path, struct arena *a,
                  struct source_problems *problems)
{
    for (each(l, r->lost)) {
        struct object *good = find(&r->objects, l, a) ? NULL : find(before, l, a);
        struct object *closed =
            good || l->kind != KIND_MESH_CONFIG ? NULL : mesh_config_closed(a, l->key, str_of(path));
        if (good) file_objects_add(&r->objects, object_ref(good));
        if (closed) file_objects_add(&r->objects, closed);
        say(a, problems, l,
            good     ? "the last good one stays in force"
            : closed ? "until it is mended: SMI policy, egress off"
                     : "it counts as absent");
    }
}
