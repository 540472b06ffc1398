/* Receipts: which streams have to accept a revision, and which have. The last 64 revisions are followed; a stream keeps
 * one bit for each. */
#include "base/clock.h"
#include "xds/internal.h"

enum { NAMED = 10 /* of those that are waited for, by each thread */ };

static struct change *change_of(struct shard *d, uint64_t revision)
{
    struct change *c = &d->changes[revision % KEPT_CHANGES];
    return c->revision == revision ? c : NULL;
}

void changes_begin(struct shard *d, uint64_t revision, int64_t at)
{
    d->changes[revision % KEPT_CHANGES] = (struct change){.revision = revision, .at = at};
}

/* What bit |i| of a stream stands for. */
static uint64_t owed_revision(const struct stream *s, unsigned i)
{
    return s->owed_last - (s->owed_last - i) % KEPT_CHANGES;
}

static void set_owed(struct stream *s, uint64_t owed)
{
    int by = (owed != 0) - (s->owed != 0);
    s->owed = owed;
    if (!by) return;
    int n = atomic_fetch_add(&s->shard->server->owing, by) + by;
    metric_set(&xds_owing_count, n, STR_NULL, STR_NULL, STR_NULL, STR_NULL);
}

void changes_owe(struct stream *s)
{
    struct shard *d = s->shard;
    uint64_t owed = d->revision - s->owed_last < KEPT_CHANGES ? s->owed : 0;
    if (!s->node || s->is_over || push_accepted(s) >= d->revision) return;
    for (uint64_t r = s->owed_last + 1; owed && r < d->revision; r++) owed &= ~(UINT64_C(1) << r % KEPT_CHANGES);
    s->owed_last = d->revision;
    set_owed(s, owed | UINT64_C(1) << d->revision % KEPT_CHANGES);
    change_of(d, d->revision)->expected++;
}

static void settle_one(struct change *c, int64_t now)
{
    if (!c) return;
    c->accepted++;
    c->last = now;
    metric_observe(&xds_accept_time, (double)(now - c->at) / 1e9, STR_NULL, STR_NULL, STR_NULL, STR_NULL);
}

void changes_settle(struct stream *s)
{
    uint64_t left = s->owed, accepted = left ? push_accepted(s) : 0;
    int64_t now = left ? clock_mono_ns() : 0;
    for (unsigned i = 0; s->owed && i < KEPT_CHANGES; i++) {
        if (!(s->owed >> i & 1) || owed_revision(s, i) > accepted) continue;
        left &= ~(UINT64_C(1) << i);
        settle_one(change_of(s->shard, owed_revision(s, i)), now);
    }
    set_owed(s, left);
}

static void each_owed(struct stream *s, void (*fn)(struct change *c))
{
    for (unsigned i = 0; s->owed && i < KEPT_CHANGES; i++) {
        struct change *c = s->owed >> i & 1 ? change_of(s->shard, owed_revision(s, i)) : NULL;
        if (c) fn(c);
    }
}

static void count_refused(struct change *c) { c->refused++; }
static void count_out(struct change *c) { c->expected--; }

void changes_refused(struct stream *s) { each_owed(s, count_refused); }

void changes_forget(struct stream *s)
{
    each_owed(s, count_out);
    set_owed(s, 0);
}

/* ---- status ---- */
static void name_waiting(struct shard *d, struct arena *a, struct xds_status *st)
{
    for (struct stream *s = d->streams; s; s = s->next)
        for (each(c, st->changes)) {
            bool is_owed = s->owed >> c->revision % KEPT_CHANGES & 1;
            if (is_owed && c->waiting.n < NAMED && owed_revision(s, c->revision % KEPT_CHANGES) == c->revision)
                list_push(a, &c->waiting, str_dup(a, s->node->title));
        }
}

void changes_fill(struct shard *d, struct arena *a, struct xds_status *st)
{
    for (uint64_t back = KEPT_CHANGES; back > 0; back--) {
        const struct change *c = d->revision + 1 > back ? change_of(d, d->revision + 1 - back) : NULL;
        if (c && c->revision)
            list_push(a, &st->changes,
                      ((struct xds_change_status){.revision = c->revision,
                                                  .expected = c->expected,
                                                  .accepted = c->accepted,
                                                  .refused = c->refused,
                                                  .last_ns = c->accepted ? c->last - c->at : 0}));
    }
    name_waiting(d, a, st);
}
