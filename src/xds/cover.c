/* Parts that a stream holds whole. A proxy that is in step costs nothing for each resource: of a part it keeps a bit,
 * and entries only for what differs from it. */
#include "xds/internal.h"

enum { MAX_PARTS = 64, FEW = 8 /* a part is held whole when at most one in so many of its resources is not */ };

static size_t place_of(const struct view *v, const struct part *p)
{
    size_t i = 0;
    while (i < v->n_parts && v->parts[i] != p) i++;
    return i;
}

bool cover_has(const struct stream *s, const struct slot *slot)
{
    uint64_t covered = s->types[slot->type].covered;
    if (!covered || !slot->part || !slot->now) return false;
    size_t at = place_of(s->view, slot->part);
    return at < MAX_PARTS && at < s->view->n_parts && covered >> at & 1;
}

/* What holds of a slot of a covered part without an entry. */
static struct entry implied(const struct stream *s, const struct slot *slot)
{
    return (struct entry){
        .slot = slot->id, .stamp = slot->stamp, .is_named = !s->types[slot->type].is_wildcard, .is_held = 1};
}

static bool is_implied(const struct stream *s, const struct slot *slot, const struct entry *e)
{
    struct entry i = implied(s, slot);
    return e->stamp == i.stamp && e->is_named == i.is_named && e->is_held;
}

static void write_out(struct stream *s, struct slot *slot)
{
    struct entries *l = &s->types[slot->type].entries;
    if (!slot->now || entries_find(l, slot->id)) return;
    slot_ref(slot);
    *entries_get(l, slot->id) = implied(s, slot);
}

void cover_write_out(struct stream *s, struct slot *slot)
{
    if (cover_has(s, slot)) write_out(s, slot);
}

static void write_out_part(struct stream *s, enum xds_type type, const struct part *p)
{
    for (size_t i = 0; i < p->ids[type].n; i++) write_out(s, shard_slot(s->shard, p->ids[type].v[i]));
}

void cover_end(struct stream *s, enum xds_type type)
{
    struct type_state *t = &s->types[type];
    for (size_t i = 0; t->covered && i < s->view->n_parts && i < MAX_PARTS; i++)
        if (t->covered >> i & 1) write_out_part(s, type, s->view->parts[i]);
    t->covered = 0;
    t->tried = 0;
}

void cover_keep(struct stream *s, struct part *const *parts, size_t n)
{
    for (int type = 0; type < XDS_TYPE_COUNT; type++) {
        struct type_state *t = &s->types[type];
        uint64_t now = 0;
        for (size_t i = 0; t->covered && i < s->view->n_parts && i < MAX_PARTS; i++) {
            if (!(t->covered >> i & 1)) continue;
            size_t j = 0;
            while (j < n && parts[j] != s->view->parts[i]) j++;
            if (j < n && j < MAX_PARTS)
                now |= UINT64_C(1) << j;
            else
                write_out_part(s, (enum xds_type)type, s->view->parts[i]);
        }
        t->covered = now;
        t->tried = 0;
    }
}

/* How many of the part's resources are not held as they are; stops when it is more than |most|. */
static size_t misses(const struct stream *s, enum xds_type type, const struct part *p, size_t most)
{
    const struct entries *l = &s->types[type].entries;
    size_t n = 0;
    for (size_t i = 0; i < p->ids[type].n && n <= most; i++) {
        const struct slot *slot = shard_slot(s->shard, p->ids[type].v[i]);
        const struct entry *e = slot->now ? entries_find(l, slot->id) : NULL;
        n += slot->now && !(e && is_implied(s, slot, e));
    }
    return n;
}

/* One sweep: entries that say what holds without them go, and what is missing gets a blank one. */
static void take_in(struct stream *s, enum xds_type type, const struct part *p)
{
    struct entries *l = &s->types[type].entries;
    size_t n = 0;
    for (size_t i = 0; i < p->ids[type].n; i++) {
        struct slot *slot = shard_slot(s->shard, p->ids[type].v[i]);
        if (!slot->now || entries_find(l, slot->id)) continue;
        slot_ref(slot);
        entries_get(l, slot->id);
    }
    for (size_t i = 0; i < l->n; i++) {
        struct slot *slot = shard_slot(s->shard, l->v[i].slot);
        if (slot->part == p && slot->now && is_implied(s, slot, &l->v[i]))
            slot_unref(s->shard, slot);
        else
            l->v[n++] = l->v[i];
    }
    l->n = n;
}

void cover_begin(struct stream *s, enum xds_type type)
{
    struct type_state *t = &s->types[type];
    if (t->dirty.n || t->n_gone || t->flight.nonce || t->entries.n <= t->tried) return;
    for (size_t i = 0; i < s->view->n_parts && i < MAX_PARTS; i++) {
        const struct part *p = s->view->parts[i];
        size_t few = p->live[type] / FEW;
        if (t->covered >> i & 1 || !p->live[type] || t->entries.n + few < p->live[type]) continue;
        if (misses(s, type, p, few) > few) continue;
        take_in(s, type, p);
        t->covered |= UINT64_C(1) << i;
    }
    entries_trim(&t->entries);
    t->tried = t->entries.n;
}

void cover_fold(struct stream *s, struct slot *slot)
{
    struct entries *l = &s->types[slot->type].entries;
    const struct entry *e = entries_find(l, slot->id);
    if (!e || !cover_has(s, slot) || !is_implied(s, slot, e)) return;
    entries_drop(l, slot->id);
    slot_unref(s->shard, slot);
}
