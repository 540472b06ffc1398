#include "api/validate.h"

#include <stdlib.h>

#include "base/names.h"
#include "kinds/together.h"
#include "mesh/diag.h"

struct judge {
    struct sheet *sheet;
    struct store *store;
    struct arena *a;
    struct validation out;
};

static void add(struct judge *j, struct source_problem p)
{
    *(struct source_problem *)list_grow(j->a, (void **)&j->out.problems.v, &j->out.problems.n, sizeof p) = p;
}

static struct str place(struct judge *j, const struct object *o)
{
    return str_fmt(j->a, "%.*s:%u", STR_FMT(o->file), o->line);
}

static struct strs keys(struct judge *j, int kind) { return store_keys(j->store, (enum kind)kind, j->a); }

/* ---- what a cluster would have -------------------------------------------------------------------------- */

static void assume_namespace(struct judge *j, const struct mesh_platform *p, struct str ns)
{
    struct problems ignored = {0};
    if (!ns.n || str_eq(ns, p->system_ns) || store_peek(j->store, KIND_NAMESPACE, ns)) return;
    json_t *doc = json_pack("{s:s, s:s, s:{s:s%, s:{s:s%}}}", "apiVersion", "v1", "kind", "Namespace", "metadata",
                            "name", ns.p, ns.n, "labels", LABEL_MONITORED_BY, p->mesh.p, p->mesh.n);
    struct object *o = object_of_json(doc, j->a, &ignored);
    if (o) store_put(j->store, o);
    json_decref(doc);
}

static void assume_namespaces(struct judge *j, const struct mesh_platform *p)
{
    for (int k = 0; k < KIND_COUNT; k++) {
        struct strs all = keys(j, k);
        for (size_t i = 0; i < all.n; i++)
            assume_namespace(j, p, store_peek(j->store, (enum kind)k, all.v[i])->meta.ns);
    }
}

/* ---- what the mesh says --------------------------------------------------------------------------------- */

static bool is_reference(int code)
{
    return code == E_ABSENT || code == E_ROUTE_GROUP_ABSENT || code == E_EGRESS_GROUP_ABSENT;
}

/* What was found follows from objects that the files may lack: says so; NULL when it follows from the files. */
static const char *doubt(struct judge *j, const struct object *o, int code)
{
    if (is_reference(code)) return "; looked for among these files alone";
    if (code != E_NOT_ENFORCED || o->kind == KIND_MESH_CONFIG) return NULL;
    if (kind_info(o->kind)->flags & KIND_NOT_ENFORCED) return ""; /* no fault of the file */
    bool has_settings = keys(j, KIND_MESH_CONFIG).n > 0;
    return has_settings ? NULL : "; no MeshConfig is among these files, so an installation's first one is assumed";
}

static void add_diag(struct judge *j, const struct object *o, const struct mesh_diag *d)
{
    const char *also = doubt(j, o, (int)d->code);
    add(j, (struct source_problem){.code = (int)d->code,
                                   .where = place(j, o),
                                   .object = str_dup(j->a, d->object),
                                   .text = str_fmt(j->a, "%.*s%s", STR_FMT(d->text), also ? also : ""),
                                   .is_error = d->is_error && !also});
}

/* Did the mesh charge |o| with it? */
static bool is_said(const struct mesh_diag_list *l, int code)
{
    for (size_t i = 0; l && i < l->diags.n; i++)
        if (l->diags.v[i].code == code) return true;
    return false;
}

static void add_diags(struct judge *j, const struct object *o, const struct mesh_diag_list *l)
{
    bool is_pod = o->kind == KIND_POD;
    for (size_t i = 0; l && i < l->diags.n; i++)
        if (!is_pod || l->diags.v[i].code != E_NOT_IN_MESH) add_diag(j, o, &l->diags.v[i]);
}

/* ---- what would be refused beside the others ------------------------------------------------------------- */

/* Neighbours that come before, as if the files were applied in the order of names: one of a pair is charged, the one
 * that the mesh, too, lets give way. */
static const struct object *next_before(void *arg, const struct object *now, size_t *it)
{
    struct judge *j = arg;
    struct strs all = keys(j, now->kind);
    while (*it < all.n) {
        const struct object *o = store_peek(j->store, now->kind, all.v[(*it)++]);
        if (o == now) break;
        if (str_eq(o->meta.ns, now->meta.ns)) return o;
    }
    *it = all.n;
    return NULL;
}

/* A set of roots is judged when it is whole. */
static bool has_later_root(struct judge *j, const struct object *o)
{
    if (o->kind != KIND_MESH_ROOT_CERTIFICATE) return false;
    struct strs all = keys(j, o->kind);
    for (size_t i = all.n; i > 0; i--) {
        const struct object *x = store_peek(j->store, o->kind, all.v[i - 1]);
        if (str_eq(x->meta.ns, o->meta.ns)) return x != o;
    }
    return false;
}

static void add_broken(struct judge *j, const struct object *o, const struct mesh_diag_list *l)
{
    const struct neighbours n = {j, next_before};
    const struct problem *p = has_later_root(j, o) ? NULL : together_check(o, NULL, &n, j->a);
    if (!p || is_said(l, p->code)) return;
    add(j, (struct source_problem){.code = p->code,
                                   .where = place(j, o),
                                   .object = object_title(j->a, o),
                                   .path = p->path,
                                   .text = str_fmt(j->a, "%.*s: %.*s", STR_FMT(p->path), STR_FMT(p->text)),
                                   .is_error = true});
}

/* ---- all -------------------------------------------------------------------------------------------------- */

static void observe(void *arg, enum kind k, struct str key, const struct object *old, const struct object *now)
{
    struct judge *j = arg;
    struct arena *a SCOPED_ARENA = arena_new();
    if (now && !old) sheet_observe(j->sheet, &mesh_diag_cell, mesh_diag_key(a, k, key));
}

static void judge_object(struct judge *j, enum kind k, struct str key)
{
    const struct object *o = store_peek(j->store, k, key);
    if (!o->file.n) return; /* assumed */
    const struct mesh_diag_list *l = sheet_value(j->sheet, &mesh_diag_cell, mesh_diag_key(j->a, k, key));
    j->out.objects++;
    add_diags(j, o, l);
    add_broken(j, o, l);
}

static void judge_all(struct judge *j)
{
    struct sheet_delta delta = {0};
    while (!sheet_run(j->sheet, 0, j->a, &delta)) continue;
    for (int k = 0; k < KIND_COUNT; k++) {
        struct strs all = keys(j, k);
        for (size_t i = 0; i < all.n; i++) judge_object(j, (enum kind)k, all.v[i]);
    }
}

struct str validate_place(struct str where, int64_t *line, int64_t *col)
{
    int64_t n[2] = {0, 0};
    int found = 0;
    for (ptrdiff_t at; found < 2 && (at = str_rfind(where, ':')) >= 0; found++) {
        if (!str_to_i64(str_sub(where, (size_t)at + 1, where.n), 0, UINT32_MAX, &n[found])) break;
        where = str_sub(where, 0, (size_t)at);
    }
    *line = found == 2 ? n[1] : n[0];
    *col = found == 2 ? n[0] : 0;
    return where;
}

static int by_place(const void *x, const void *y)
{
    const struct source_problem *p = x, *q = y;
    int64_t line[2], col[2];
    int c = str_cmp(validate_place(p->where, &line[0], &col[0]), validate_place(q->where, &line[1], &col[1]));
    if (c) return c;
    if (line[0] != line[1]) return line[0] < line[1] ? -1 : 1;
    if (col[0] != col[1]) return col[0] < col[1] ? -1 : 1;
    if (p->code != q->code) return p->code < q->code ? -1 : 1;
    return str_cmp(p->text, q->text);
}

struct validation validate_files(struct strs paths, const struct mesh_platform *platform, struct arena *a)
{
    struct judge j = {.sheet = sheet_new(), .a = a};
    j.store = store_new(j.sheet);
    mesh_platform_set(j.sheet, platform);
    store_on_change(j.store, observe, &j);
    j.out.problems = file_read_once(paths, j.store, a);
    assume_namespaces(&j, platform);
    judge_all(&j);
    list_sort(&j.out.problems, by_place);
    for (each(p, j.out.problems)) *(p->is_error ? &j.out.errors : &j.out.warnings) += 1;
    sheet_free(j.sheet);
    store_free(j.store);
    return j.out;
}
