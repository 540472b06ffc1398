#include "status/trust.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/names.h"

#define MAP_NAME "osm-trust"
#define FILE_PEM "ca.pem"

struct trust_maps {
    struct writer *w;
    struct arena *arena; /* of |mesh| */
    struct arena *pem_arena;
    struct str mesh, pem;
    struct map namespaces; /* name → itself */
};

static void want(struct trust_maps *t, struct str ns)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct kube_ref ref = {.version = "v1", .plural = "configmaps", .ns = ns, .name = S(MAP_NAME)};
    json_t *map = json_pack("{s:s, s:s, s:{s:s, s:s%, s:{s:s}}, s:{s:s%}}", "apiVersion", "v1", "kind", "ConfigMap",
                            "metadata", "name", MAP_NAME, "namespace", ns.p, ns.n, "labels", "app.kubernetes.io/name",
                            "openservicemesh.io", "data", FILE_PEM, t->pem.p, t->pem.n);
    writer_want(t->w, str_fmt(a, "ConfigMap %.*s/" MAP_NAME, STR_FMT(ns)), ref, map);
}

void trust_maps_namespace(struct trust_maps *t, struct str name, const struct object *now)
{
    bool is_ours = now && !now->meta.deleted && str_eq(kvs_get(now->meta.labels, S(LABEL_MONITORED_BY)), t->mesh);
    bool was_ours = map_get(&t->namespaces, name) != NULL;
    if (is_ours == was_ours) return;
    if (is_ours) {
        map_put(&t->namespaces, name, t);
        want(t, name);
        return;
    }
    struct arena *a SCOPED_ARENA = arena_new();
    map_del(&t->namespaces, name);
    writer_drop(t->w, str_fmt(a, "ConfigMap %.*s/" MAP_NAME, STR_FMT(name)), false);
}

void trust_maps_set(struct trust_maps *t, struct str pem)
{
    if (str_eq(pem, t->pem)) return;
    struct arena *a = arena_new();
    t->pem = str_dup(a, pem);
    if (t->pem_arena) arena_free(t->pem_arena);
    t->pem_arena = a;
    struct strs all = map_keys(&t->namespaces, a);
    for (each(ns, all)) want(t, *ns);
}

struct trust_maps *trust_maps_new(struct writer *w, struct str mesh, struct str pem)
{
    struct trust_maps *t = xcalloc(1, sizeof *t);
    t->w = w;
    t->arena = arena_new();
    t->mesh = str_dup(t->arena, mesh);
    trust_maps_set(t, pem);
    return t;
}

void trust_maps_free(struct trust_maps *t)
{
    if (!t) return;
    map_release(&t->namespaces);
    if (t->pem_arena) arena_free(t->pem_arena);
    arena_free(t->arena);
    free(t);
}
