#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sheet/internal.h"

/* Levels of verification or computation per stack; a level of user code may use kilobytes. */
enum { LEVELS_PER_STACK = 256 };

static void ensure(struct sheet *s, struct entry *e);

/* ---- dirtying ---- */

void entry_enqueue(struct sheet *s, struct entry *e)
{
    if (e->observers == 0 || e->flags & ENTRY_QUEUED) return;
    e->flags |= ENTRY_QUEUED;
    ids_push(&s->queue, e->id);
}

static void dirty(struct sheet *s, struct entry *e)
{
    if (e->flags & (ENTRY_DIRTY | ENTRY_GONE)) return;
    e->flags |= ENTRY_DIRTY;
    s->stats.dirtied++;
    entry_enqueue(s, e);
    ids_push(&s->work, e->id);
}

void entry_dirty_readers(struct sheet *s, struct entry *e)
{
    ids_push(&s->work, e->id);
    while (s->work.n) {
        struct entry *at = entry_at(s, s->work.v[--s->work.n]);
        for (uint32_t i = 0; i < at->n_readers; i++) dirty(s, entry_at(s, at->readers[i].id));
        if (s->base) fork_dirty_base_readers(s, at, dirty);
    }
}

/* ---- verifying and computing ---- */

static void die_of_cycle(struct sheet *s, const struct entry *again)
{
    SCOPED_BUF struct buf b = {0};
    buf_fmt(&b, "sheet: cycle: %s %.*s", again->kind->name, STR_FMT(entry_key(again)));
    for (struct frame *f = s->path; f; f = f->parent) {
        buf_fmt(&b, " <- %s %.*s", f->entry->kind->name, STR_FMT(entry_key(f->entry)));
        if (f->entry == again) break;
    }
    fprintf(stderr, "%.*s\n", STR_FMT(buf_view(&b)));
    abort();
}

static bool is_stale(struct sheet *s, struct entry *e)
{
    if (e->flags & ENTRY_FRESH) return true;
    s->stats.verified++;
    if (e->flags & ENTRY_BASE_READS) return fork_is_stale(s, e, ensure);
    for (uint32_t i = 0; i < e->n_reads; i++) {
        struct entry *r = entry_at(s, e->reads[i].id);
        ensure(s, r);
        if (r->changed_at > e->verified_at) return true;
    }
    return false;
}

/* Serials mark what a computation has read; after 2^32 of them old marks must not be mistaken for new ones. */
static uint32_t next_serial(struct sheet *s)
{
    if (++s->serial) return s->serial;
    for (size_t i = 1; i <= s->n_ids; i++)
        if (s->by_id[i]) s->by_id[i]->mark = 0;
    return s->serial = 1;
}

static void compute(struct sheet *s, struct entry *e)
{
    SCOPED_ARENA struct arena *scratch = arena_new();
    struct cell c = {.sheet = s, .entry = e, .scratch = scratch, .serial = next_serial(s)};
    void *out = arena_alloc(scratch, e->kind->value->size);
    s->stats.computed++;
    ids_push(&s->computed, e->id);
    if (!e->kind->compute(&c, entry_key(e), scratch, out)) out = NULL, c.members.n = 0;
    entry_set_members(s, e, c.members.v, c.members.n);
    entry_set_reads(s, e, c.reads.v, c.reads.n);
    fork_leave_base(s, e);
    value_set_computed(s, e, out, scratch);
    e->flags &= (uint8_t)~ENTRY_FRESH;
}

struct ensure_job {
    struct sheet *s;
    struct entry *e;
};
static void ensure_job(void *arg)
{
    struct ensure_job *j = arg;
    ensure(j->s, j->e);
}

/* Makes |e| what it should be now. */
static void ensure(struct sheet *s, struct entry *e)
{
    if (e->flags & ENTRY_BUSY) die_of_cycle(s, e);
    if (!(e->flags & ENTRY_DIRTY)) return;
    if (++s->depth % LEVELS_PER_STACK == 0) {
        deep_call(ensure_job, &(struct ensure_job){s, e});
    } else {
        struct frame f = {e, s->path};
        s->path = &f;
        e->flags |= ENTRY_BUSY;
        if (is_stale(s, e)) compute(s, e);
        e->verified_at = s->clock;
        e->flags &= (uint8_t) ~(ENTRY_BUSY | ENTRY_DIRTY);
        s->path = f.parent;
    }
    s->depth--;
}

const void *sheet_read(struct cell *c, const struct cell_kind *k, struct str key)
{
    struct sheet *s = c->sheet;
    struct entry *e = entry_get(s, k, key);
    ensure(s, e);
    if (e->mark != c->serial) {
        e->mark = c->serial;
        list_push(c->scratch, &c->reads, e->id);
    }
    return e->value;
}

void sheet_member(struct cell *c, struct str set, struct str member)
{
    list_push(c->scratch, &c->members, member_get(c->sheet, set, member));
}

/* ---- a run ---- */

static int by_kind_and_key(const void *a, const void *b)
{
    const struct cell_change *x = a, *y = b;
    int c = strcmp(x->kind->name, y->kind->name);
    return c ? c : str_cmp(x->key, y->key);
}

static bool is_change(const struct change *c, const struct entry *e)
{
    const void *old = c->observed ? c->old : NULL, *now = e->observers ? e->value : NULL;
    if (!old || !now) return old != now;
    if (old == now) return false;
    if (is_input(e)) return !hash128_eq(c->old_hash, e->owner->hash);
    return !table_equal(e->kind->value, old, now);
}

static void cells_finish(struct sheet *s, struct arena *a, struct sheet_delta *delta)
{
    for (each(c, s->changes)) {
        struct entry *e = entry_at(s, c->id);
        e->change = 0;
        if (!is_change(c, e)) continue;
        struct cell_change *d = list_add(a, &delta->cells);
        *d = (struct cell_change){e->kind, str_dup(a, entry_key(e)), e->observers ? e->value : NULL};
    }
    s->changes.n = 0;
    list_sort(&delta->cells, by_kind_and_key);
}

static void drop(struct sheet *s, struct entry *e)
{
    e->flags &= (uint8_t)~ENTRY_GARBAGE;
    if (!entry_is_unused(e)) return;
    entry_set_members(s, e, NULL, 0);
    entry_set_reads(s, e, NULL, 0);
    fork_leave_base(s, e);
    value_retire(s, e);
    if (fork_base_of(s, e))
        e->flags = ENTRY_GONE;
    else
        entry_delete(s, e);
}

static void last_run_finish(struct sheet *s)
{
    struct ids t = s->last_run;
    s->last_run = s->computed;
    s->computed = t;
    s->computed.n = 0;
    size_t n = 0;
    for (size_t i = 0; i < s->last_run.n; i++)
        if (entry_at(s, s->last_run.v[i])) s->last_run.v[n++] = s->last_run.v[i];
    s->last_run.n = n;
}

static void finish(struct sheet *s, struct arena *a, struct sheet_delta *delta)
{
    s->queue.n = s->queue_head = 0;
    cells_finish(s, a, delta);
    while (s->garbage.n) drop(s, entry_at(s, s->garbage.v[--s->garbage.n]));
    sets_finish(s, a, delta);
    last_run_finish(s);
    values_release_old(s);
    delta->revision = ++s->revision;
}

bool sheet_run(struct sheet *s, int64_t budget_ns, struct arena *a, struct sheet_delta *delta)
{
    if (s->is_running || s->forks) sheet_die("a run inside a run, or while a fork lives", NULL, STR_NULL);
    *delta = (struct sheet_delta){.revision = s->revision};
    if (!sheet_is_dirty(s)) return true;
    int64_t end = budget_ns ? clock_mono_ns() + budget_ns : INT64_MAX;
    s->is_running = true;
    while (s->queue_head < s->queue.n) {
        struct entry *e = entry_at(s, s->queue.v[s->queue_head++]);
        e->flags &= (uint8_t)~ENTRY_QUEUED;
        if (e->observers) ensure(s, e);
        if (budget_ns && clock_mono_ns() >= end) break;
    }
    bool is_done = s->queue_head == s->queue.n;
    if (is_done) finish(s, a, delta);
    s->is_running = false;
    return is_done;
}

bool sheet_is_dirty(const struct sheet *s)
{
    return s->queue_head < s->queue.n || s->changes.n || s->touched.n || s->garbage.n || s->retired.n;
}
