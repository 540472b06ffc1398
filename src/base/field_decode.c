#include <arpa/inet.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/errcode.h"
#include "base/field.h"
#include "base/field_private.h"
#include "base/node_scalar.h"
#include "base/regex.h"

/* A path is a chain on the stack; text is made of it only when something is wrong. */
struct at {
    const struct at *up;
    struct str name; /* p == NULL: an index */
    size_t index;
};

struct dec {
    struct arena *a;
    struct problems *probs;
    struct str base;
    bool failed;
    unsigned mode; /* table_flag in force */
};

static void put_path(struct buf *b, const struct at *at)
{
    if (!at) return;
    put_path(b, at->up);
    if (!at->name.p) {
        buf_fmt(b, "[%zu]", at->index);
        return;
    }
    if (b->n) buf_char(b, '.');
    buf_str(b, at->name);
}

static struct str path_text(const struct dec *d, const struct at *at)
{
    struct buf b SCOPED_BUF = {0};
    buf_str(&b, d->base);
    put_path(&b, at);
    return str_dup(d->a, buf_view(&b));
}

static struct problem *add(struct arena *a, struct problems *out, struct problem p)
{
    p.code = E_BAD_OBJECT;
    list_push(a, out, p);
    return &out->v[out->n - 1];
}

void problem_add(struct arena *a, struct problems *out, bool is_error, const struct node *at, struct str path,
                 const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str text = str_vfmt(a, fmt, ap);
    va_end(ap);
    add(a, out, (struct problem){is_error, path, at ? at->line : 0, at ? at->col : 0, text, 0});
}

static bool wrong(struct dec *d, const struct node *n, const struct at *at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static bool wrong(struct dec *d, const struct node *n, const struct at *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str text = str_vfmt(d->a, fmt, ap);
    va_end(ap);
    add(d->a, d->probs, (struct problem){true, path_text(d, at), n ? n->line : 0, n ? n->col : 0, text, 0});
    d->failed = true;
    return false;
}

static bool wrong_type(struct dec *d, const struct node *n, const struct at *at, const char *want)
{
    static const char *const kinds[] = {"empty", "true or false", "a number", "a number", "a string", "a list", "a mapping"};
    return wrong(d, n, at, "must be %s, not %s", want, kinds[n->type]);
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static bool text_of(struct dec *d, const struct node *n, const struct at *at, struct str *out)
{
    if (n->type == NODE_BOOL || n->type == NODE_INT || n->type == NODE_FLOAT)
        return wrong(d, n, at, "must be a string; put it in quotes: \"%.*s\"", STR_FMT(n->text));
    if (n->type != NODE_STR) return wrong_type(d, n, at, "a string");
    *out = n->text;
    return true;
}

static bool is_cidr(struct arena *a, struct str s)
{
    unsigned char addr[16];
    struct str ip = str_cut(&s, '/');
    bool v6 = str_find(ip, ':') >= 0;
    int64_t bits;
    return s.p && inet_pton(v6 ? AF_INET6 : AF_INET, str_c(a, ip), addr) == 1 && s.p[0] != '-' &&
           str_to_i64(s, 0, v6 ? 128 : 32, &bits);
}

static struct str names_text(struct dec *d, const char *const *names)
{
    struct buf b SCOPED_BUF = {0};
    for (; *names; names++) {
        if (**names) buf_fmt(&b, "%s%s", b.n ? ", " : "", *names);
    }
    return str_dup(d->a, buf_view(&b));
}

static int name_index(const struct field *f, struct str s)
{
    for (int i = 0; f->names[i]; i++) {
        struct str name = str_of(f->names[i]);
        if (f->flags & FIELD_NOCASE ? str_eq_nocase(name, s) : str_eq(name, s)) return i;
    }
    return -1;
}

static bool wrong_name(struct dec *d, const struct field *f, const struct node *n, const struct at *at, struct str s)
{
    struct str all = names_text(d, f->names);
    return wrong(d, n, at, "must be one of %.*s, not \"%.*s\"", STR_FMT(all), STR_FMT(s));
}

static bool check_regex(struct dec *d, const struct node *n, const struct at *at, struct str s)
{
    struct err err = {0};
    struct regex *r = regex_new(s, &err);
    regex_free(r);
    if (r) return true;
    wrong(d, n, at, "\"%.*s\": %s", STR_FMT(s), err.text);
    d->probs->v[d->probs->n - 1].code = E_BAD_REGEX;
    return false;
}

/* An empty text counts as not given, as in Kubernetes, unless FIELD_NOT_EMPTY. */
static bool check_text(struct dec *d, const struct field *f, const struct node *n, const struct at *at, struct str s)
{
    if (s.n == 0) return !(f->flags & FIELD_NOT_EMPTY) || wrong(d, n, at, "must not be empty");
    if (f->names && name_index(f, s) < 0) return wrong_name(d, f, n, at, s);
    if ((f->flags & FIELD_CIDR) && !is_cidr(d->a, s))
        return wrong(d, n, at, "\"%.*s\" is not an address range; write it as 10.0.0.0/8", STR_FMT(s));
    if ((f->flags & FIELD_REGEX) && !check_regex(d, n, at, s)) return false;
    if (f->pattern && !regex_matches_const(f->pattern, s))
        return wrong(d, n, at, "\"%.*s\" does not have the form %s", STR_FMT(s), f->pattern);
    return true;
}

typedef bool decode_fn(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out);

static bool decode_str(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct str s;
    if (!text_of(d, n, at, &s) || !check_text(d, f, n, at, s)) return false;
    *(struct str *)out = str_dup(d->a, s);
    return true;
}

/* ---- scalars --------------------------------------------------------------------------------------------- */

static bool decode_bool(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    (void)f;
    if (n->type != NODE_BOOL) return wrong_type(d, n, at, "true or false");
    *(bool *)out = n->i != 0;
    return true;
}

static bool decode_tri(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    (void)f;
    if (n->type != NODE_BOOL) return wrong_type(d, n, at, "true or false");
    *(enum tri *)out = n->i ? TRI_TRUE : TRI_FALSE;
    return true;
}

static bool in_range(struct dec *d, const struct field *f, const struct node *n, const struct at *at, int64_t v)
{
    if ((f->min == 0 && f->max == 0) || (v >= f->min && v <= f->max)) return true;
    if (f->max == INT64_MAX) return wrong(d, n, at, "must be at least %lld, not %lld", (long long)f->min, (long long)v);
    return wrong(d, n, at, "must be between %lld and %lld, not %lld", (long long)f->min, (long long)f->max, (long long)v);
}

static bool decode_int(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    if (n->type != NODE_INT) return wrong_type(d, n, at, "a whole number");
    if (!in_range(d, f, n, at, n->i)) return false;
    *(int64_t *)out = n->i;
    return true;
}

static bool decode_opt_int(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct opt_int *v = out;
    v->is_set = decode_int(d, f, n, at, &v->v);
    return v->is_set;
}

static bool duration_in_range(struct dec *d, const struct field *f, const struct node *n, const struct at *at, int64_t v)
{
    if ((f->min == 0 && f->max == 0) || (v >= f->min && v <= f->max)) return true;
    struct str least = duration_text(d->a, f->min), most = duration_text(d->a, f->max);
    if (f->max == INT64_MAX) return wrong(d, n, at, "must be at least %.*s", STR_FMT(least));
    return wrong(d, n, at, "must be between %.*s and %.*s", STR_FMT(least), STR_FMT(most));
}

static bool decode_duration(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    int64_t ns = 0;
    bool is_zero = n->type == NODE_INT && n->i == 0;
    if (!is_zero && n->type != NODE_STR) return wrong_type(d, n, at, "a duration like 5s or 1h30m");
    if (!is_zero && !duration_parse(n->text, &ns))
        return wrong(d, n, at, "\"%.*s\" is not a duration; write it like 500ms, 5s or 1h30m", STR_FMT(n->text));
    if (!duration_in_range(d, f, n, at, ns)) return false;
    *(int64_t *)out = ns;
    return true;
}

static bool decode_time(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    (void)f;
    if (n->type != NODE_STR || !time_parse(n->text, out))
        return wrong(d, n, at, "must be a time like 2026-01-31T12:00:00Z");
    return true;
}

static bool decode_enum(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct str s;
    if (!text_of(d, n, at, &s)) return false;
    int i = name_index(f, s);
    if (i < 0) return wrong_name(d, f, n, at, s);
    *(int *)out = i;
    return true;
}

static bool decode_int_or_str(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct int_or_str *v = out;
    if (n->type == NODE_STR) return decode_str(d, f, n, at, &v->s);
    if (n->type != NODE_INT) return wrong_type(d, n, at, "a whole number or a name");
    if (!in_range(d, f, n, at, n->i)) return false;
    v->i = n->i;
    return true;
}

static bool decode_json(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    (void)f, (void)at;
    field_keep_json(d->a, node_to_json(n), out);
    return true;
}

static bool decode_quantity(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    static const char form[] = "[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?";
    (void)f;
    if (n->type != NODE_STR && n->type != NODE_INT && n->type != NODE_FLOAT) return wrong_type(d, n, at, "a quantity");
    if (!regex_matches_const(form, n->text))
        return wrong(d, n, at, "\"%.*s\" is not a quantity; write it like 100m or 128Mi", STR_FMT(n->text));
    *(struct str *)out = str_dup(d->a, n->text);
    return true;
}

static bool decode_bytes(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct str s;
    (void)f;
    if (!text_of(d, n, at, &s)) return false;
    return base64_read(d->a, s, out) || wrong(d, n, at, "is not base64");
}

/* ---- collections ----------------------------------------------------------------------------------------- */

static bool check_count(struct dec *d, const struct field *f, const struct node *n, const struct at *at, size_t count)
{
    return count > 0 || !(f->flags & FIELD_NOT_EMPTY) || wrong(d, n, at, "must have at least one item");
}

static bool items_of(struct dec *d, const struct field *f, const struct node *n, const struct at *at)
{
    if (n->type != NODE_LIST) return wrong_type(d, n, at, "a list");
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
        if (decode_str(d, f, n->items.v[i], &item, &s)) list_push(d->a, l, s);
        else ok = false;
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
        if (decode_int(d, f, n->items.v[i], &item, &v)) list_push(d->a, l, v);
        else ok = false;
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
    return f->flags & FIELD_BASE64 ? decode_bytes(d, f, n, at, out) : decode_str(d, f, n, at, out);
}

static bool decode_map(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out)
{
    struct kvs *m = out;
    if (n->type != NODE_MAP) return wrong_type(d, n, at, "a mapping");
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
    if (n->type != NODE_MAP) return wrong_type(d, n, at, "a mapping");
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
    [F_STR] = decode_str,           [F_BOOL] = decode_bool,         [F_TRI] = decode_tri,
    [F_INT] = decode_int,           [F_DURATION] = decode_duration, [F_TIME] = decode_time,
    [F_ENUM] = decode_enum,         [F_INLINE] = decode_inline,     [F_OBJ] = decode_obj,
    [F_LIST] = decode_list,         [F_STRS] = decode_strs,         [F_INTS] = decode_ints,
    [F_MAP] = decode_map,           [F_INT_OR_STR] = decode_int_or_str, [F_JSON] = decode_json,
    [F_QUANTITY] = decode_quantity, [F_BYTES] = decode_bytes,
    [F_OPT_INT] = decode_opt_int,   [F_MAPS] = decode_maps,
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
    if (f->type == F_INLINE) table_defaults(f->sub, d->a, out);
    else if (f->def) decoders[f->type](d, f, default_node(d->a, f), NULL, out);
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
    struct problem p = {false, path_text(d, at), n->line, n->col, S("is checked but not carried out yet: it has no effect"), 0};
    add(d->a, d->probs, p)->code = E_NOT_ENFORCED;
}

/* Kubernetes' way: an empty text where one of several words is expected means "not given". */
static bool is_absent(const struct field *f, const struct node *n)
{
    if (!n || n->type == NODE_NULL) return true;
    return f->type == F_ENUM && n->type == NODE_STR && n->text.n == 0 && name_index(f, n->text) < 0;
}

static bool decode_field(struct dec *d, const struct table *t, const struct field *f, const struct node *map,
                         const struct at *up, void *out)
{
    const struct node *n = node_get(map, str_of(f->name));
    struct at at = {up, str_of(f->name), 0};
    void *member = (char *)out + f->offset;
    if (is_absent(f, n)) {
        if (f->flags & FIELD_REQUIRED) return wrong(d, n ? n : map, &at, "is required");
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
    add(d->a, d->probs, (struct problem){is_error, path_text(d, &at), p->line, p->col, text, 0})->code = E_UNKNOWN_FIELD;
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
        if (step.p[0] != '[') next = node_get(n, step);
        else if (n->type == NODE_LIST && str_to_i64(str_sub(step, 1, step.n - 1), 0, INT64_MAX, &i) && (size_t)i < n->items.n)
            next = n->items.v[i];
        else next = NULL;
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
        struct str base = path_text(d, at);
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
    if (n && n->type != NODE_MAP) return wrong_type(d, n, at, "a mapping");
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
