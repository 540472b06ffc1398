/* What a stream should get: entries, dirty slots, names that are gone. */
#include <stdlib.h>

#include "xds/internal.h"

void track_touch(struct stream *s)
{
    struct shard *d = s->shard;
    if (s->is_touched) return;
    s->is_touched = true;
    if (!d->is_applying) return;
    if (d->n_touched == d->cap_touched) {
        d->cap_touched = d->cap_touched ? 2 * d->cap_touched : 64;
        d->touched = xrealloc(d->touched, d->cap_touched * sizeof *d->touched);
    }
    d->touched[d->n_touched++] = s;
}

void track_dirty(struct stream *s, struct slot *slot)
{
    ids_push(&s->types[slot->type].dirty, slot->id);
    track_touch(s);
}

bool track_is_blank(struct entry e) { return !e.stamp && !e.is_named && !e.is_held; }

struct entry track_state(const struct stream *s, const struct slot *slot)
{
    const struct type_state *t = &s->types[slot->type];
    const struct entry *e = entries_find(&t->entries, slot->id);
    if (e) return *e;
    if (!cover_has(s, slot)) return (struct entry){.slot = slot->id};
    return (struct entry){.slot = slot->id, .stamp = slot->stamp, .is_named = !t->is_wildcard, .is_held = 1};
}

struct entry *track_entry(struct stream *s, struct slot *slot)
{
    struct entries *l = &s->types[slot->type].entries;
    cover_write_out(s, slot);
    struct entry *e = entries_find(l, slot->id);
    if (e) return e;
    slot_ref(slot);
    return entries_get(l, slot->id);
}

void track_drop(struct stream *s, struct slot *slot)
{
    struct entries *l = &s->types[slot->type].entries;
    if (cover_has(s, slot)) {
        *track_entry(s, slot) = (struct entry){.slot = slot->id};
        return;
    }
    if (!entries_find(l, slot->id)) return;
    entries_drop(l, slot->id);
    slot_unref(s->shard, slot);
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
    track_touch(s);
}

/* The slot of that name of which something is known; NULL: none. Not |other|. */
static struct slot *find_known(struct stream *s, enum xds_type type, struct str name, const struct slot *other)
{
    for (size_t i = 0; i < s->view->n_parts; i++) {
        struct slot *slot = map_get(&s->view->parts[i]->slots[type], name);
        if (slot && slot != other && !track_is_blank(track_state(s, slot))) return slot;
    }
    struct slot *ghost = shard_find_ghost(s->shard, type, name);
    return ghost && ghost != other && entries_find(&s->types[type].entries, ghost->id) ? ghost : NULL;
}

struct entry *track_find(struct stream *s, enum xds_type type, struct str name)
{
    struct slot *slot = find_known(s, type, name, NULL);
    return slot ? track_entry(s, slot) : NULL;
}

static bool is_up_to_date(struct stream *s, const struct slot *slot)
{
    struct entry e = track_state(s, slot);
    return e.stamp && e.stamp == slot->stamp;
}

void track_move(struct stream *s, struct slot *from, const struct xds_resource *was, struct slot *to)
{
    struct entry old = track_state(s, from);
    bool is_same =
        old.stamp && old.stamp == from->stamp && was && to->now && hash128_eq(was->version, to->now->version);
    bool is_known = !track_is_blank(old);
    track_drop(s, from);
    if (!is_known) return;
    struct entry *e = track_entry(s, to);
    e->is_named |= old.is_named;
    e->is_held |= old.is_held;
    if (is_same) e->stamp = to->stamp;
    cover_fold(s, to);
}

/* The same name was known from another part, or as absent. */
static void adopt(struct stream *s, struct slot *slot)
{
    const struct type_state *t = &s->types[slot->type];
    struct slot *old = t->entries.n || t->covered ? find_known(s, slot->type, slot->name, slot) : NULL;
    if (old) track_move(s, old, old->now, slot);
}

/* A covered part has another content: what was known of it before needs an entry now. */
static void write_out_old(struct stream *s, struct slot *slot, uint32_t was)
{
    struct type_state *t = &s->types[slot->type];
    if (!cover_has(s, slot) || entries_find(&t->entries, slot->id)) return;
    slot_ref(slot);
    *entries_get(&t->entries, slot->id) = (struct entry){
        .slot = slot->id, .stamp = was & STAMP_MASK, .is_named = was && !t->is_wildcard, .is_held = was != 0};
}

void track_slot(struct stream *s, struct slot *slot, uint32_t was)
{
    write_out_old(s, slot, was);
    if (view_find(s->view, slot->type, slot->name) != slot) return; /* a part in front has the name */
    if (track_is_blank(track_state(s, slot))) adopt(s, slot);
    if (is_up_to_date(s, slot)) return;
    if (s->types[slot->type].is_wildcard || track_state(s, slot).is_named) track_dirty(s, slot);
}

void track_lost(struct stream *s, struct slot *slot, const struct xds_resource *was)
{
    struct slot *now = view_find(s->view, slot->type, slot->name); /* it may stand in another part by now */
    if (track_is_blank(track_state(s, slot)))
        track_drop(s, slot);
    else if (!now)
        track_gone(s, slot, false);
    else
        track_move(s, slot, was, now);
    if (now && !is_up_to_date(s, now)) track_dirty(s, now);
}

/* What is known of a slot of a part that is not seen any more would not be found by its name. */
static struct slot *keep_by_name(struct stream *s, struct slot *slot)
{
    for (size_t i = 0; i < s->view->n_parts; i++)
        if (s->view->parts[i] == slot->part) return slot;
    if (!slot->part) return slot;
    struct slot *ghost = shard_ghost(s->shard, slot->type, slot->name);
    track_move(s, slot, NULL, ghost);
    slot_unref(s->shard, ghost); /* the entry counts it */
    return ghost;
}

static void remap(struct stream *s, enum xds_type type, uint32_t id)
{
    struct slot *slot = shard_slot(s->shard, id), *now = view_find(s->view, type, slot->name);
    struct entry *e = entries_find(&s->types[type].entries, id);
    if (track_is_blank(*e) && !cover_has(s, slot)) {
        track_drop(s, slot);
        return;
    }
    if (!now) {
        slot = keep_by_name(s, slot);
        if (track_state(s, slot).is_held) track_gone(s, slot, false);
        return;
    }
    if (now != slot) track_move(s, slot, slot->now, now);
    if (!is_up_to_date(s, now)) track_dirty(s, now);
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

static void look_at_part(struct stream *s, const struct part *p, enum xds_type type)
{
    for (size_t i = 0; i < p->ids[type].n; i++) {
        struct slot *slot = shard_slot(s->shard, p->ids[type].v[i]);
        if (view_find(s->view, slot->type, slot->name) == slot && !is_up_to_date(s, slot)) track_dirty(s, slot);
    }
}

/* A part that came in front may have names of one that is held whole: what is known of these needs an entry to move. */
static void write_out_shadowed(struct stream *s, enum xds_type type)
{
    const struct view *v = s->view;
    for (size_t i = 0; s->types[type].covered && i < v->n_parts; i++)
        for (size_t j = 0; j < v->parts[i]->ids[type].n; j++) {
            const struct slot *front = shard_slot(s->shard, v->parts[i]->ids[type].v[j]);
            if (!front->now || cover_has(s, front)) continue;
            for (size_t k = i + 1; k < v->n_parts; k++) {
                struct slot *back = map_get(&v->parts[k]->slots[type], front->name);
                if (back) cover_write_out(s, back);
            }
        }
}

void track_view(struct stream *s)
{
    track_touch(s);
    for (int type = 0; type < XDS_TYPE_COUNT; type++) {
        struct type_state *t = &s->types[type];
        write_out_shadowed(s, (enum xds_type)type);
        remap_all(s, (enum xds_type)type);
        for (size_t i = 0; t->is_wildcard && i < s->view->n_parts; i++)
            if (i >= 64 || !(t->covered >> i & 1)) look_at_part(s, s->view->parts[i], (enum xds_type)type);
    }
}

uint64_t track_held(const struct stream *s)
{
    uint64_t n = 0;
    for (int type = 0; type < XDS_TYPE_COUNT; type++) {
        const struct type_state *t = &s->types[type];
        for (size_t i = 0; t->covered && i < s->view->n_parts; i++)
            if (i < 64 && t->covered >> i & 1) n += s->view->parts[i]->live[type];
        for (size_t i = 0; i < t->entries.n; i++)
            n += t->entries.v[i].is_held - (uint64_t)cover_has(s, shard_slot(s->shard, t->entries.v[i].slot));
    }
    return n;
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
