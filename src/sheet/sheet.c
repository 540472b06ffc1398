#include "sheet/sheet.h"

#include <stdio.h>
#include <stdlib.h>

#include "sheet/internal.h"

void sheet_die(const char *what, const struct cell_kind *k, struct str key)
{
    fprintf(stderr, "sheet: %s: %s %.*s\n", what, k ? k->name : "", STR_FMT(key));
    abort();
}

struct sheet *sheet_new(void) { return xcalloc(1, sizeof(struct sheet)); }

void sheet_free(struct sheet *s)
{
    if (!s) return;
    if (s->forks) sheet_die("freed before its fork", NULL, STR_NULL);
    for (size_t i = 1; i <= s->n_ids; i++) {
        if (!s->by_id[i]) continue;
        value_retire(s, s->by_id[i]);
        entry_free(s->by_id[i]);
    }
    values_release_all(s);
    sets_free(s);
    struct ids *lists[] = {&s->free_ids, &s->queue, &s->garbage, &s->work, &s->computed, &s->last_run};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) free(lists[i]->v);
    free(s->changes.v);
    free(s->by_id);
    free(s->slots);
    if (s->base) s->base->forks--;
    free(s);
}

static void input_set(struct sheet *s, struct entry *e, const void *value, const struct input_owner *owner)
{
    value_retire(s, e);
    e->value = value;
    if (!value) {
        entry_to_garbage(s, e);
        return;
    }
    e->owner = xmalloc(sizeof *owner);
    *e->owner = *owner;
    s->stats.overhead += sizeof *owner;
}

void sheet_input(struct sheet *s, const struct cell_kind *k, struct str key, const void *value, struct hash128 hash,
                 void (*release)(void *), void *arg)
{
    if (s->is_running || s->forks) sheet_die("an input set during a run, or while a fork lives", k, key);
    if (k->compute) sheet_die("a computed cell set as an input", k, key);
    struct entry *e = entry_get(s, k, key);
    bool is_same = value ? e->value && hash128_eq(e->owner->hash, hash) : !e->value;
    if (!is_same || e->value) value_note(s, e);
    input_set(s, e, value, &(struct input_owner){hash, release, arg});
    if (is_same) return;
    e->changed_at = ++s->clock;
    entry_dirty_readers(s, e);
}

void sheet_observe(struct sheet *s, const struct cell_kind *k, struct str key)
{
    struct entry *e = entry_get(s, k, key);
    if (e->observers == 0) value_note(s, e);
    e->observers++;
    if (e->flags & ENTRY_DIRTY) entry_enqueue(s, e);
}

void sheet_unobserve(struct sheet *s, const struct cell_kind *k, struct str key)
{
    struct entry *e = entry_get(s, k, key);
    if (e->observers == 0) sheet_die("not observed", k, key);
    if (e->observers == 1) value_note(s, e);
    e->observers--;
    entry_to_garbage(s, e);
}

static const struct entry *find_either(const struct sheet *s, const struct cell_kind *k, struct str key)
{
    const struct entry *e = entry_find(s, k, key);
    return e || !s->base ? e : entry_find(s->base, k, key);
}

const void *sheet_value(const struct sheet *s, const struct cell_kind *k, struct str key)
{
    const struct entry *e = find_either(s, k, key);
    return e ? value_visible(s, e) : NULL;
}

struct hash128 sheet_hash(const struct sheet *s, const struct cell_kind *k, struct str key)
{
    const struct entry *e = find_either(s, k, key);
    return e ? value_visible_hash(s, e) : (struct hash128){0, 0};
}

struct sheet_stats sheet_stats(const struct sheet *s)
{
    struct sheet_stats st = s->stats;
    st.revision = s->revision;
    st.overhead += s->cap_ids * sizeof *s->by_id + s->cap_slots * sizeof *s->slots;
    return st;
}

void sheet_dump_last_run(const struct sheet *s, struct buf *out)
{
    SCOPED_ARENA struct arena *a = arena_new();
    LIST(struct str) lines = {0};
    for (size_t i = 0; i < s->last_run.n; i++) {
        const struct entry *e = entry_at(s, s->last_run.v[i]);
        if (e) list_push(a, &lines, str_fmt(a, "%s %.*s\n", e->kind->name, STR_FMT(entry_key(e))));
    }
    list_sort(&lines, str_qsort_cmp);
    for (each(l, lines)) buf_str(out, *l);
}
