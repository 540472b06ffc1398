#include <stdlib.h>

#include "base/errcode.h"
#include "base/field_dec.h"
#include "base/node_scalar.h"

/* ---- collections ----------------------------------------------------------------------------------------- */

static bool check_count(struct dec *d, const struct field *f, const struct node *n, const struct at *at, size_t count)
{
    return count > 0 || !(f->flags & FIELD_NOT_EMPTY) || dec_wrong(d, n, at, "must have at least one item");
}

static bool items_of(struct dec *d, const struct field *f, const struct node *n, const struct at *at)
{
    if (n->type != NODE_LIST) return dec_wrong_type(d, n, at, "a list");
    return check_count(d, f, n, at, n->items.n);
}

static bool decode_strs(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct strs *l = out;
    bool ok = items_of(d, f, n, at);
    if (!ok) return false;
    for (size_t i = 0; i < n->items.n; i++) {
        struct at item = {at, STR_NULL, i};
        struct str s = STR_NULL;
        if (dec_str(d, f, n->items.v[i], &item, &s))
            list_push(d->a, l, s);
        else
            ok = false;
    }
    return ok;
}

static bool decode_ints(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct ints *l = out;
    bool ok = items_of(d, f, n, at);
    if (!ok) return false;
    for (size_t i = 0; i < n->items.n; i++) {
        struct at item = {at, STR_NULL, i};
        int64_t v = 0;
        if (dec_int(d, f, n->items.v[i], &item, &v))
            list_push(d->a, l, v);
        else
            ok = false;
    }
    return ok;
}

static bool decode_struct(struct dec *d, const struct table *t, const struct node *n, const struct at *at, void *out);

static bool decode_list(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct strs *l = out; /* every LIST has this layout */
    bool ok = items_of(d, f, n, at);
    if (!ok || n->items.n == 0) return ok;
    l->v = arena_alloc(d->a, n->items.n * f->sub->size);
    l->n = n->items.n;
    for (size_t i = 0; i < n->items.n; i++) {
        struct at item = {at, STR_NULL, i};
        ok &= decode_struct(d, f->sub, n->items.v[i], &item, (char *)l->v + i * f->sub->size);
    }
    return ok;
}

static int cmp_kv(const void *a, const void *b)
{
    return str_cmp(((const struct kv *)a)->key, ((const struct kv *)b)->key);
}

static bool map_value(struct dec *d, const struct field *f, const struct node *n, const struct at *at, struct str *out)
{
    if (n->type == NODE_NULL) return true;
    return f->flags & FIELD_BASE64 ? dec_bytes(d, f, n, at, out) : dec_str(d, f, n, at, out);
}

static bool decode_map(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct kvs *m = out;
    if (n->type != NODE_MAP) return dec_wrong_type(d, n, at, "a mapping");
    bool ok = check_count(d, f, n, at, n->pairs.n);
    m->v = arena_array(d->a, struct kv, n->pairs.n);
    for (each(p, n->pairs)) {
        struct at item = {at, p->key.p ? p->key : S(""), 0};
        struct kv kv = {.key = str_dup(d->a, p->key)};
        ok &= map_value(d, f, p->value, &item, &kv.value);
        m->v[m->n++] = kv;
    }
    list_sort(m, cmp_kv);
    return ok;
}

static bool add_map(struct dec *d, const struct field *f, const struct node *n, const struct at *at, struct kvs *out)
{
    bool ok = true;
    if (n->type != NODE_MAP) return dec_wrong_type(d, n, at, "a mapping");
    for (each(p, n->pairs)) {
        struct at item = {at, p->key.p ? p->key : S(""), 0};
        struct kv kv = {.key = str_dup(d->a, p->key)};
        ok &= map_value(d, f, p->value, &item, &kv.value);
        list_push(d->a, out, kv);
    }
    return ok;
}

static bool decode_maps(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    bool ok = true;
    if (n->type == NODE_MAP) return add_map(d, f, n, at, out);
    if (!items_of(d, f, n, at)) return false;
    for (size_t i = 0; i < n->items.n; i++) {
        struct at item = {at, STR_NULL, i};
        ok &= add_map(d, f, n->items.v[i], &item, out);
    }
    return ok;
}

static bool decode_inline(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    return decode_struct(d, f->sub, n, at, out);
}

static bool decode_obj(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    void *v = arena_alloc(d->a, f->sub->size);
    *(void **)out = v;
    return decode_struct(d, f->sub, n, at, v);
}

static decode_fn *const decoders[] = {
    [F_STR] = dec_str,           [F_BOOL] = dec_bool,
    [F_TRI] = dec_tri,           [F_INT] = dec_int,
    [F_DURATION] = dec_duration, [F_TIME] = dec_time,
    [F_ENUM] = dec_enum,         [F_INLINE] = decode_inline,
    [F_OBJ] = decode_obj,        [F_LIST] = decode_list,
    [F_STRS] = decode_strs,      [F_INTS] = decode_ints,
    [F_MAP] = decode_map,        [F_INT_OR_STR] = dec_int_or_str,
    [F_JSON] = dec_json,         [F_QUANTITY] = dec_quantity,
    [F_BYTES] = dec_bytes,       [F_OPT_INT] = dec_opt_int,
    [F_MAPS] = decode_maps,
};

/* ---- structs --------------------------------------------------------------------------------------------- */

static bool is_texty(enum field_type t) { return t == F_STR || t == F_ENUM || t == F_DURATION || t == F_TIME; }

static struct node *scalar_node(struct arena *a, const struct field *f, struct str text)
{
    struct node *n = arena_make(a, struct node);
    n->type = NODE_STR;
    n->text = str_dup(a, text);
    if (!is_texty(f->type) && f->type != F_STRS) node_type_plain(n);
    return n;
}

/* The default as a node: a list type's items stand between commas. */
static struct node *default_node(struct arena *a, const struct field *f)
{
    struct str rest = str_of(f->def);
    if (f->type != F_STRS && f->type != F_INTS) return scalar_node(a, f, rest);
    struct node *list = arena_make(a, struct node);
    list->type = NODE_LIST;
    while (rest.p) list_push(a, &list->items, scalar_node(a, f, str_trim(str_cut(&rest, ','))));
    return list;
}

static void put_default(struct dec *d, const struct field *f, void *out)
{
    if (f->type == F_INLINE)
        table_defaults(f->sub, d->a, out);
    else if (f->def)
        decoders[f->type](d, f, default_node(d->a, f), NULL, out);
}

void table_defaults(const struct table *t, struct arena *a, void *out)
{
    struct problems none = {0};
    struct dec d = {.a = a, .probs = &none};
    for (size_t i = 0; i < t->n; i++) put_default(&d, &t->fields[i], (char *)out + t->fields[i].offset);
}

static void warn_not_enforced(struct dec *d, const struct table *t, const struct field *f, const struct node *n,
                              const struct at *at, const void *out)
{
    char *plain = arena_alloc(d->a, t->size);
    put_default(d, f, plain + f->offset);
    if (field_equal(f, (const char *)out + f->offset, plain + f->offset)) return;
    struct problem p = {
        false, dec_path(d, at), n->line, n->col, S("is checked but not carried out yet: it has no effect"), 0};
    dec_add(d->a, d->probs, p)->code = E_NOT_ENFORCED;
}

/* Kubernetes' way: an empty text where one of several words is expected means "not given". */
static bool is_absent(const struct field *f, const struct node *n)
{
    if (!n || n->type == NODE_NULL) return true;
    return f->type == F_ENUM && n->type == NODE_STR && n->text.n == 0 && dec_name_index(f, n->text) < 0;
}

static bool decode_field(struct dec *d, const struct table *t, const struct field *f, const struct node *map,
                         const struct at *up, void *out)
{
    const struct node *n = node_get(map, str_of(f->name));
    struct at at = {up, str_of(f->name), 0};
    void *member = (char *)out + f->offset;
    if (is_absent(f, n)) {
        if (f->flags & FIELD_REQUIRED) return dec_wrong(d, n ? n : map, &at, "is required");
        put_default(d, f, member);
        return true;
    }
    if (!decoders[f->type](d, f, n, &at, member)) return false;
    if (f->flags & FIELD_NOT_ENFORCED) warn_not_enforced(d, t, f, n, &at, out);
    return true;
}

static size_t min3(size_t a, size_t b, size_t c) { return a < b ? (a < c ? a : c) : (b < c ? b : c); }

/* Edits between two short words, letter case apart; 99 when either is long. */
static size_t distance(struct str a, struct str b)
{
    size_t row[65];
    if (a.n > 64 || b.n > 64) return 99;
    for (size_t j = 0; j <= b.n; j++) row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t above = row[j];
            bool same = str_eq_nocase(str_sub(a, i - 1, i), str_sub(b, j - 1, j));
            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + !same);
            diagonal = above;
        }
    }
    return row[b.n];
}

static const char *nearest(const struct table *t, struct str word)
{
    const char *best = NULL;
    size_t least = word.n < 4 ? 2 : 3;
    for (size_t i = 0; i < t->n; i++) {
        size_t edits = distance(word, str_of(t->fields[i].name));
        if (edits < least) least = edits, best = t->fields[i].name;
    }
    return best;
}

static bool is_known(const struct table *t, struct str name)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_is(name, t->fields[i].name)) return true;
    return false;
}

static void unknown_field(struct dec *d, const struct table *t, const struct node_pair *p, const struct at *up)
{
    struct at at = {up, p->key.p ? p->key : S(""), 0};
    bool is_error = d->mode & TABLE_STRICT;
    const char *near = nearest(t, p->key);
    struct str hint = near ? str_fmt(d->a, "; did you mean \"%s\"?", near) : S("; remove it");
    struct str text = str_fmt(d->a, "is not a field of %s%.*s", t->name, STR_FMT(hint));
    dec_add(d->a, d->probs, (struct problem){is_error, dec_path(d, &at), p->line, p->col, text, 0})->code =
        E_UNKNOWN_FIELD;
    d->failed |= is_error;
}

static bool check_unknown(struct dec *d, const struct table *t, const struct node *n, const struct at *at)
{
    bool was = d->failed;
    d->failed = false;
    if (n && !(d->mode & TABLE_OPEN)) {
        for (each(p, n->pairs))
            if (!is_known(t, p->key)) unknown_field(d, t, p, at);
    }
    bool ok = !d->failed;
    d->failed |= was;
    return ok;
}

/* Bytes of the first step of a path: "[0]" or "rules". */
static size_t step_len(struct str path)
{
    size_t i = 1;
    if (path.p[0] == '[') return (size_t)(str_find(path, ']') + 1);
    while (i < path.n && path.p[i] != '.' && path.p[i] != '[') i++;
    return i;
}

/* The node that a relative path like "rules[0].name" leads to, or the nearest one above it. */
static const struct node *node_at(const struct node *n, struct str path)
{
    const struct node *next = n;
    while (next && path.n) {
        n = next;
        struct str step = str_sub(path, 0, step_len(path));
        int64_t i;
        if (step.n == 0) return n;
        if (step.p[0] != '[')
            next = node_get(n, step);
        else if (n->type == NODE_LIST && str_to_i64(str_sub(step, 1, step.n - 1), 0, INT64_MAX, &i) &&
                 (size_t)i < n->items.n)
            next = n->items.v[i];
        else
            next = NULL;
        path = str_sub(path, step.n, path.n);
        if (str_starts(path, S("."))) path = str_sub(path, 1, path.n);
    }
    return next ? next : n;
}

static bool run_check(struct dec *d, const struct table *t, const struct node *n, const struct at *at, const void *v)
{
    struct problems found = {0};
    bool ok = true;
    t->check(v, d->a, &found);
    for (each(p, found)) {
        const struct node *where = n ? node_at(n, p->path) : NULL;
        struct str base = dec_path(d, at);
        const char *dot = base.n && p->path.n && p->path.p[0] != '[' ? "." : "";
        p->path = str_fmt(d->a, "%.*s%s%.*s", STR_FMT(base), dot, STR_FMT(p->path));
        if (where) p->line = where->line, p->col = where->col;
        list_push(d->a, d->probs, *p);
        ok &= !p->is_error;
    }
    if (!ok) d->failed = true;
    return ok;
}

static bool decode_struct(struct dec *d, const struct table *t, const struct node *n, const struct at *at, void *out)
{
    unsigned was = d->mode;
    if (n && n->type == NODE_NULL) n = NULL;
    if (n && n->type != NODE_MAP) return dec_wrong_type(d, n, at, "a mapping");
    if (t->flags & (TABLE_STRICT | TABLE_OPEN)) d->mode = t->flags;
    bool ok = check_unknown(d, t, n, at);
    for (size_t i = 0; i < t->n; i++) ok &= decode_field(d, t, &t->fields[i], n, at, out);
    if (ok && t->check) ok = run_check(d, t, n, at, out);
    d->mode = was;
    return ok;
}

bool table_decode(const struct table *t, const struct node *n, struct str path, struct arena *a, void *out,
                  struct problems *probs)
{
    struct dec d = {.a = a, .probs = probs, .base = path};
    return decode_struct(&d, t, n, NULL, out) && !d.failed;
}
