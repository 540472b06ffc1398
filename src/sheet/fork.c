#include "sheet/internal.h"

struct entry *fork_base_of(const struct sheet *s, const struct entry *e)
{
    return s->base ? entry_find(s->base, e->kind, entry_key(e)) : NULL;
}

struct entry *fork_shadow(struct sheet *s, const struct entry *b)
{
    struct entry *e = entry_find(s, b->kind, entry_key(b));
    if (e) return e;
    e = entry_add(s, b->kind, entry_key(b));
    e->value = b->value;
    e->arena = b->arena; /* or the owner: not freed, see ENTRY_BASE_VALUE */
    e->changed_at = b->changed_at;
    e->verified_at = b->verified_at;
    e->observers = b->observers;
    e->base_readers = b->n_readers;
    e->flags = ENTRY_BASE_VALUE | (is_input(b) ? 0 : ENTRY_BASE_READS);
    return e;
}

void fork_dirty_base_readers(struct sheet *s, const struct entry *e, void (*dirty)(struct sheet *, struct entry *))
{
    const struct entry *b = fork_base_of(s, e);
    for (uint32_t i = 0; b && i < b->n_readers; i++) {
        struct entry *r = fork_shadow(s, entry_at(s->base, b->readers[i].id));
        if (r->flags & ENTRY_BASE_READS) dirty(s, r); /* else its own edges tell */
    }
}

bool fork_is_stale(struct sheet *s, struct entry *e, void (*ensure)(struct sheet *, struct entry *))
{
    const struct entry *b = fork_base_of(s, e);
    for (uint32_t i = 0; i < b->n_reads; i++) {
        const struct entry *read = entry_at(s->base, b->reads[i].id);
        struct entry *here = entry_find(s, read->kind, entry_key(read));
        if (!here) continue; /* untouched by this fork */
        ensure(s, here);
        if (here->changed_at > e->verified_at) return true;
    }
    return false;
}

void fork_leave_base(struct sheet *s, struct entry *e)
{
    if (!(e->flags & ENTRY_BASE_READS)) return;
    const struct entry *b = fork_base_of(s, e);
    for (uint32_t i = 0; i < b->n_reads; i++) {
        struct entry *r = fork_shadow(s, entry_at(s->base, b->reads[i].id));
        r->base_readers--;
        entry_to_garbage(s, r);
    }
    e->flags &= (uint8_t)~ENTRY_BASE_READS;
}

struct sheet *sheet_fork(struct sheet *base)
{
    if (base->base) sheet_die("a fork of a fork", NULL, STR_NULL);
    if (sheet_is_dirty(base) || base->is_running) sheet_die("a fork in the middle of a run", NULL, STR_NULL);
    struct sheet *s = sheet_new();
    s->base = base;
    s->clock = base->clock;
    s->revision = base->revision;
    base->forks++;
    return s;
}
