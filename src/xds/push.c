/* Responses: what goes now, what waits, what an acknowledgement means. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "xds/internal.h"

enum { MAX_RESPONSE = 1 << 20 };

/* A response in the making. */
struct batch {
    struct stream *s;
    enum xds_type type;
    struct type_state *t;
    int64_t now;
    struct arena *a;
    LIST(struct slot *) send;
    LIST(struct slot *) removed;
    struct ids keep; /* dirty slots that have to wait */
    size_t bytes;
    bool holds, is_late;
    bool is_removing; /* says removals only */
};

/* ---- order ---- */
static bool is_clean(const struct type_state *t, enum xds_type type)
{
    return !t->flight.nonce && !t->dirty.n && !t->must_answer && (type != XDS_LISTENER || !t->n_gone);
}

/* What |revision| said about this type is accepted. */
static bool has_reached(const struct stream *s, enum xds_type type, uint64_t revision)
{
    const struct type_state *t = &s->types[type];
    return is_clean(t, type) || t->acked >= revision;
}

static bool in_flight(const struct flight *f, uint32_t slot)
{
    for (size_t i = 0; f->nonce && i < f->n; i++)
        if (f->v[i].slot == slot) return true;
    return false;
}

/* The proxy has accepted the cluster as it is now, or never will. */
static bool is_settled(struct stream *s, struct str cluster)
{
    struct type_state *t = &s->types[XDS_CLUSTER];
    struct slot *slot = view_find(s->view, XDS_CLUSTER, cluster);
    if (!slot || !(t->is_asked || t->entries.n || t->covered)) return true;
    struct entry e = track_state(s, slot);
    if (slot->refused_by & s->envoy) return true;
    if (track_is_blank(e) && !t->is_wildcard) return true;
    return e.stamp == slot->stamp && !in_flight(&t->flight, slot->id);
}

static bool must_wait(struct batch *b, const struct slot *slot)
{
    if (b->is_late) return false;
    for (size_t i = 0; i < slot->now->n_clusters; i++)
        if (!is_settled(b->s, slot->now->clusters[i])) return true;
    return false;
}

static bool is_cluster_removal_due(struct batch *b, struct gone *g)
{
    if (!g->due) {
        if (!has_reached(b->s, XDS_LISTENER, g->revision) || !has_reached(b->s, XDS_ROUTE, g->revision)) return false;
        int64_t drained = b->s->listener_changed ? b->s->listener_changed + b->s->shard->server->opt.drain_ns : 0;
        g->due = drained > b->now ? drained : b->now;
    }
    if (g->due > b->now) stream_arm(b->s, g->due);
    return g->due <= b->now;
}

static bool is_removal_due(struct batch *b, struct gone *g)
{
    const struct type_state *clusters = &b->s->types[XDS_CLUSTER];
    if (g->is_answer) return true;
    if (b->type == XDS_CLUSTER) return is_cluster_removal_due(b, g);
    if (b->type == XDS_ENDPOINT) return !clusters->n_gone && !clusters->flight.nonce;
    if (b->type == XDS_ROUTE) return is_clean(&b->s->types[XDS_LISTENER], XDS_LISTENER);
    return true;
}

/* ---- collecting ---- */
static bool is_first_answer(const struct batch *b) { return b->t->must_answer && b->t->is_wildcard; }

static bool is_full(const struct batch *b)
{
    if (b->t->limit && b->send.n >= b->t->limit) return true;
    return !is_first_answer(b) && b->bytes >= MAX_RESPONSE;
}

static bool is_wanted(struct batch *b, const struct slot *slot)
{
    if (!slot || slot->type != b->type || view_find(b->s->view, b->type, slot->name) != slot) return false;
    struct entry e = track_state(b->s, slot);
    return (b->t->is_wildcard || e.is_named) && e.stamp != slot->stamp;
}

static void collect_one(struct batch *b, uint32_t id)
{
    struct slot *slot = shard_slot(b->s->shard, id);
    if (!is_wanted(b, slot)) return;
    if (slot->refused_by & b->s->envoy) {
        struct entry e = track_state(b->s, slot);
        if (!e.is_named || e.is_held) return;
        slot_ref(slot); /* a subscription is always answered */
        list_push(b->a, &b->removed, slot);
        return;
    }
    if (must_wait(b, slot)) {
        b->holds = true;
        ids_push(&b->keep, id);
    } else if (is_full(b)) {
        ids_push(&b->keep, id);
    } else {
        list_push(b->a, &b->send, slot);
        b->bytes += slot->now->wire.n;
    }
}

static void collect(struct batch *b)
{
    int64_t wait = b->s->shard->server->opt.warm_wait_ns;
    b->is_late = b->t->held_since && b->now - b->t->held_since >= wait;
    if (b->is_late && b->t->dirty.n)
        log_warn("%.*s: %s goes out although its clusters are not accepted after %" PRId64 " s",
                 STR_FMT(b->s->node->title), xds_type_short(b->type), wait / 1000000000);
    ids_sort(&b->t->dirty);
    for (size_t i = 0; i < b->t->dirty.n; i++) collect_one(b, b->t->dirty.v[i]);
    if (!b->holds) b->t->held_since = 0;
    if (b->holds && !b->t->held_since) b->t->held_since = b->now;
    if (b->holds) stream_arm(b->s, b->t->held_since + wait);
}

static bool is_collected(const struct batch *b, const struct slot *slot)
{
    for (size_t i = 0; i < b->send.n; i++)
        if (b->send.v[i] == slot) return true;
    return false;
}

/* One name that is gone. True: settled, drop the item. */
static bool collect_gone(struct batch *b, struct gone *g)
{
    struct slot *slot = shard_slot(b->s->shard, g->slot), *now = view_find(b->s->view, b->type, slot->name);
    if (now) {
        if (now == slot) return true;
        track_move(b->s, slot, NULL, now);
        if (b->is_removing)
            track_dirty(b->s, now);
        else if (!is_collected(b, now))
            collect_one(b, now->id);
        return true;
    }
    if (!g->is_answer && !track_state(b->s, slot).is_held) return true;
    if (!is_removal_due(b, g) || (b->t->limit && b->removed.n >= b->t->limit)) return false;
    list_push(b->a, &b->removed, slot);
    return true;
}

static void collect_removals(struct batch *b)
{
    struct type_state *t = b->t;
    struct gone *all = t->gone;
    size_t n = t->n_gone;
    t->gone = NULL;
    t->n_gone = t->cap_gone = 0;
    for (size_t i = 0; i < n; i++) {
        struct slot *slot = shard_slot(b->s->shard, all[i].slot);
        if (!collect_gone(b, &all[i])) {
            track_gone(b->s, slot, all[i].is_answer);
            t->gone[t->n_gone - 1] = all[i];
        } else if (b->removed.n && b->removed.v[b->removed.n - 1] == slot) {
            continue; /* its count goes to the response */
        }
        slot_unref(b->s->shard, slot);
    }
    free(all);
}

static int by_slot(const void *a, const void *b)
{
    uint32_t x = (*(struct slot *const *)a)->id, y = (*(struct slot *const *)b)->id;
    return (x > y) - (x < y);
}

/* A removal that waits is noted again by every change of the view; Envoy refuses a response that says a name twice,
 * and everything else in it. */
static void keep_each_removal_once(struct batch *b)
{
    size_t n = 0;
    list_sort(&b->removed, by_slot);
    for (size_t i = 0; i < b->removed.n; i++) {
        struct slot *slot = b->removed.v[i];
        if (n && b->removed.v[n - 1] == slot)
            slot_unref(b->s->shard, slot);
        else
            b->removed.v[n++] = slot;
    }
    b->removed.n = n;
}

/* ---- sending ---- */
static void flight_add(struct flight *f, struct slot *slot, uint32_t stamp)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 4;
        f->v = xrealloc(f->v, f->cap * sizeof *f->v);
    }
    f->v[f->n++] = (struct sent){slot->id, stamp};
}

/* After each cluster its endpoints, unasked: Envoy does not ask again when a cluster changes. A proxy that gets its
 * first clusters asks for all of them itself. */
static void force_endpoints(struct batch *b, const struct slot *cluster, bool was_held)
{
    if (is_first_answer(b) && !was_held) return;
    struct slot *slot = view_find(b->s->view, XDS_ENDPOINT, cluster->name);
    if (!slot) return;
    struct entry *e = track_entry(b->s, slot);
    e->stamp = 0;
    e->is_named = 1;
    track_dirty(b->s, slot);
}

static void note_sent(struct batch *b, struct slot *slot)
{
    struct entry *e = track_entry(b->s, slot);
    bool was_held = e->is_held;
    if (b->type == XDS_LISTENER && was_held) b->t->flight.changes_listener = true;
    e->stamp = slot->stamp;
    e->is_held = 1;
    slot_ref(slot);
    flight_add(&b->t->flight, slot, slot->stamp);
    cover_fold(b->s, slot);
    if (b->type == XDS_CLUSTER) force_endpoints(b, slot, was_held);
}

static void note_removed(struct batch *b, struct slot *slot)
{
    if (b->type == XDS_LISTENER) b->t->flight.changes_listener = true;
    flight_add(&b->t->flight, slot, 0);
    if (!track_state(b->s, slot).is_named) {
        track_drop(b->s, slot);
        return;
    }
    struct entry *e = track_entry(b->s, slot);
    e->is_held = 0;
    e->stamp = 0;
}

static void unref_resource(void *r) { xds_resource_unref(r); }

static void send_response(struct batch *b)
{
    struct buf head = {0};
    char nonce[12];
    struct strs removed = {arena_array(b->a, struct str, b->removed.n), b->removed.n};
    struct h2_chunk *chunks = arena_array(b->a, struct h2_chunk, b->send.n + 1);
    if (!++b->s->nonce) b->s->nonce = 1;
    snprintf(nonce, sizeof nonce, "%" PRIu32, b->s->nonce);
    for (size_t i = 0; i < removed.n; i++) removed.v[i] = b->removed.v[i]->name;
    removed = strs_sort_unique(removed); /* slots of two parts may have one name */
    discovery_write_head(&head, b->type, str_of(nonce), removed);
    chunks[0] = (struct h2_chunk){head.p, head.n, free, head.p};
    for (size_t i = 0; i < b->send.n; i++) {
        struct xds_resource *r = xds_resource_ref(b->send.v[i]->now);
        chunks[i + 1] = (struct h2_chunk){r->wire.p, r->wire.n, unref_resource, r};
    }
    h2_grpc_send(b->s->h2, chunks, b->send.n + 1);
}

static void commit(struct batch *b)
{
    struct flight *f = &b->t->flight;
    bool is_all = !b->keep.n && !b->t->limit && !b->t->is_apart;
    *f = (struct flight){.at = b->now, .revision = is_all ? b->s->shard->revision : 0};
    send_response(b);
    f->nonce = b->s->nonce;
    for (size_t i = 0; i < b->send.n; i++) note_sent(b, b->send.v[i]);
    for (size_t i = 0; i < b->removed.n; i++) note_removed(b, b->removed.v[i]);
    b->t->must_answer = false;
    metric_add(&xds_resources_sent, (double)b->send.n, STR_NULL, STR_NULL, STR_NULL, STR_NULL);
}

/* While a refused name is searched: removals alone, if one is due. */
static bool push_removals(struct batch *b)
{
    if (!b->t->is_apart || !b->t->n_gone) return false;
    b->is_removing = true;
    collect_removals(b);
    keep_each_removal_once(b);
    b->is_removing = false;
    if (b->removed.n) commit(b);
    return b->removed.n > 0;
}

/* True: the type turned out to be clean without a response, so that no acknowledgement will tell those who wait for it. */
static bool push_type(struct stream *s, enum xds_type type)
{
    struct type_state *t = &s->types[type];
    if (t->flight.nonce || (!t->dirty.n && !t->n_gone && !t->must_answer)) return false;
    struct arena *a SCOPED_ARENA = arena_new();
    struct batch b = {.s = s, .type = type, .t = t, .now = clock_mono_ns(), .a = a};
    if (push_removals(&b)) return false;
    collect(&b);
    if (t->must_answer && t->is_wildcard && b.holds) { /* Envoy starts from the first answer: it must be whole */
        ids_free(&b.keep);
        return false;
    }
    collect_removals(&b);
    keep_each_removal_once(&b);
    ids_free(&t->dirty);
    t->dirty = b.keep;
    if (b.send.n || b.removed.n || t->must_answer) {
        commit(&b);
        return false;
    }
    cover_begin(s, type);
    return !t->dirty.n && !t->n_gone;
}

uint64_t push_accepted(const struct stream *s)
{
    uint64_t least = s->shard->revision;
    for (int t = 0; t < XDS_TYPE_COUNT; t++) {
        const struct type_state *is = &s->types[t];
        bool is_missing = !is->is_asked && (t == XDS_CLUSTER || t == XDS_LISTENER);
        uint64_t at = is_missing ? 0 : is_clean(is, (enum xds_type)t) ? least : is->acked;
        if (at < least) least = at;
    }
    return least;
}

void push(struct stream *s)
{
    static const enum xds_type order[] = {XDS_CLUSTER, XDS_ENDPOINT, XDS_SECRET, XDS_LISTENER, XDS_ROUTE};
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; s->node && !s->is_over && i < XDS_TYPE_COUNT; i++) again |= push_type(s, order[i]);
    }
    s->is_touched = false;
    changes_settle(s);
}
