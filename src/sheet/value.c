#include <stdlib.h>

#include "sheet/internal.h"

void value_note(struct sheet *s, struct entry *e)
{
    if (e->change) return;
    struct change c = {e->id, e->observers > 0, e->value, entry_input_hash(e)};
    heap_push(&s->changes, s->cap_changes, c);
    e->change = (uint32_t)s->changes.n;
}

void value_retire(struct sheet *s, struct entry *e)
{
    if (e->value && !(e->flags & ENTRY_BASE_VALUE)) {
        struct retired r = {is_input(e) ? NULL : e->arena, is_input(e) ? e->owner : NULL};
        heap_push(&s->retired, s->cap_retired, r);
        if (r.arena) s->stats.bytes -= arena_used(r.arena);
        if (r.owner) s->stats.overhead -= sizeof *r.owner;
    }
    e->value = NULL;
    e->arena = NULL;
    e->flags &= (uint8_t)~ENTRY_BASE_VALUE;
}

static void release(struct retired *r)
{
    arena_free(r->arena);
    if (!r->owner) return;
    if (r->owner->release) r->owner->release(r->owner->arg);
    free(r->owner);
}

/* A value's own copy, in one malloc of the right size: a trial copy tells how much. It may borrow nothing, since
 * what it was computed from can be replaced by something equal without it being computed again. */
static void keep_copy(struct sheet *s, struct entry *e, const void *out, struct arena *scratch)
{
    const struct table *t = e->kind->value;
    size_t before = arena_used(scratch);
    table_copy(t, out, scratch, arena_alloc(scratch, t->size));
    struct arena *a = arena_new_sized(arena_used(scratch) - before);
    void *v = arena_alloc(a, t->size);
    table_copy(t, out, a, v);
    e->value = v;
    e->arena = a;
    s->stats.bytes += arena_used(a);
}

void value_set_computed(struct sheet *s, struct entry *e, const void *out, struct arena *scratch)
{
    bool is_same = out && e->value ? table_equal(e->kind->value, out, e->value) : !out && !e->value;
    if (is_same && !(e->flags & ENTRY_FRESH)) return;
    e->changed_at = s->clock;
    if (is_same) return;
    value_note(s, e);
    value_retire(s, e);
    if (out) keep_copy(s, e, out, scratch);
}

void values_release_old(struct sheet *s)
{
    for (each(r, s->retired_before)) release(r);
    s->retired_before.n = 0;
    __typeof__(s->retired.v) v = s->retired_before.v;
    size_t cap = s->cap_retired_before;
    s->retired_before.v = s->retired.v;
    s->retired_before.n = s->retired.n;
    s->cap_retired_before = s->cap_retired;
    s->retired.v = v;
    s->retired.n = 0;
    s->cap_retired = cap;
}

void values_release_all(struct sheet *s)
{
    for (each(r, s->retired_before)) release(r);
    for (each(r, s->retired)) release(r);
    free(s->retired_before.v);
    free(s->retired.v);
}

const void *value_visible(const struct sheet *s, const struct entry *e)
{
    return e->change ? s->changes.v[e->change - 1].old : e->value;
}

struct hash128 value_visible_hash(const struct sheet *s, const struct entry *e)
{
    const void *v = value_visible(s, e);
    if (!v) return (struct hash128){0, 0};
    if (is_input(e)) return e->change ? s->changes.v[e->change - 1].old_hash : e->owner->hash;
    struct hasher h;
    hasher_init(&h);
    table_hash(e->kind->value, v, &h);
    return hasher_end(&h);
}
