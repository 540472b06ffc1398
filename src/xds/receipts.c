/* The owner's side: what proxies accepted and what they refused. */
#include <stdlib.h>

#include "base/log.h"
#include "xds/internal.h"

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
        to->envoy = str_dup(a, p->envoy);
        to->address = str_dup(a, p->address);
    }
    in->st.streams += from->streams;
}

static bool is_known(const struct xds_status *st, const struct xds_refusal *r)
{
    for (each(old, st->refusals))
        if (str_eq(old->resource, r->resource) && str_eq(old->type_name, r->type_name) &&
            hash128_eq(old->version, r->version))
            return true;
    return false;
}

/* Every shard learns of every refusal, but not at once. */
static void add_refusals(struct inquiry *in, const struct xds_status *from)
{
    struct arena *a = in->arena;
    for (each(r, from->refusals))
        if (!is_known(&in->st, r))
            list_push(a, &in->st.refusals,
                      ((struct xds_refusal){str_dup(a, r->node), str_dup(a, r->type_name), str_dup(a, r->resource),
                                            str_dup(a, r->origin), str_dup(a, r->text), r->version}));
}

static struct xds_change_status *change_at(struct inquiry *in, uint64_t revision)
{
    for (each(c, in->st.changes))
        if (c->revision == revision) return c;
    struct xds_change_status *c = list_add(in->arena, &in->st.changes);
    c->revision = revision;
    return c;
}

static void add_changes(struct inquiry *in, const struct xds_status *from)
{
    for (each(c, from->changes)) {
        struct xds_change_status *to = change_at(in, c->revision);
        to->expected += c->expected;
        to->accepted += c->accepted;
        to->refused += c->refused;
        if (c->last_ns > to->last_ns) to->last_ns = c->last_ns;
        for (size_t i = 0; i < c->waiting.n; i++)
            list_push(in->arena, &to->waiting, str_dup(in->arena, c->waiting.v[i]));
    }
}

static void name_causes(struct inquiry *in)
{
    struct arena *a = in->arena;
    for (each(c, in->st.changes)) {
        const struct published *p = &in->server->published[c->revision % KEPT_CHANGES];
        if (p->revision != c->revision) continue;
        c->at_s = p->at_s;
        c->n_causes = p->n_causes;
        c->causes = (struct strs){arena_array(a, struct str, p->causes.n), p->causes.n};
        for (size_t i = 0; i < p->causes.n; i++) c->causes.v[i] = str_dup(a, p->causes.v[i]);
    }
}

static int by_revision(const void *a, const void *b)
{
    const struct xds_change_status *x = a, *y = b;
    return (x->revision > y->revision) - (x->revision < y->revision);
}

static int by_resource(const void *a, const void *b)
{
    const struct xds_refusal *x = a, *y = b;
    int c = str_cmp(x->resource, y->resource);
    return c ? c : str_cmp(x->type_name, y->type_name);
}

static void conclude(struct inquiry *in)
{
    struct xds_status *st = &in->st;
    st->revision = in->server->revision;
    for (each(p, st->proxies)) st->accepted += p->accepted >= st->revision;
    list_sort(&st->proxies, by_title);
    list_sort(&st->refusals, by_resource);
    list_sort(&st->changes, by_revision);
    name_causes(in);
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
    add_refusals(in, &w->st);
    add_changes(in, &w->st);
    arena_free(w->arena);
    if (--in->open == 0) conclude(in);
}

static void ask(void *arg)
{
    struct answer *w = arg;
    server_status_fill(w->shard, w->arena, &w->st);
    mailbox_post(w->shard->server->owner, on_answer, w);
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
                                             .envoy = refusals_version_text(d, s->envoy, a),
                                             .accepted = push_accepted(s),
                                             .resources = track_held(s),
                                             .connected_s = s->connected_s,
                                             .ends_s = s->peer->ends}));
    }
    st->streams = st->proxies.n;
    refusals_fill(d, a, st);
    changes_fill(d, a, st);
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
