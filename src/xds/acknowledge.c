/* What an acknowledgement or a refusal means for its stream. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "xds/internal.h"

static void flight_clear(struct stream *s, struct flight *f)
{
    for (size_t i = 0; i < f->n; i++) slot_unref(s->shard, shard_slot(s->shard, f->v[i].slot));
    free(f->v);
    *f = (struct flight){0};
}

/* ---- who is to blame ---- */
/* Envoy lists what it refused as "…listener(s) NAME: why, NAME: why". Where the list begins; NULL: it is no list. */
static const char *list_of(struct str text)
{
    static const char *const signs[] = {"adding/updating listener(s) ", "adding/updating cluster(s) "};
    for (size_t i = 0; text.n && i < 2; i++) {
        const char *at = memmem(text.p, text.n, signs[i], strlen(signs[i]));
        if (at) return at + strlen(signs[i]);
    }
    return NULL;
}

static bool is_at(const char *p, const char *end, struct str name)
{
    return (size_t)(end - p) > name.n && !memcmp(p, name.p, name.n) && p[name.n] == ':';
}

/* An item of the list begins with the name. */
static bool text_names(struct str text, struct str name)
{
    const char *first = list_of(text), *end = text.p + text.n;
    if (!first) return false;
    for (const char *p = first; p < end; p++)
        if (is_at(p, end, name) && (p == first || (p - first >= 2 && !memcmp(p - 2, ", ", 2)))) return true;
    return false;
}

/* Fills |bad| (one flag for each sent resource); returns how many are to blame for certain: those that Envoy names, and
 * one that was refused alone. */
static size_t blame(struct stream *s, const struct flight *f, struct str text, bool *bad)
{
    size_t n_bad = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (!f->v[i].stamp) continue;
        bad[i] = f->n == 1 || text_names(text, shard_slot(s->shard, f->v[i].slot)->name);
        n_bad += bad[i];
    }
    return n_bad;
}

static void refuse(struct stream *s, struct slot *slot, uint32_t stamp, struct str text)
{
    if (slot->stamp != stamp || !slot->now) return; /* changed meanwhile: the new content gets its own try */
    refusals_add(s->shard, s, slot, text);
}

/* Nobody is named: the next responses say less, until one name alone is refused. */
static void search(struct stream *s, struct type_state *t, const struct flight *f, struct str text)
{
    size_t n_removed = 0;
    for (size_t i = 0; i < f->n; i++) n_removed += !f->v[i].stamp;
    log_warn("%.*s refused a response of %zu resources and %zu removals: %.*s", STR_FMT(s->node->title),
             f->n - n_removed, n_removed, STR_FMT(text));
    if (n_removed && n_removed < f->n)
        t->is_apart = true;
    else
        t->limit = (f->n + 1) / 2;
}

static void again(struct stream *s, struct slot *slot)
{
    struct slot *now = view_find(s->view, slot->type, slot->name);
    if (now) slot = now; /* what was sent may stand in another part by now */
    if (!track_is_blank(track_state(s, slot))) track_entry(s, slot)->stamp = 0;
    track_dirty(s, slot);
}

static void remove_again(struct stream *s, struct slot *slot)
{
    track_entry(s, slot)->is_held = 1;
    track_gone(s, slot, false);
}

/* The proxy kept what it had: nothing of the response counts as sent, but what is refused is not offered again. */
static void nack(struct stream *s, struct type_state *t, const struct flight *f, struct str text)
{
    struct arena *a SCOPED_ARENA = arena_new();
    bool *bad = arena_array(a, bool, f->n + 1);
    size_t n_bad = blame(s, f, text, bad);
    bool is_removal_alone = f->n == 1 && !f->v[0].stamp; /* it keeps that name; to say it again would never end */
    if (!n_bad && (f->n != 1 || is_removal_alone)) search(s, t, f, text);
    for (size_t i = 0; i < f->n && !is_removal_alone; i++) {
        struct slot *slot = shard_slot(s->shard, f->v[i].slot);
        if (bad[i] && slot->now)
            refuse(s, slot, f->v[i].stamp, text);
        else if (f->v[i].stamp)
            again(s, slot);
        else
            remove_again(s, slot);
    }
}

/* What is left of a search goes in greater and greater responses. */
static void widen(struct type_state *t)
{
    t->limit *= 2;
    if (t->dirty.n || t->n_gone) return;
    t->limit = 0;
    t->is_apart = false;
}

/* ---- acknowledgements ---- */
static void count(enum xds_type type, bool ok, double time)
{
    struct str name = str_of(xds_type_short(type));
    metric_add(ok ? &xds_send_success : &xds_send_error, 1, name, STR_NULL, STR_NULL, STR_NULL);
    metric_observe(&xds_update_time, time, name, ok ? S("true") : S("false"), STR_NULL, STR_NULL);
}

void push_acknowledge(struct stream *s, enum xds_type type, const struct discovery_request *q)
{
    struct type_state *t = &s->types[type];
    int64_t nonce;
    if (!str_to_i64(q->nonce, 1, UINT32_MAX, &nonce) || nonce != t->flight.nonce) return;
    struct flight f = t->flight;
    t->flight = (struct flight){0};
    int64_t now = clock_mono_ns();
    count(type, !q->has_error, (double)(now - f.at) / 1e9);
    if (f.revision && !q->has_error) t->acked = f.revision;
    if (f.changes_listener) s->listener_changed = now;
    if (q->has_error)
        nack(s, t, &f, q->error_text);
    else
        widen(t);
    flight_clear(s, &f);
    if (!q->has_error) cover_begin(s, type);
}
