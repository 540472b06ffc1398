/* What a stream should get: entries, dirty slots, names that are gone. */
#include <stdlib.h>

#include "xds/internal.h"

void track_dirty(struct stream *s, struct slot *slot)
{
    ids_push(&s->types[slot->type].dirty, slot->id);
    s->is_touched = true;
}

struct entry *track_entry(struct stream *s, struct slot *slot)
{
    struct entries *l = &s->types[slot->type].entries;
    struct entry *e = entries_find(l, slot->id);
    if (e) return e;
    slot_ref(slot);
    return entries_get(l, slot->id);
}

void track_drop(struct stream *s, enum xds_type type, uint32_t slot)
{
    struct entries *l = &s->types[type].entries;
    if (!entries_find(l, slot)) return;
    entries_drop(l, slot);
    slot_unref(s->shard, shard_slot(s->shard, slot));
}

void track_gone(struct stream *s, struct slot *slot, bool is_answer)
{
    struct type_state *t = &s->types[slot->type];
    if (t->n_gone == t->cap_gone) {
        t->cap_gone = t->cap_gone ? 2 * t->cap_gone : 4;
        t->gone = xrealloc(t->gone, t->cap_gone * sizeof *t->gone);
    }
    slot_ref(slot);
    t->gone[t->n_gone++] = (struct gone){.slot = slot->id, .is_answer = is_answer, .revision = s->shard->revision};
    s->is_touched = true;
}

struct entry *track_find(struct stream *s, enum xds_type type, struct str name)
{
    struct entries *l = &s->types[type].entries;
    struct entry *e = NULL;
    for (size_t i = 0; !e && i < s->view->n_parts; i++) {
        struct slot *slot = map_get(&s->view->parts[i]->slots[type], name);
        e = slot ? entries_find(l, slot->id) : NULL;
    }
    struct slot *ghost = e ? NULL : shard_find_ghost(s->shard, type, name);
    return ghost ? entries_find(l, ghost->id) : e;
}

static bool is_up_to_date(const struct entry *e, const struct slot *slot) { return e && e->stamp == slot->stamp; }

void track_move(struct stream *s, struct slot *from, const struct xds_resource *was, struct slot *to)
{
    struct entry *e = entries_find(&s->types[from->type].entries, from->id);
    if (!e) return;
    struct entry old = *e;
    bool is_same = old.stamp && is_up_to_date(e, from) && was && to->now && hash128_eq(was->version, to->now->version);
    track_drop(s, from->type, from->id);
    e = track_entry(s, to);
    e->is_named |= old.is_named;
    e->is_held |= old.is_held;
    if (is_same) e->stamp = to->stamp;
}

static void adopt(struct stream *s, struct slot *slot)
{
    struct entry *e = track_find(s, slot->type, slot->name);
    struct slot *old = e ? shard_slot(s->shard, e->slot) : NULL;
    if (old && old != slot) track_move(s, old, old->now, slot);
}

void track_slot(struct stream *s, struct slot *slot)
{
    struct type_state *t = &s->types[slot->type];
    struct entry *e = entries_find(&t->entries, slot->id);
    if (!e && t->entries.n) {
        if (view_find(s->view, slot->type, slot->name) != slot) return; /* a part in front has the name */
        adopt(s, slot);
        e = entries_find(&t->entries, slot->id);
    }
    if (is_up_to_date(e, slot)) return;
    if (t->is_wildcard || (e && e->is_named)) track_dirty(s, slot);
}

void track_lost(struct stream *s, struct slot *slot, const struct xds_resource *was)
{
    struct entries *l = &s->types[slot->type].entries;
    if (!entries_find(l, slot->id)) return;
    struct slot *now = view_find(s->view, slot->type, slot->name);
    if (!now) {
        track_gone(s, slot, false);
        return;
    }
    track_move(s, slot, was, now);
    if (!is_up_to_date(entries_find(l, now->id), now)) track_dirty(s, now);
}

static void remap(struct stream *s, enum xds_type type, uint32_t id)
{
    struct slot *slot = shard_slot(s->shard, id), *now = view_find(s->view, type, slot->name);
    struct entry *e = entries_find(&s->types[type].entries, id);
    if (!now) {
        if (e->is_held) track_gone(s, slot, false);
        return;
    }
    if (now != slot) track_move(s, slot, slot->now, now);
    if (!is_up_to_date(entries_find(&s->types[type].entries, now->id), now)) track_dirty(s, now);
}

static void remap_all(struct stream *s, enum xds_type type)
{
    struct entries *l = &s->types[type].entries;
    struct ids all = {0};
    for (size_t i = 0; i < l->n; i++) ids_push(&all, l->v[i].slot);
    for (size_t i = 0; i < all.n; i++)
        if (entries_find(l, all.v[i])) remap(s, type, all.v[i]);
    ids_free(&all);
}

void track_view(struct stream *s)
{
    s->is_touched = true;
    for (int type = 0; type < XDS_TYPE_COUNT; type++) {
        struct type_state *t = &s->types[type];
        remap_all(s, (enum xds_type)type);
        for (size_t i = 0; t->is_wildcard && i < s->view->n_parts; i++) {
            const struct ids *l = &s->view->parts[i]->ids[type];
            for (size_t j = 0; j < l->n; j++) {
                struct slot *slot = shard_slot(s->shard, l->v[j]);
                if (view_find(s->view, slot->type, slot->name) != slot) continue;
                if (!is_up_to_date(entries_find(&t->entries, slot->id), slot)) track_dirty(s, slot);
            }
        }
    }
}

void track_release(struct stream *s)
{
    for (int type = 0; type < XDS_TYPE_COUNT; type++) {
        struct type_state *t = &s->types[type];
        for (size_t i = 0; i < t->entries.n; i++) slot_unref(s->shard, shard_slot(s->shard, t->entries.v[i].slot));
        for (size_t i = 0; i < t->n_gone; i++) slot_unref(s->shard, shard_slot(s->shard, t->gone[i].slot));
        for (size_t i = 0; i < t->flight.n; i++) slot_unref(s->shard, shard_slot(s->shard, t->flight.v[i].slot));
        free(t->entries.v);
        free(t->gone);
        free(t->flight.v);
        ids_free(&t->dirty);
        *t = (struct type_state){0};
    }
}
