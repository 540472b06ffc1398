#include <stdlib.h>

#include "sheet/internal.h"

#define SLOT_TOMB UINT32_MAX

static uint32_t hash_of(const struct cell_kind *k, struct str key)
{
    uint64_t h = map_hash(key) ^ ((uint64_t)(uintptr_t)k * 0x9e3779b97f4a7c15u);
    return (uint32_t)(h ^ (h >> 32));
}

static struct entry *find_hashed(const struct sheet *s, const struct cell_kind *k, struct str key, uint32_t hash)
{
    if (s->cap_slots == 0) return NULL;
    for (size_t i = hash & (s->cap_slots - 1); s->slots[i]; i = (i + 1) & (s->cap_slots - 1)) {
        if (s->slots[i] == SLOT_TOMB) continue;
        struct entry *e = entry_at(s, s->slots[i]);
        if (e->hash == hash && e->kind == k && str_eq(entry_key(e), key)) return e;
    }
    return NULL;
}

struct entry *entry_find(const struct sheet *s, const struct cell_kind *k, struct str key)
{
    return find_hashed(s, k, key, hash_of(k, key));
}

static void slot_put(struct sheet *s, const struct entry *e)
{
    size_t i = e->hash & (s->cap_slots - 1);
    while (s->slots[i] && s->slots[i] != SLOT_TOMB) i = (i + 1) & (s->cap_slots - 1);
    if (s->slots[i] == SLOT_TOMB) s->tombs--;
    s->slots[i] = e->id;
}

/* Keeps the table at most three quarters full, tombs counted. */
static void make_room(struct sheet *s)
{
    if ((s->n_entries + s->tombs + 1) * 4 <= s->cap_slots * 3) return;
    size_t cap = s->cap_slots ? s->cap_slots : 64;
    while (s->n_entries * 2 >= cap) cap *= 2;
    uint32_t *old = s->slots;
    size_t old_cap = s->cap_slots;
    s->slots = xcalloc(cap, sizeof *s->slots);
    s->cap_slots = cap;
    s->tombs = 0;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i] && old[i] != SLOT_TOMB) slot_put(s, entry_at(s, old[i]));
    free(old);
}

static uint32_t new_id(struct sheet *s)
{
    if (s->free_ids.n) return s->free_ids.v[--s->free_ids.n];
    if (s->n_ids + 1 >= s->cap_ids) {
        s->cap_ids = s->cap_ids ? s->cap_ids * 2 : 64;
        s->by_id = xrealloc(s->by_id, s->cap_ids * sizeof(struct entry *));
        s->by_id[0] = NULL;
    }
    return (uint32_t)++s->n_ids;
}

struct entry *entry_add(struct sheet *s, const struct cell_kind *k, struct str key)
{
    make_room(s);
    struct entry *e = xcalloc(1, sizeof *e + key.n + 1);
    e->kind = k;
    e->hash = hash_of(k, key);
    e->key_n = (uint32_t)key.n;
    if (key.n) memcpy(e->key, key.p, key.n);
    e->id = new_id(s);
    s->by_id[e->id] = e;
    slot_put(s, e);
    s->n_entries++;
    s->stats.cells++;
    s->stats.overhead += sizeof *e + key.n + 1;
    if (k->compute) e->flags = ENTRY_DIRTY | ENTRY_FRESH;
    return e;
}

static void revive(struct entry *e)
{
    e->flags &= (uint8_t)~ENTRY_GONE;
    if (!is_input(e)) e->flags |= ENTRY_DIRTY | ENTRY_FRESH;
}

struct entry *entry_get(struct sheet *s, const struct cell_kind *k, struct str key)
{
    uint32_t hash = hash_of(k, key);
    struct entry *e = find_hashed(s, k, key, hash);
    if (e) {
        if (e->flags & ENTRY_GONE) revive(e);
        return e;
    }
    struct entry *b = s->base ? find_hashed(s->base, k, key, hash) : NULL;
    return b ? fork_shadow(s, b) : entry_add(s, k, key);
}

void entry_free(struct entry *e)
{
    free(e->reads);
    free(e->readers);
    free(e->members);
    free(e);
}

void entry_delete(struct sheet *s, struct entry *e)
{
    size_t i = e->hash & (s->cap_slots - 1);
    while (s->slots[i] != e->id) i = (i + 1) & (s->cap_slots - 1);
    s->slots[i] = SLOT_TOMB;
    s->tombs++;
    s->n_entries--;
    s->by_id[e->id] = NULL;
    ids_push(&s->free_ids, e->id);
    s->stats.cells--;
    s->stats.overhead -= sizeof *e + e->key_n + 1 + e->cap_readers * sizeof(struct edge);
    entry_free(e);
}

void entry_to_garbage(struct sheet *s, struct entry *e)
{
    if (!entry_is_unused(e) || e->flags & (ENTRY_GARBAGE | ENTRY_GONE)) return;
    e->flags |= ENTRY_GARBAGE;
    ids_push(&s->garbage, e->id);
}

struct hash128 entry_input_hash(const struct entry *e)
{
    return is_input(e) && e->value ? e->owner->hash : (struct hash128){0, 0};
}

static void link_read(struct sheet *s, struct entry *e, uint32_t i, uint32_t source)
{
    struct entry *r = entry_at(s, source);
    if (r->n_readers == r->cap_readers) {
        uint32_t cap = r->cap_readers ? r->cap_readers * 2 : 1;
        r->readers = xrealloc(r->readers, cap * sizeof(struct edge));
        s->stats.overhead += (cap - r->cap_readers) * sizeof(struct edge);
        r->cap_readers = cap;
    }
    e->reads[i] = (struct edge){source, r->n_readers};
    r->readers[r->n_readers++] = (struct edge){e->id, i};
}

static void unlink_read(struct sheet *s, struct edge read)
{
    struct entry *r = entry_at(s, read.id);
    struct edge last = r->readers[--r->n_readers];
    if (read.pos == r->n_readers) return;
    r->readers[read.pos] = last;
    entry_at(s, last.id)->reads[last.pos].pos = read.pos;
}

static bool reads_same(const struct entry *e, const uint32_t *ids, size_t n)
{
    if (e->n_reads != n || e->flags & ENTRY_BASE_READS) return false;
    for (size_t i = 0; i < n; i++)
        if (e->reads[i].id != ids[i]) return false;
    return true;
}

void entry_set_reads(struct sheet *s, struct entry *e, const uint32_t *ids, size_t n)
{
    if (reads_same(e, ids, n)) return;
    struct edge *old = e->reads;
    size_t n_old = e->n_reads;
    for (size_t i = 0; i < n_old; i++) unlink_read(s, old[i]);
    e->reads = n ? xmalloc(n * sizeof *e->reads) : NULL;
    e->n_reads = (uint32_t)n;
    for (uint32_t i = 0; i < n; i++) link_read(s, e, i, ids[i]);
    s->stats.overhead += (n - n_old) * sizeof *e->reads;
    for (size_t i = 0; i < n_old; i++) entry_to_garbage(s, entry_at(s, old[i].id));
    free(old);
}
