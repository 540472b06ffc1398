/* The owner's side: threads, publishing, receipts. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/listen.h"
#include "xds/internal.h"

enum { ACCEPTS = 64 };

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
    if (!s->opt.request_wait_ns) s->opt.request_wait_ns = INT64_C(10000000000);
    if (s->opt.tls) SSL_CTX_up_ref(s->opt.tls);
    if (opt->other) s->other = *opt->other;
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
    for (size_t i = 0; i < KEPT_CHANGES; i++) arena_free(s->published[i].arena);
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

struct leaving {
    struct shard *shard;
    int64_t over_ns;
};

static void drain(void *arg)
{
    struct leaving *l = arg;
    h2_server_drain(l->shard->h2, l->over_ns);
    free(l);
}

void xds_server_drain(struct xds_server *s, int64_t over_ns)
{
    for (int i = 0; i < s->n; i++) {
        struct leaving *l = xmalloc(sizeof *l);
        *l = (struct leaving){&s->shards[i], over_ns};
        mailbox_post(s->shards[i].loop->mail, drain, l);
    }
}

/* ---- publishing ---- */
struct publication { /* a revision on its way; shared by the shards */
    atomic_int refs;
    struct arena *arena;
    struct xds_revision r;
    int64_t at;
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
    shard_apply(d->shard, &d->p->r, d->p->at);
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
    p->at = clock_mono_ns();
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

static void remember(struct xds_server *s, const struct xds_revision *r)
{
    struct published *p = &s->published[r->revision % KEPT_CHANGES];
    arena_free(p->arena);
    *p = (struct published){
        .revision = r->revision, .at_s = clock_unix_s(), .arena = arena_new(), .n_causes = r->n_causes};
    p->causes = copy_names(p->arena, (struct strs){r->causes.v, r->causes.n});
}

void xds_publish(struct xds_server *s, const struct xds_revision *r)
{
    remember(s, r);
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
