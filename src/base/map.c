#include "base/map.h"

#include <stdlib.h>

#include "base/hash.h"

struct map_entry {
    char *key; /* NULL: never used; TOMB: deleted */
    size_t n;
    uint64_t hash;
    void *value;
};

static char tomb_mark;
#define TOMB (&tomb_mark)

static bool is_live(const struct map_entry *e) { return e->key && e->key != TOMB; }

void map_release(struct map *m)
{
    for (size_t i = 0; i < m->cap; i++)
        if (is_live(&m->slots[i])) free(m->slots[i].key);
    free(m->slots);
    *m = (struct map){0};
}

/* The entry of |key|, or the first free place for it. The table is never full. */
static struct map_entry *probe(const struct map *m, struct str key, uint64_t hash)
{
    struct map_entry *free_place = NULL;
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_entry *e = &m->slots[i];
        if (!e->key) return free_place ? free_place : e;
        if (e->key == TOMB)
            free_place = free_place ? free_place : e;
        else if (e->hash == hash && e->n == key.n && memcmp(e->key, key.p ? key.p : "", key.n) == 0)
            return e;
    }
}

static void rehash(struct map *m, size_t cap)
{
    struct map old = *m;
    m->slots = xcalloc(cap, sizeof *m->slots);
    m->cap = cap;
    m->tombs = 0;
    for (size_t i = 0; i < old.cap; i++) {
        struct map_entry *e = &old.slots[i];
        if (is_live(e)) *probe(m, str_make(e->key, e->n), e->hash) = *e;
    }
    free(old.slots);
}

void *map_get(const struct map *m, struct str key)
{
    if (m->n == 0) return NULL;
    struct map_entry *e = probe(m, key, map_hash(key));
    return is_live(e) ? e->value : NULL;
}

void *map_put(struct map *m, struct str key, void *value)
{
    if ((m->n + m->tombs + 1) * 4 > m->cap * 3)
        rehash(m, m->n * 2 < 8 ? 16 : (m->n * 2 > m->cap / 2 ? m->cap * 2 : m->cap));
    uint64_t hash = map_hash(key);
    struct map_entry *e = probe(m, key, hash);
    if (is_live(e)) {
        void *was = e->value;
        e->value = value;
        return was;
    }
    if (e->key == TOMB) m->tombs--;
    *e = (struct map_entry){xstrndup(key.p, key.n), key.n, hash, value};
    m->n++;
    return NULL;
}

void *map_del(struct map *m, struct str key)
{
    if (m->n == 0) return NULL;
    struct map_entry *e = probe(m, key, map_hash(key));
    if (!is_live(e)) return NULL;
    void *was = e->value;
    free(e->key);
    e->key = TOMB;
    e->value = NULL;
    m->n--;
    m->tombs++;
    return was;
}

bool map_next(const struct map *m, size_t *it, struct str *key, void **value)
{
    for (; *it < m->cap; (*it)++) {
        struct map_entry *e = &m->slots[*it];
        if (!is_live(e)) continue;
        if (key) *key = str_make(e->key, e->n);
        if (value) *value = e->value;
        (*it)++;
        return true;
    }
    return false;
}

struct strs map_keys(const struct map *m, struct arena *a)
{
    struct strs keys = {arena_array(a, struct str, m->n), 0};
    struct str k;
    for (size_t it = 0; map_next(m, &it, &k, NULL);) keys.v[keys.n++] = str_dup(a, k);
    if (keys.n > 1) qsort(keys.v, keys.n, sizeof *keys.v, str_qsort_cmp);
    return keys;
}
