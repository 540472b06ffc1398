/* The owner's side: what proxies accepted and what they refused. */
#include <stdlib.h>

#include "base/log.h"
#include "xds/internal.h"

enum { MAX_REFUSALS = 1000, MAX_TEXT = 1024 };

/* ---- refusals ---- */
struct refusal_report {
    struct xds_server *server;
    struct arena *arena;
    int from, to; /* shards */
    enum xds_type type;
    struct xds_refusal r;
};

static void quarantine(void *arg)
{
    struct refusal_report *q = arg;
    shard_quarantine(&q->server->shards[q->to], q->type, q->r.resource, q->r.version);
    arena_free(q->arena);
}

static struct refusal_report *copy_report(const struct refusal_report *q, int to)
{
    struct arena *a = arena_new();
    struct refusal_report *c = arena_make(a, struct refusal_report);
    *c = *q;
    c->arena = a;
    c->to = to;
    c->r.resource = str_dup(a, q->r.resource);
    return c;
}

static void keep_refusal(struct xds_server *s, const struct xds_refusal *r)
{
    if (s->refusals.n >= MAX_REFUSALS) return;
    for (each(old, s->refusals))
        if (str_eq(old->resource, r->resource) && str_eq(old->type_name, r->type_name) &&
            hash128_eq(old->version, r->version))
            return;
    struct arena *a = s->refusals_arena;
    list_push(a, &s->refusals,
              ((struct xds_refusal){str_dup(a, r->node), str_dup(a, r->type_name), str_dup(a, r->resource),
                                    str_dup(a, r->origin), str_dup(a, r->text), r->version}));
}

static void on_refusal(void *arg)
{
    struct refusal_report *q = arg;
    struct xds_server *s = q->server;
    keep_refusal(s, &q->r);
    for (int i = 0; i < s->n && !s->is_ending; i++)
        if (i != q->from) mailbox_post(s->shards[i].loop->mail, quarantine, copy_report(q, i));
    arena_free(q->arena);
    server_event(s);
}

void server_refused(struct shard *d, const struct stream *s, const struct slot *slot, struct str text)
{
    struct arena *a = arena_new();
    struct refusal_report *q = arena_make(a, struct refusal_report);
    text = str_sub(text, 0, MAX_TEXT);
    *q = (struct refusal_report){d->server, a, d->number, 0, slot->type, {.version = slot->now->version}};
    q->r.node = str_dup(a, s->node->title);
    q->r.type_name = str_dup(a, str_of(xds_type_short(slot->type)));
    q->r.resource = str_dup(a, slot->name);
    q->r.origin = str_dup(a, slot->now->origin);
    q->r.text = str_dup(a, text);
    log_warn("%.*s refused %s %.*s (from %.*s): %.*s", STR_FMT(q->r.node), q->r.type_name.p, STR_FMT(slot->name),
             STR_FMT(q->r.origin), STR_FMT(text));
    mailbox_post(d->server->owner, on_refusal, q);
}

/* ---- status ---- */
struct inquiry {
    struct xds_server *server;
    void (*done)(void *arg, struct xds_status *st, struct arena *a);
    void *arg;
    int open;
    struct arena *arena;
    struct xds_status st;
};
struct answer { /* of one shard */
    struct inquiry *in;
    struct shard *shard;
    struct arena *arena;
    struct xds_status st;
};

static int by_title(const void *a, const void *b)
{
    const struct xds_proxy_status *x = a, *y = b;
    int c = str_cmp(x->title, y->title);
    return c ? c : str_cmp(x->address, y->address);
}

static void add_proxies(struct inquiry *in, const struct xds_status *from)
{
    struct arena *a = in->arena;
    for (each(p, from->proxies)) {
        struct xds_proxy_status *to = list_add(a, &in->st.proxies);
        *to = *p;
        to->title = str_dup(a, p->title);
        to->node_id = str_dup(a, p->node_id);
        to->spiffe_id = str_dup(a, p->spiffe_id);
        to->view = str_dup(a, p->view);
        to->address = str_dup(a, p->address);
    }
    in->st.streams += from->streams;
}

static void add_refusals(struct inquiry *in)
{
    struct arena *a = in->arena;
    for (each(r, in->server->refusals))
        list_push(a, &in->st.refusals,
                  ((struct xds_refusal){str_dup(a, r->node), str_dup(a, r->type_name), str_dup(a, r->resource),
                                        str_dup(a, r->origin), str_dup(a, r->text), r->version}));
}

static void conclude(struct inquiry *in)
{
    struct xds_status *st = &in->st;
    st->revision = in->server->revision;
    for (each(p, st->proxies)) st->accepted += p->accepted >= st->revision;
    list_sort(&st->proxies, by_title);
    add_refusals(in);
    struct arena *a = in->arena;
    if (in->server->is_ending)
        arena_free(a);
    else
        in->done(in->arg, st, a);
    free(in);
}

static void on_answer(void *arg)
{
    struct answer *w = arg;
    struct inquiry *in = w->in;
    add_proxies(in, &w->st);
    arena_free(w->arena);
    if (--in->open == 0) conclude(in);
}

static void ask(void *arg)
{
    struct answer *w = arg;
    server_status_fill(w->shard, w->arena, &w->st);
    mailbox_post(w->shard->server->owner, on_answer, w);
}

static uint64_t held_by(const struct stream *s)
{
    uint64_t n = 0;
    for (int t = 0; t < XDS_TYPE_COUNT; t++)
        for (size_t i = 0; i < s->types[t].entries.n; i++) n += s->types[t].entries.v[i].is_held;
    return n;
}

void server_status_fill(struct shard *d, struct arena *a, struct xds_status *st)
{
    for (struct stream *s = d->streams; s; s = s->next) {
        if (!s->node) continue;
        list_push(a, &st->proxies,
                  ((struct xds_proxy_status){.title = str_dup(a, s->node->title),
                                             .node_id = str_dup(a, s->node->id),
                                             .spiffe_id = str_dup(a, s->peer->spiffe_id),
                                             .view = str_dup(a, s->view->name),
                                             .address = str_dup(a, s->peer->address),
                                             .accepted = push_accepted(s),
                                             .resources = held_by(s),
                                             .connected_s = s->connected_s}));
    }
    st->streams = st->proxies.n;
}

void xds_status_get(struct xds_server *s, void (*done)(void *arg, struct xds_status *st, struct arena *a), void *arg)
{
    struct inquiry *in = xcalloc(1, sizeof *in);
    *in = (struct inquiry){.server = s, .done = done, .arg = arg, .open = s->n, .arena = arena_new()};
    for (int i = 0; i < s->n; i++) {
        struct arena *a = arena_new();
        struct answer *w = arena_make(a, struct answer);
        *w = (struct answer){.in = in, .shard = &s->shards[i], .arena = a};
        mailbox_post(s->shards[i].loop->mail, ask, w);
    }
}
