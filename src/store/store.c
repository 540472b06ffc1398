#include "store/store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "store/index.h"

/* One index entry: which objects stand under a key. It is the value of a sheet input, and the same memory for as
 * long as it has members; the input's hash is a version, so that adding one to a million costs no more than
 * adding one to none. The sorted list is made when somebody reads it. */
struct index {
    struct map keys;
    struct arena *arena; /* of |sorted|; NULL: to be made */
    struct strs sorted;
    enum store_index index;
    struct str key;
};

struct store {
    struct sheet *sheet;
    struct map objects[KIND_COUNT];
    struct map indexes[INDEX_COUNT];
    uint64_t index_version;
    void (*on_change)(void *arg, enum kind k, struct str key, const struct object *old, const struct object *now);
    void *arg;
};

static struct cell_kind object_kinds[KIND_COUNT];
static const struct cell_kind index_kinds[INDEX_COUNT] = {
    [INDEX_BY_NAMESPACE] = {.name = "index/namespace"},
    [INDEX_SLICES_BY_SERVICE] = {.name = "index/slices"},
    [INDEX_TARGETS_BY_SOURCE] = {.name = "index/targets-source"},
    [INDEX_TARGETS_BY_DESTINATION] = {.name = "index/targets-destination"},
    [INDEX_SPLITS_BY_NAMESPACE] = {.name = "index/splits"},
    [INDEX_SERVICES_BY_ADDRESS] = {.name = "index/addresses"},
    [INDEX_PODS_BY_ACCOUNT] = {.name = "index/pods"},
    [INDEX_SERVICES_BY_SELECTOR] = {.name = "index/selectors"},
    [INDEX_SPLITS_BY_SERVICE] = {.name = "index/splits-service"},
    [INDEX_INGRESS_BY_BACKEND] = {.name = "index/ingress"},
    [INDEX_ALL] = {.name = "index/all"},
};

static void name_kinds(void)
{
    for (int k = 0; k < KIND_COUNT; k++) object_kinds[k].name = kind_info((enum kind)k)->name;
}

struct store *store_new(struct sheet *sheet)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, name_kinds);
    struct store *s = xcalloc(1, sizeof *s);
    s->sheet = sheet;
    return s;
}

static void index_free(struct index *x)
{
    arena_free(x->arena);
    map_release(&x->keys);
    free((char *)x->key.p);
    free(x);
}

void store_free(struct store *s)
{
    void *v;
    if (!s) return;
    for (int k = 0; k < KIND_COUNT; k++) {
        for (size_t it = 0; map_next(&s->objects[k], &it, NULL, &v);) object_unref(v);
        map_release(&s->objects[k]);
    }
    for (int i = 0; i < INDEX_COUNT; i++) {
        for (size_t it = 0; map_next(&s->indexes[i], &it, NULL, &v);) index_free(v);
        map_release(&s->indexes[i]);
    }
    free(s);
}

/* ---- indexes ---- */

static struct index *index_get(struct store *s, const struct index_term *t)
{
    struct index *x = map_get(&s->indexes[t->index], t->key);
    if (x) return x;
    x = xcalloc(1, sizeof *x);
    x->index = t->index;
    x->key = str_make(xstrndup(t->key.p, t->key.n), t->key.n);
    map_put(&s->indexes[t->index], t->key, x);
    return x;
}

static void index_changed(struct store *s, struct index *x)
{
    struct hash128 version = {(uint64_t)x->index, ++s->index_version};
    bool is_empty = x->keys.n == 0;
    arena_free(x->arena);
    x->arena = NULL;
    sheet_input(s->sheet, &index_kinds[x->index], x->key, is_empty ? NULL : x, version, NULL, NULL);
    if (!is_empty) return;
    map_del(&s->indexes[x->index], x->key);
    index_free(x);
}

static void index_put(struct store *s, const struct index_term *t, struct str key)
{
    struct index *x = index_get(s, t);
    map_put(&x->keys, key, x);
    index_changed(s, x);
}

static void index_del(struct store *s, const struct index_term *t, struct str key)
{
    struct index *x = index_get(s, t);
    map_del(&x->keys, key);
    index_changed(s, x);
}

static bool has_term(struct index_terms l, const struct index_term *t)
{
    for (size_t i = 0; i < l.n; i++)
        if (l.v[i].index == t->index && str_eq(l.v[i].key, t->key)) return true;
    return false;
}

/* Only the keys that came or went change: an edit that leaves them alone wakes no reader of an index. */
static void reindex(struct store *s, struct str key, const struct object *old, const struct object *now)
{
    SCOPED_ARENA struct arena *a = arena_new();
    struct index_terms was = {0}, is = {0};
    if (old) was = index_terms_of(old, a);
    if (now) is = index_terms_of(now, a);
    for (size_t i = 0; i < was.n; i++)
        if (!has_term(is, &was.v[i])) index_del(s, &was.v[i], key);
    for (size_t i = 0; i < is.n; i++)
        if (!has_term(was, &is.v[i])) index_put(s, &is.v[i], key);
}

/* ---- objects ---- */

/* What cells may see of an object: its content, and what tells it from a successor with the same content. */
static struct hash128 input_hash(const struct object *o)
{
    struct hasher h;
    hasher_init(&h);
    hasher_u64(&h, o->hash.hi);
    hasher_u64(&h, o->hash.lo);
    hasher_str(&h, o->meta.uid);
    hasher_u64(&h, (uint64_t)o->meta.generation);
    hasher_u64(&h, (uint64_t)o->meta.created);
    return hasher_end(&h);
}

static void unref(void *o) { object_unref(o); }

static void object_input(struct store *s, struct str key, enum kind k, struct object *now, struct hash128 hash)
{
    sheet_input(s->sheet, &object_kinds[k], key, now, hash, unref, now ? object_ref(now) : NULL);
}

/* The document as it was written has more than the body: what a pod runner needs and no cell reads. */
static bool is_same_raw(const struct object *x, const struct object *y)
{
    return x->raw == y->raw || (x->raw && y->raw && json_equal(x->raw, y->raw));
}

bool store_is_same(const struct object *x, const struct object *y)
{
    return x->kind == y->kind && hash128_eq(input_hash(x), input_hash(y)) && is_same_raw(x, y);
}

void store_put(struct store *s, struct object *o)
{
    SCOPED_ARENA struct arena *a = arena_new();
    struct str key = object_key(a, o);
    struct object *old = map_get(&s->objects[o->kind], key);
    bool is_same = old && store_is_same(old, o);
    if (is_same && str_eq(old->file, o->file) && old->line == o->line) {
        object_unref(o);
        return;
    }
    map_put(&s->objects[o->kind], key, o);
    object_input(s, key, o->kind, o, input_hash(o));
    if (!is_same) {
        reindex(s, key, old, o);
        if (s->on_change) s->on_change(s->arg, o->kind, key, old, o);
    }
    if (old) object_unref(old);
}

void store_remove(struct store *s, enum kind k, struct str key)
{
    struct object *old = map_del(&s->objects[k], key);
    if (!old) return;
    SCOPED_ARENA struct arena *a = arena_new();
    key = object_key(a, old); /* the caller's may be the map's or the object's */
    object_input(s, key, k, NULL, (struct hash128){0, 0});
    reindex(s, key, old, NULL);
    if (s->on_change) s->on_change(s->arg, k, key, old, NULL);
    object_unref(old);
}

const struct object *store_peek(const struct store *s, enum kind k, struct str key)
{
    return map_get(&s->objects[k], key);
}

struct strs store_keys(const struct store *s, enum kind k, struct arena *a) { return map_keys(&s->objects[k], a); }

void store_on_change(struct store *s,
                     void (*fn)(void *arg, enum kind k, struct str key, const struct object *old,
                                const struct object *now),
                     void *arg)
{
    s->on_change = fn;
    s->arg = arg;
}

/* ---- inside cells ---- */

const struct object *store_get(struct cell *c, enum kind k, struct str key)
{
    return sheet_read(c, &object_kinds[k], key);
}

static void check_all(struct str kind)
{
    enum kind k;
    if (kind_lookup(kind, &k) && index_all_allowed(k)) return;
    fprintf(stderr, "store: INDEX_ALL of %.*s would make every change cost as much as the mesh is large\n",
            STR_FMT(kind));
    abort();
}

struct strs store_index(struct cell *c, enum store_index i, struct str key)
{
    if (i == INDEX_ALL) check_all(key);
    struct index *x = (struct index *)sheet_read(c, &index_kinds[i], key);
    if (!x) return (struct strs){0};
    if (!x->arena) {
        x->arena = arena_new();
        x->sorted = map_keys(&x->keys, x->arena);
    }
    return x->sorted;
}
