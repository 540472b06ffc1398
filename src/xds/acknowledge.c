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

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_./:|", c);
}

/* Envoy lists what it refused as "…listener(s) NAME: why" or "…cluster(s) NAME: why", one after the other. */
static bool text_names(struct str text, struct str name)
{
    for (size_t at = 0; at + name.n + 1 < text.n; at++) {
        if (memcmp(text.p + at, name.p, name.n) || text.p[at + name.n] != ':') continue;
        if (text.p[at + name.n + 1] != ' ' || (at && is_name_byte(text.p[at - 1]))) continue;
        return true;
    }
    return false;
}

static bool is_listing(struct str text)
{
    static const char *const signs[] = {"adding/updating listener(s) ", "adding/updating cluster(s) "};
    for (size_t i = 0; i < 2; i++)
        if (memmem(text.p, text.n, signs[i], strlen(signs[i]))) return true;
    return false;
}

/* Fills |bad| (one flag per sent resource); returns how many are to blame for certain. */
static size_t blame(struct stream *s, const struct flight *f, struct str text, bool *bad)
{
    size_t n_sent = 0, n_bad = 0;
    for (size_t i = 0; i < f->n; i++) n_sent += f->v[i].stamp != 0;
    bool is_list = is_listing(text);
    for (size_t i = 0; i < f->n; i++) {
        if (!f->v[i].stamp) continue;
        bad[i] = n_sent == 1 || (is_list && text_names(text, shard_slot(s->shard, f->v[i].slot)->name));
        n_bad += bad[i];
    }
    return n_bad;
}

static void refuse(struct stream *s, struct slot *slot, uint32_t stamp, struct str text)
{
    if (slot->stamp != stamp || !slot->now) return; /* changed meanwhile: the new content gets its own try */
    server_refused(s->shard, s, slot, text);
    shard_quarantine(s->shard, slot->type, slot->name, slot->now->version);
}

/* The proxy kept what it had: nothing of the response counts as sent, but what is refused is not offered again. */
static void nack(struct stream *s, struct flight *f, struct str text)
{
    struct arena *a SCOPED_ARENA = arena_new();
    bool *bad = arena_array(a, bool, f->n + 1);
    size_t n_bad = blame(s, f, text, bad), n_good = 0;
    for (size_t i = 0; i < f->n; i++) {
        struct slot *slot = shard_slot(s->shard, f->v[i].slot);
        if (!f->v[i].stamp) {
            track_entry(s, slot)->is_held = 1;
            track_gone(s, slot, false);
        } else if (bad[i]) {
            refuse(s, slot, f->v[i].stamp, text);
        } else {
            struct entry *e = entries_find(&s->types[slot->type].entries, slot->id);
            if (e) e->stamp = 0;
            track_dirty(s, slot);
            n_good++;
        }
    }
    if (f->n && !n_bad && n_good > 1) s->types[shard_slot(s->shard, f->v[0].slot)->type].limit = (n_good + 1) / 2;
    if (!n_bad)
        log_warn("%.*s refused a response of %zu resources: %.*s", STR_FMT(s->node->title), f->n, STR_FMT(text));
}

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
    if (f.revision) t->acked = f.revision;
    if (f.changes_listener) s->listener_changed = now;
    if (q->has_error) nack(s, &f, q->error_text);
    if (!t->dirty.n) t->limit = 0;
    flight_clear(s, &f);
}
