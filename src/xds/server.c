/* The owner's side: threads, publishing, receipts. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/listen.h"
#include "xds/internal.h"

enum { ACCEPTS = 64, MAX_REFUSALS = 1000, MAX_TEXT = 1024 };

struct refusals { /* the owner's list, oldest first */
    struct arena *arena;
    LIST(struct xds_refusal) all;
};

/* ---- threads ---- */
struct arrival {
    struct shard *shard;
    int fd;
};

static void adopt(void *arg)
{
    struct arrival *a = arg;
    h2_server_adopt(a->shard->h2, a->fd);
    free(a);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct shard *first = arg;
    struct xds_server *s = first->server;
    static _Thread_local int next;
    for (int i = 0; i < ACCEPTS; i++) {
        int con = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (con < 0) return;
        struct arrival *a = xmalloc(sizeof *a);
        *a = (struct arrival){&s->shards[next++ % s->n], con};
        if (a->shard == first)
            adopt(a);
        else
            mailbox_post(a->shard->loop->mail, adopt, a);
    }
}

static void shard_begin(void *arg)
{
    struct shard *d = arg;
    const struct xds_options *o = &d->server->opt;
    struct h2_grpc grpc = xds_grpc;
    struct err err = {0};
    grpc.arg = d;
    struct h2_server_options h = {.tls = o->tls,
                                  .listen_fd = -1,
                                  .other = o->other ? &d->server->other : NULL,
                                  .grpc = &grpc,
                                  .mail = d->loop->mail,
                                  .keepalive_ns = o->keepalive_ns,
                                  .idle_close_ns = o->idle_close_ns,
                                  .max_age_ns = o->max_age_ns};
    d->h2 = h2_server_new(d->loop->base, &h, &err);
    if (!d->h2) log_error("%s", err.text);
    if (d->number) return;
    d->accept = event_new(d->loop->base, d->server->listen_fd, EV_READ | EV_PERSIST, on_accept, d);
    event_add(d->accept, NULL);
}

static void shard_end(void *arg)
{
    struct shard *d = arg;
    if (d->accept) event_free(d->accept);
    h2_server_free(d->h2);
    shard_release(d);
}

static bool start(struct xds_server *s, int i, struct err *err)
{
    struct shard *d = &s->shards[i];
    d->server = s;
    d->number = i;
    d->loop = loop_thread_new("osm-xds", err);
    return d->loop != NULL;
}

struct xds_server *xds_server_new(struct event_base *owner, const struct xds_options *opt, struct err *err)
{
    xds_metrics_init();
    struct xds_server *s = xcalloc(1, sizeof *s);
    s->opt = *opt;
    s->opt.address = NULL;
    if (s->opt.tls) SSL_CTX_up_ref(s->opt.tls);
    if (opt->other) s->other = *opt->other;
    s->refusals = xcalloc(1, sizeof *s->refusals);
    s->refusals->arena = arena_new();
    s->shards = xcalloc((size_t)opt->threads, sizeof *s->shards);
    atomic_store(&s->max_streams, opt->max_streams);
    s->listen_fd = listen_tcp(opt->address, opt->port, err);
    bool ok = s->listen_fd >= 0;
    s->port = ok ? listen_port(s->listen_fd) : 0;
    if (ok) ok = (s->owner = mailbox_new(owner, err)) != NULL;
    for (; ok && s->n < opt->threads; s->n += ok) ok = start(s, s->n, err);
    if (!ok) {
        xds_server_free(s);
        return NULL;
    }
    for (int i = 0; i < s->n; i++) mailbox_post(s->shards[i].loop->mail, shard_begin, &s->shards[i]);
    return s;
}

void xds_server_free(struct xds_server *s)
{
    if (!s) return;
    s->is_ending = true;
    /* The first goes first: it accepts for the others. */
    for (int i = 0; i < s->n; i++) loop_thread_free(s->shards[i].loop, shard_end, &s->shards[i]);
    mailbox_free(s->owner);
    if (s->listen_fd >= 0) close(s->listen_fd);
    SSL_CTX_free(s->opt.tls);
    arena_free(s->refusals->arena);
    free(s->refusals);
    free(s->shards);
    free(s);
}

uint16_t xds_server_port(const struct xds_server *s) { return s->port; }

void xds_server_set_max_streams(struct xds_server *s, int n) { atomic_store(&s->max_streams, n); }

struct new_tls {
    struct shard *shard;
    SSL_CTX *tls;
};

static void set_tls(void *arg)
{
    struct new_tls *t = arg;
    h2_server_set_tls(t->shard->h2, t->tls);
    SSL_CTX_free(t->tls);
    free(t);
}

void xds_server_set_tls(struct xds_server *s, SSL_CTX *tls)
{
    for (int i = 0; i < s->n; i++) {
        struct new_tls *t = xmalloc(sizeof *t);
        SSL_CTX_up_ref(tls);
        *t = (struct new_tls){&s->shards[i], tls};
        mailbox_post(s->shards[i].loop->mail, set_tls, t);
    }
}

/* ---- publishing ---- */
struct publication { /* a revision on its way; shared by the shards */
    atomic_int refs;
    struct arena *arena;
    struct xds_revision r;
};
struct delivery {
    struct shard *shard;
    struct publication *p;
};

static void publication_unref(struct publication *p)
{
    if (atomic_fetch_sub(&p->refs, 1) != 1) return;
    for (each(c, p->r.slots)) xds_resource_unref(c->now);
    arena_free(p->arena);
}

static void deliver(void *arg)
{
    struct delivery *d = arg;
    shard_apply(d->shard, &d->p->r);
    publication_unref(d->p);
    free(d);
}

static struct strs copy_names(struct arena *a, struct strs l)
{
    struct strs out = {arena_array(a, struct str, l.n), l.n};
    for (size_t i = 0; i < l.n; i++) out.v[i] = str_dup(a, l.v[i]);
    return out;
}

static struct publication *copy_revision(const struct xds_revision *r, int refs)
{
    struct arena *a = arena_new();
    struct publication *p = arena_make(a, struct publication);
    atomic_init(&p->refs, refs);
    p->arena = a;
    p->r.revision = r->revision;
    for (each(c, r->slots))
        list_push(
            a, &p->r.slots,
            ((struct xds_slot_change){str_dup(a, c->part), xds_resource_ref(c->now), c->now ? c->now->type : c->type,
                                      str_dup(a, c->now ? c->now->name : c->name)}));
    for (each(c, r->views))
        list_push(a, &p->r.views, ((struct xds_view_change){str_dup(a, c->view), c->removed, copy_names(a, c->parts)}));
    for (each(c, r->nodes))
        list_push(a, &p->r.nodes,
                  ((struct xds_node_change){str_dup(a, c->node_id), str_dup(a, c->spiffe_id), str_dup(a, c->title),
                                            str_dup(a, c->view), c->removed}));
    return p;
}

/* A removal says nothing else; a pod without view is gone, too. */
static bool is_going(const struct xds_node_change *c) { return c->removed || !c->view.n; }

void xds_publish(struct xds_server *s, const struct xds_revision *r)
{
    struct publication *p = copy_revision(r, s->n);
    for (each(c, p->r.nodes)) c->removed = is_going(c);
    s->revision = r->revision;
    metric_add(&xds_broadcasts, 1, STR_NULL, STR_NULL, STR_NULL, STR_NULL);
    for (int i = 0; i < s->n; i++) {
        struct delivery *d = xmalloc(sizeof *d);
        *d = (struct delivery){&s->shards[i], p};
        mailbox_post(s->shards[i].loop->mail, deliver, d);
    }
    atomic_store(&s->is_published, true);
}

/* ---- events ---- */
static void tell_owner(void *arg)
{
    struct xds_server *s = arg;
    atomic_store(&s->is_event_due, false);
    if (s->on_event && !s->is_ending) s->on_event(s->event_arg);
}

void server_event(struct xds_server *s)
{
    if (!atomic_exchange(&s->is_event_due, true)) mailbox_post(s->owner, tell_owner, s);
}

void xds_on_event(struct xds_server *s, void (*fn)(void *arg), void *arg)
{
    s->on_event = fn;
    s->event_arg = arg;
}

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

static void keep_refusal(struct refusals *l, const struct xds_refusal *r)
{
    if (l->all.n >= MAX_REFUSALS) return;
    for (each(old, l->all))
        if (str_eq(old->resource, r->resource) && str_eq(old->type_name, r->type_name) &&
            hash128_eq(old->version, r->version))
            return;
    struct arena *a = l->arena;
    list_push(a, &l->all,
              ((struct xds_refusal){str_dup(a, r->node), str_dup(a, r->type_name), str_dup(a, r->resource),
                                    str_dup(a, r->origin), str_dup(a, r->text), r->version}));
}

static void on_refusal(void *arg)
{
    struct refusal_report *q = arg;
    struct xds_server *s = q->server;
    keep_refusal(s->refusals, &q->r);
    for (int i = 0; i < s->n && !s->is_ending; i++)
        if (i != q->from) mailbox_post(s->shards[i].loop->mail, quarantine, copy_report(q, i));
    arena_free(q->arena);
    tell_owner(s);
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
    for (each(r, in->server->refusals->all))
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
