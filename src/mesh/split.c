#include "mesh/split.h"

#include "base/names.h"
#include "kinds/traffic_split.h"
#include "mesh/service.h"

static const struct field backend_fields[] = {
    FIELD(struct mesh_split_backend, service, "service", F_STR),
    FIELD(struct mesh_split_backend, weight, "weight", F_INT),
};
static const struct table backend_table = TABLE("Backend", struct mesh_split_backend, backend_fields);
static const struct field fields[] = {
    FIELD(struct mesh_split, title, "title", F_STR),
    FIELD(struct mesh_split, root, "root", F_STR),
    FIELD(struct mesh_split, created, "created", F_INT),
    FIELD(struct mesh_split, backends, "backends", F_LIST, .sub = &backend_table),
    FIELD(struct mesh_split, diags, "diags", F_LIST, .sub = &mesh_diag_table),
};
const struct table mesh_split_table = TABLE("Split", struct mesh_split, fields);
static const struct field roots_fields[] = {FIELD(struct mesh_roots, roots, "roots", F_STRS)};
const struct table mesh_roots_table = TABLE("Roots", struct mesh_roots, roots_fields);

bool split_service_name(struct str text, struct str ns, struct str *name)
{
    static const struct str tails[] = {S_INIT(""), S_INIT("svc"), S_INIT("svc.cluster"), S_INIT("svc.cluster.local")};
    struct str rest = text;
    if (str_ends(rest, S("."))) rest.n--;
    *name = str_cut(&rest, '.');
    if (!name->n) return false;
    if (!rest.p) return true;
    if (!str_eq(str_cut(&rest, '.'), ns)) return false;
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
        if (str_eq(rest, tails[i])) return true;
    return false;
}

/* ---- one TrafficSplit by itself -------------------------------------------------------------------------- */

static struct str service_key(const struct object *o, struct str text, struct arena *a, struct mesh_diags *diags)
{
    struct str name;
    if (split_service_name(text, o->meta.ns, &name)) return key_of(a, o->meta.ns, name);
    diag_error(a, diags, E_ABSENT, "%.*s is no name of a Service in namespace %.*s", STR_FMT(text),
               STR_FMT(o->meta.ns));
    return STR_NULL;
}

static void add_backend(struct arena *a, struct mesh_split *out, struct str service, int64_t weight)
{
    for (each(b, out->backends)) {
        if (!str_eq(b->service, service)) continue;
        b->weight += weight;
        return;
    }
    list_push(a, &out->backends, ((struct mesh_split_backend){service, weight}));
}

static int by_service(const void *a, const void *b)
{
    return str_cmp(((const struct mesh_split_backend *)a)->service, ((const struct mesh_split_backend *)b)->service);
}

static bool compute_object(struct cell *c, struct str key, struct arena *a, void *value)
{
    const struct object *o = store_get(c, KIND_TRAFFIC_SPLIT, key);
    const struct traffic_split *t = traffic_split_of(o);
    if (!t) return false;
    struct mesh_split *out = value;
    out->title = object_title(a, o);
    out->created = o->meta.created;
    out->root = service_key(o, t->spec.service, a, &out->diags);
    for (each(b, t->spec.backends)) {
        struct str service = service_key(o, b->service, a, &out->diags);
        if (service.n && b->weight > 0) add_backend(a, out, service, b->weight);
    }
    list_sort(&out->backends, by_service);
    if (!out->backends.n)
        diag_error(a, &out->diags, E_ABSENT, "no backend has a weight: calls to its root are answered with 503");
    return true;
}
const struct cell_kind mesh_split_object_cell = {"split-object", &mesh_split_table, compute_object};

/* ---- which one rules ------------------------------------------------------------------------------------- */

static bool compute_split(struct cell *c, struct str key, struct arena *a, void *value)
{
    (void)a;
    const struct mesh_split *best = NULL;
    struct strs candidates = store_index(c, INDEX_SPLITS_BY_SERVICE, key);
    for (each(k, candidates)) {
        const struct mesh_split *s = sheet_read(c, &mesh_split_object_cell, *k);
        if (!s || !str_eq(s->root, key)) continue;
        if (!best || mesh_is_older(s->created, s->title, best->created, best->title)) best = s;
    }
    if (best) *(struct mesh_split *)value = *best;
    return best != NULL;
}
const struct cell_kind mesh_split_cell = {"split", &mesh_split_table, compute_split};

const struct mesh_split *mesh_split(struct cell *c, struct str root) { return sheet_read(c, &mesh_split_cell, root); }

static bool has_backend(const struct mesh_split *s, struct str service)
{
    for (size_t i = 0; s && i < s->backends.n; i++)
        if (str_eq(s->backends.v[i].service, service)) return true;
    return false;
}

static bool compute_roots(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct strs found = {0};
    struct strs candidates = store_index(c, INDEX_SPLITS_BY_SERVICE, key);
    for (each(k, candidates)) {
        const struct mesh_split *s = sheet_read(c, &mesh_split_object_cell, *k);
        if (s && s->root.n && has_backend(s, key) && has_backend(mesh_split(c, s->root), key))
            list_push(a, &found, s->root);
    }
    ((struct mesh_roots *)value)->roots = strs_sort_unique(found);
    return true;
}
const struct cell_kind mesh_roots_cell = {"roots", &mesh_roots_table, compute_roots};

const struct mesh_roots *mesh_roots(struct cell *c, struct str service)
{
    return sheet_read(c, &mesh_roots_cell, service);
}
