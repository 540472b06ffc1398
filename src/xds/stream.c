/* A proxy's stream: admission, and what its requests mean. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "xds/internal.h"

enum { MAX_WAITING = 32, MAX_MESSAGE = 32 << 20 };
static const int64_t admit_wait = 3000000000;

#define ADS_PATH "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"

/* ---- subscriptions ---- */
static void answer_absent(struct stream *s, enum xds_type type, struct str name)
{
    struct entry *e = track_find(s, type, name);
    struct slot *slot = e ? shard_slot(s->shard, e->slot) : shard_ghost(s->shard, type, name);
    track_entry(s, slot)->is_named = 1;
    track_gone(s, slot, true);
    if (!e) slot_unref(s->shard, slot);
}

static void dirty_all(struct stream *s, enum xds_type type)
{
    for (size_t i = 0; i < s->view->n_parts; i++) {
        const struct ids *l = &s->view->parts[i]->ids[type];
        for (size_t j = 0; j < l->n; j++) track_dirty(s, shard_slot(s->shard, l->v[j]));
    }
}

static void subscribe_wildcard(struct stream *s, enum xds_type type)
{
    if (!s->types[type].is_wildcard) cover_end(s, type);
    s->types[type].is_wildcard = s->types[type].must_answer = true;
    dirty_all(s, type);
}

static void subscribe(struct stream *s, enum xds_type type, struct str name, bool is_first)
{
    if (str_is(name, "*")) {
        subscribe_wildcard(s, type);
        return;
    }
    struct slot *slot = view_find(s->view, type, name);
    if (!slot) {
        answer_absent(s, type, name);
        return;
    }
    struct entry *e = track_entry(s, slot);
    e->is_named = 1;
    /* Asking again means that the proxy has no copy; a first request says what it still holds. */
    if (!is_first) e->stamp = 0;
    track_dirty(s, slot);
}

static void unsubscribe_wildcard(struct stream *s, enum xds_type type)
{
    struct entries *l = &s->types[type].entries;
    cover_end(s, type);
    s->types[type].is_wildcard = false;
    for (size_t i = l->n; i > 0; i--)
        if (!l->v[i - 1].is_named) track_drop(s, shard_slot(s->shard, l->v[i - 1].slot));
}

static void unsubscribe(struct stream *s, enum xds_type type, struct str name)
{
    if (str_is(name, "*")) {
        unsubscribe_wildcard(s, type);
        return;
    }
    struct entry *e = track_find(s, type, name);
    if (!e) return;
    struct slot *slot = shard_slot(s->shard, e->slot);
    if (!s->types[type].is_wildcard) {
        track_drop(s, slot);
        return;
    }
    /* Still covered by the wildcard: the proxy has to be told which way. */
    e->is_named = 0;
    e->stamp = 0;
    if (slot->now)
        track_dirty(s, slot);
    else
        track_gone(s, slot, true);
}

/* What the proxy says it holds, at the beginning of a stream. */
static void declare(struct stream *s, enum xds_type type, const struct discovery_version *held)
{
    struct slot *slot = view_find(s->view, type, held->name);
    struct hash128 version;
    if (!slot) {
        struct slot *ghost = shard_ghost(s->shard, type, held->name);
        track_entry(s, ghost)->is_held = 1;
        track_gone(s, ghost, false);
        slot_unref(s->shard, ghost);
        return;
    }
    if (entries_find(&s->types[type].entries, slot->id)) return;
    struct entry *e = track_entry(s, slot);
    e->is_held = 1;
    if (hash128_parse(held->version, &version) && hash128_eq(version, slot->now->version))
        e->stamp = slot->stamp;
    else
        track_dirty(s, slot);
}

static bool type_of(struct str url, enum xds_type *out)
{
    for (int t = 0; t < XDS_TYPE_COUNT; t++) {
        *out = (enum xds_type)t;
        if (str_is(url, xds_type_url(*out))) return true;
    }
    return false;
}

static void handle_first(struct stream *s, enum xds_type type, const struct discovery_request *q)
{
    s->types[type].is_asked = true;
    for (each(v, q->initial)) declare(s, type, v);
    if (type == XDS_CLUSTER && q->initial.n)
        metric_add(&xds_reconnect_count, 1, STR_NULL, STR_NULL, STR_NULL, STR_NULL);
    if (!q->subscribe.n && (type == XDS_CLUSTER || type == XDS_LISTENER)) subscribe_wildcard(s, type);
}

static void handle(struct stream *s, const struct discovery_request *q)
{
    enum xds_type type;
    if (!type_of(q->type_url, &type)) {
        log_debug("%.*s asks for unknown type %.*s", STR_FMT(s->node->title), STR_FMT(q->type_url));
        return;
    }
    metric_add(&xds_request_count, 1, str_of(xds_type_short(type)), STR_NULL, STR_NULL, STR_NULL);
    bool is_first = !s->types[type].is_asked;
    push_acknowledge(s, type, q);
    if (is_first) handle_first(s, type, q);
    for (each(name, q->subscribe)) subscribe(s, type, *name, is_first);
    for (each(name, q->unsubscribe)) unsubscribe(s, type, *name);
    push(s);
}

/* ---- admission ---- */
static void handle_waiting(struct stream *s)
{
    for (size_t i = 0; i < s->n_waiting; i++) {
        if (!s->is_over) handle(s, s->waiting[i]);
        discovery_request_free(s->waiting[i]);
    }
    free(s->waiting);
    s->waiting = NULL;
    s->n_waiting = 0;
}

static void deny(struct stream *s, const char *why)
{
    log_warn("%.*s: refused: the certificate of %.*s asks as node %.*s, %s", STR_FMT(s->peer->address),
             STR_FMT(s->peer->spiffe_id), STR_FMT(s->node_id), why);
    stream_end(s, GRPC_PERMISSION_DENIED, why);
}

void stream_admit(struct stream *s)
{
    if (s->is_over || !s->node_id.n) return;
    struct node *n = map_get(&s->shard->nodes, s->node_id);
    if (!n || !n->view->is_known) {
        if (!s->admit_by) s->admit_by = clock_mono_ns() + admit_wait;
        stream_arm(s, s->admit_by);
        return;
    }
    if (!str_eq(n->spiffe_id, s->peer->spiffe_id)) {
        deny(s, "which belongs to another identity");
        return;
    }
    if (s->timer) event_free(s->timer);
    s->timer = NULL;
    s->timer_at = 0;
    s->shard->n_unadmitted--;
    node_enter(s, n);
    view_enter(s, n->view);
    log_info("%.*s connected from %.*s", STR_FMT(n->title), STR_FMT(s->peer->address));
    handle_waiting(s);
}

static bool is_in_order(struct stream *s, const struct discovery_request *q)
{
    if (!q->type_url.n || (!q->node_id.n && !s->node_id.n)) {
        stream_end(s, GRPC_INVALID_ARGUMENT, "the first request needs node.id, every request a type_url");
        return false;
    }
    if (!s->node_id.n) s->admit_by = 0;
    if (!s->node_id.n) s->envoy = refusals_version(s->shard, q->envoy);
    if (!s->node_id.n) s->node_id = str_make(xstrndup(q->node_id.p, q->node_id.n), q->node_id.n);
    if (!q->node_id.n || str_eq(q->node_id, s->node_id)) return true;
    deny(s, "and now as another one");
    return false;
}

static void receive(struct stream *s, struct discovery_request *q)
{
    if (!is_in_order(s, q)) {
        discovery_request_free(q);
        return;
    }
    if (s->node) {
        handle(s, q);
        discovery_request_free(q);
        return;
    }
    if (s->n_waiting == MAX_WAITING) {
        discovery_request_free(q);
        stream_end(s, GRPC_RESOURCE_EXHAUSTED, "too many requests before admission");
        return;
    }
    s->waiting = xrealloc(s->waiting, (s->n_waiting + 1) * sizeof(struct discovery_request *));
    s->waiting[s->n_waiting++] = q;
    stream_admit(s);
}

/* ---- the stream's life ---- */
void stream_end(struct stream *s, enum grpc_code code, const char *why)
{
    if (s->is_over) return;
    s->is_over = true;
    h2_grpc_end(s->h2, code, why);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct stream *s = arg;
    s->timer_at = 0;
    if (s->is_over) return;
    if (s->node)
        push(s);
    else if (!s->node_id.n && clock_mono_ns() < s->admit_by)
        stream_arm(s, s->admit_by); /* the loop's clock may be a little ahead */
    else if (!s->node_id.n)
        stream_end(s, GRPC_INVALID_ARGUMENT, "no request came");
    else if (s->admit_by && clock_mono_ns() >= s->admit_by)
        deny(s, "which is no pod of the mesh");
    else
        stream_admit(s);
}

void stream_arm(struct stream *s, int64_t at)
{
    if (s->timer_at && s->timer_at <= at) return;
    if (!s->timer) s->timer = event_new(s->shard->loop->base, -1, 0, on_timer, s);
    int64_t wait = at - clock_mono_ns();
    if (wait < 0) wait = 0;
    struct timeval t = {wait / 1000000000, wait % 1000000000 / 1000 + 1};
    s->timer_at = at;
    event_add(s->timer, &t);
}

static bool count_in(struct stream *s)
{
    struct xds_server *server = s->shard->server;
    int max = atomic_load(&server->max_streams), n = atomic_fetch_add(&server->streams, 1) + 1;
    s->is_counted = true;
    metric_set(&xds_connect_count, n, STR_NULL, STR_NULL, STR_NULL, STR_NULL);
    return !max || n <= max;
}

static void count_out(struct stream *s)
{
    if (!s->is_counted) return;
    int n = atomic_fetch_sub(&s->shard->server->streams, 1) - 1;
    metric_set(&xds_connect_count, n, STR_NULL, STR_NULL, STR_NULL, STR_NULL);
}

static bool is_ads(void *arg, struct str path)
{
    (void)arg;
    return str_is(path, ADS_PATH);
}

static void *on_open(void *arg, struct h2_stream *h2, const struct h2_peer *peer)
{
    struct shard *d = arg;
    struct stream *s = xcalloc(1, sizeof *s);
    s->shard = d;
    s->h2 = h2;
    s->peer = peer;
    s->connected_s = clock_unix_s();
    s->next = d->streams;
    if (s->next) s->next->prev = s;
    d->streams = s;
    d->n_unadmitted++;
    if (!peer->has_certificate) {
        stream_end(s, GRPC_UNAUTHENTICATED, "a client certificate is needed");
    } else if (!peer->spiffe_id.n) {
        stream_end(s, GRPC_PERMISSION_DENIED, "the client certificate names no workload");
    } else if (!atomic_load(&d->server->is_published)) {
        stream_end(s, GRPC_UNAVAILABLE, "the configuration is not computed yet");
    } else if (!count_in(s)) {
        metric_add(&xds_max_rejected, 1, STR_NULL, STR_NULL, STR_NULL, STR_NULL);
        stream_end(s, GRPC_RESOURCE_EXHAUSTED, "there are as many proxies as maxDataPlaneConnections allows");
    } else {
        s->admit_by = clock_mono_ns() + d->server->opt.request_wait_ns;
        stream_arm(s, s->admit_by);
    }
    return s;
}

static void on_message(void *state, struct str piece, bool is_last)
{
    struct stream *s = state;
    struct err err = {0};
    if (s->is_over) return;
    if (!s->reader) s->reader = discovery_reader_new();
    struct discovery_request *q = NULL;
    bool ok = discovery_reader_feed(s->reader, piece, &err);
    if (ok && !is_last) return;
    if (ok) {
        q = discovery_reader_end(s->reader, &err);
        s->reader = NULL;
    }
    if (q)
        receive(s, q);
    else
        stream_end(s, GRPC_INVALID_ARGUMENT, err.text);
}

static void on_closed(void *state)
{
    struct stream *s = state;
    if (s->node) log_info("%.*s disconnected", STR_FMT(s->node->title));
    s->is_over = true;
    count_out(s);
    if (!s->view) s->shard->n_unadmitted--;
    changes_forget(s);
    node_leave(s);
    view_leave(s);
    track_release(s);
    handle_waiting(s);
    discovery_reader_free(s->reader);
    if (s->timer) event_free(s->timer);
    if (s->prev) s->prev->next = s->next;
    if (s->next) s->next->prev = s->prev;
    if (s->shard->streams == s) s->shard->streams = s->next;
    free((char *)s->node_id.p);
    free(s);
}

const struct h2_grpc xds_grpc = {
    .accepts = is_ads, .open = on_open, .message = on_message, .closed = on_closed, .max_message = MAX_MESSAGE};
