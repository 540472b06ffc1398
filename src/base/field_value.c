#include <stdlib.h>

#include "base/field_private.h"

void field_keep_json(struct arena *a, json_t *j, void *out)
{
    arena_on_free(a, (void (*)(void *))json_decref, j);
    *(json_t **)out = j;
}

size_t field_size(const struct field *f)
{
    static const size_t sizes[] = {
        [F_STR] = sizeof(struct str),
        [F_BOOL] = sizeof(bool),
        [F_TRI] = sizeof(enum tri),
        [F_INT] = sizeof(int64_t),
        [F_DURATION] = sizeof(int64_t),
        [F_TIME] = sizeof(int64_t),
        [F_ENUM] = sizeof(int),
        [F_OBJ] = sizeof(void *),
        [F_LIST] = sizeof(struct strs),
        [F_STRS] = sizeof(struct strs),
        [F_INTS] = sizeof(struct ints),
        [F_MAP] = sizeof(struct kvs),
        [F_INT_OR_STR] = sizeof(struct int_or_str),
        [F_JSON] = sizeof(json_t *),
        [F_QUANTITY] = sizeof(struct str),
        [F_BYTES] = sizeof(struct str),
        [F_OPT_INT] = sizeof(struct opt_int),
        [F_MAPS] = sizeof(struct kvs),
    };
    return f->type == F_INLINE ? f->sub->size : sizes[f->type];
}

static const void *at(const struct field *f, const void *v) { return (const char *)v + f->offset; }
static const char *item(const struct field *f, const struct strs *l, size_t i)
{
    return (const char *)l->v + i * f->sub->size;
}

/* ---- zero ------------------------------------------------------------------------------------------------ */

static bool struct_is_zero(const struct table *t, const void *v)
{
    for (size_t i = 0; i < t->n; i++)
        if (!field_is_zero(&t->fields[i], at(&t->fields[i], v))) return false;
    return true;
}

bool field_is_zero(const struct field *f, const void *v)
{
    switch (f->type) {
    case F_STR:
    case F_QUANTITY:
    case F_BYTES:
        return ((const struct str *)v)->n == 0;
    case F_BOOL:
        return !*(const bool *)v;
    case F_TRI:
        return *(const enum tri *)v == TRI_UNSET;
    case F_INT:
    case F_DURATION:
    case F_TIME:
        return *(const int64_t *)v == 0;
    case F_ENUM:
        return *(const int *)v == 0;
    case F_INLINE:
        return struct_is_zero(f->sub, v);
    case F_OBJ:
    case F_JSON:
        return *(void *const *)v == NULL;
    case F_LIST:
    case F_STRS:
    case F_INTS:
    case F_MAP:
    case F_MAPS:
        return ((const struct strs *)v)->n == 0;
    case F_OPT_INT:
        return !((const struct opt_int *)v)->is_set;
    case F_INT_OR_STR:
        return ((const struct int_or_str *)v)->i == 0 && ((const struct int_or_str *)v)->s.n == 0;
    }
    return true;
}

/* ---- hash ------------------------------------------------------------------------------------------------ */

static void hash_json(const json_t *j, struct hasher *h)
{
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
    hasher_str(h, str_of(text));
    free(text);
}

static void hash_list(const struct field *f, const struct strs *l, struct hasher *h)
{
    hasher_u64(h, l->n);
    for (size_t i = 0; i < l->n; i++) table_hash(f->sub, item(f, l, i), h);
}

static void hash_strs(const struct strs *l, struct hasher *h)
{
    hasher_u64(h, l->n);
    for (size_t i = 0; i < l->n; i++) hasher_str(h, l->v[i]);
}

static void hash_obj(const struct field *f, const void *v, struct hasher *h)
{
    hasher_u64(h, v != NULL);
    if (v) table_hash(f->sub, v, h);
}

static void hash_ints(const struct ints *l, struct hasher *h)
{
    hasher_u64(h, l->n);
    for (size_t i = 0; i < l->n; i++) hasher_u64(h, (uint64_t)l->v[i]);
}

static void hash_map(const struct kvs *m, struct hasher *h)
{
    hasher_u64(h, m->n);
    for (size_t i = 0; i < m->n; i++) {
        hasher_str(h, m->v[i].key);
        hasher_str(h, m->v[i].value);
    }
}

static void field_hash(const struct field *f, const void *v, struct hasher *h)
{
    switch (f->type) {
    case F_STR:
    case F_QUANTITY:
    case F_BYTES:
        hasher_str(h, *(const struct str *)v);
        break;
    case F_BOOL:
        hasher_u64(h, *(const bool *)v);
        break;
    case F_TRI:
        hasher_u64(h, *(const enum tri *)v);
        break;
    case F_INT:
    case F_DURATION:
    case F_TIME:
        hasher_u64(h, (uint64_t) * (const int64_t *)v);
        break;
    case F_ENUM:
        hasher_u64(h, (uint64_t) * (const int *)v);
        break;
    case F_INLINE:
        table_hash(f->sub, v, h);
        break;
    case F_OBJ:
        hash_obj(f, *(void *const *)v, h);
        break;
    case F_LIST:
        hash_list(f, v, h);
        break;
    case F_STRS:
        hash_strs(v, h);
        break;
    case F_INTS:
        hash_ints(v, h);
        break;
    case F_MAP:
    case F_MAPS:
        hash_map(v, h);
        break;
    case F_OPT_INT:
        hasher_u64(h, ((const struct opt_int *)v)->is_set);
        hasher_u64(h, (uint64_t)((const struct opt_int *)v)->v);
        break;
    case F_INT_OR_STR:
        hasher_u64(h, (uint64_t)((const struct int_or_str *)v)->i);
        hasher_str(h, ((const struct int_or_str *)v)->s);
        break;
    case F_JSON:
        hash_json(*(json_t *const *)v, h);
        break;
    }
}

void table_hash(const struct table *t, const void *v, struct hasher *h)
{
    for (size_t i = 0; i < t->n; i++) field_hash(&t->fields[i], at(&t->fields[i], v), h);
}

/* ---- equality -------------------------------------------------------------------------------------------- */

static bool equal_lists(const struct field *f, const struct strs *a, const struct strs *b)
{
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (!table_equal(f->sub, item(f, a, i), item(f, b, i))) return false;
    return true;
}

static bool equal_strs(const struct strs *a, const struct strs *b)
{
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (!str_eq(a->v[i], b->v[i])) return false;
    return true;
}

static bool equal_maps(const struct kvs *a, const struct kvs *b)
{
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (!str_eq(a->v[i].key, b->v[i].key) || !str_eq(a->v[i].value, b->v[i].value)) return false;
    return true;
}

static bool equal_ints(const struct ints *a, const struct ints *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->v, b->v, a->n * sizeof *a->v) == 0);
}

static bool equal_objs(const struct field *f, const void *a, const void *b)
{
    return a && b ? table_equal(f->sub, a, b) : a == b;
}

static bool equal_json(const json_t *a, const json_t *b) { return a && b ? json_equal(a, b) : a == b; }

static bool equal_int_or_str(const struct int_or_str *a, const struct int_or_str *b)
{
    return a->i == b->i && str_eq(a->s, b->s);
}

static bool equal_opt_int(const struct opt_int *a, const struct opt_int *b)
{
    return a->is_set == b->is_set && a->v == b->v;
}

bool field_equal(const struct field *f, const void *a, const void *b)
{
    switch (f->type) {
    case F_STR:
    case F_QUANTITY:
    case F_BYTES:
        return str_eq(*(const struct str *)a, *(const struct str *)b);
    case F_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case F_TRI:
        return *(const enum tri *)a == *(const enum tri *)b;
    case F_INT:
    case F_DURATION:
    case F_TIME:
        return *(const int64_t *)a == *(const int64_t *)b;
    case F_ENUM:
        return *(const int *)a == *(const int *)b;
    case F_INLINE:
        return table_equal(f->sub, a, b);
    case F_OBJ:
        return equal_objs(f, *(void *const *)a, *(void *const *)b);
    case F_LIST:
        return equal_lists(f, a, b);
    case F_STRS:
        return equal_strs(a, b);
    case F_INTS:
        return equal_ints(a, b);
    case F_MAP:
    case F_MAPS:
        return equal_maps(a, b);
    case F_OPT_INT:
        return equal_opt_int(a, b);
    case F_INT_OR_STR:
        return equal_int_or_str(a, b);
    case F_JSON:
        return equal_json(*(json_t *const *)a, *(json_t *const *)b);
    }
    return false;
}

bool table_equal(const struct table *t, const void *a, const void *b)
{
    for (size_t i = 0; i < t->n; i++)
        if (!field_equal(&t->fields[i], at(&t->fields[i], a), at(&t->fields[i], b))) return false;
    return true;
}

/* ---- copy ------------------------------------------------------------------------------------------------ */

static void copy_list(const struct field *f, const struct strs *from, struct arena *a, struct strs *to)
{
    to->n = from->n;
    to->v = from->n ? arena_alloc(a, from->n * f->sub->size) : NULL;
    for (size_t i = 0; i < from->n; i++) table_copy(f->sub, item(f, from, i), a, (char *)to->v + i * f->sub->size);
}

static void copy_strs(const struct strs *from, struct arena *a, struct strs *to)
{
    to->n = from->n;
    to->v = from->n ? arena_array(a, struct str, from->n) : NULL;
    for (size_t i = 0; i < from->n; i++) to->v[i] = str_dup(a, from->v[i]);
}

static void copy_map(const struct kvs *from, struct arena *a, struct kvs *to)
{
    to->n = from->n;
    to->v = from->n ? arena_array(a, struct kv, from->n) : NULL;
    for (size_t i = 0; i < from->n; i++)
        to->v[i] = (struct kv){str_dup(a, from->v[i].key), str_dup(a, from->v[i].value)};
}

static void copy_ints(const struct ints *from, struct arena *a, struct ints *to)
{
    to->n = from->n;
    to->v = from->n ? arena_array(a, int64_t, from->n) : NULL;
    if (from->n) memcpy(to->v, from->v, from->n * sizeof *to->v);
}

static void copy_obj(const struct field *f, const void *from, struct arena *a, void **to)
{
    *to = from ? arena_alloc(a, f->sub->size) : NULL;
    if (from) table_copy(f->sub, from, a, *to);
}

static struct str copy_str(struct str s, struct arena *a) { return s.n ? str_dup(a, s) : s; }

static void field_copy(const struct field *f, const void *from, struct arena *a, void *to)
{
    switch (f->type) {
    case F_STR:
    case F_QUANTITY:
    case F_BYTES:
        *(struct str *)to = copy_str(*(const struct str *)from, a);
        break;
    case F_INLINE:
        table_copy(f->sub, from, a, to);
        break;
    case F_OBJ:
        copy_obj(f, *(void *const *)from, a, to);
        break;
    case F_LIST:
        copy_list(f, from, a, to);
        break;
    case F_STRS:
        copy_strs(from, a, to);
        break;
    case F_INTS:
        copy_ints(from, a, to);
        break;
    case F_MAP:
    case F_MAPS:
        copy_map(from, a, to);
        break;
    case F_INT_OR_STR:
        *(struct int_or_str *)to = *(const struct int_or_str *)from;
        ((struct int_or_str *)to)->s = copy_str(((const struct int_or_str *)from)->s, a);
        break;
    case F_JSON:
        *(json_t **)to = NULL;
        if (*(json_t *const *)from) field_keep_json(a, json_incref(*(json_t *const *)from), to);
        break;
    default:
        memcpy(to, from, field_size(f));
    }
}

void table_copy(const struct table *t, const void *v, struct arena *a, void *out)
{
    for (size_t i = 0; i < t->n; i++)
        field_copy(&t->fields[i], at(&t->fields[i], v), a, (char *)out + t->fields[i].offset);
}

struct str kvs_get(struct kvs m, struct str key)
{
    for (size_t lo = 0, hi = m.n; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(m.v[mid].key, key);
        if (c == 0) return m.v[mid].value.p ? m.v[mid].value : S("");
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return STR_NULL;
}
