/* world.h - an xDS server with a certificate authority, and short words to publish and to expect. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/log.h"
#include "client.h"
#include "net/loop.h"

#define TD "spiffe://cluster.local/ns/"

struct world {
    struct event_base *base;
    struct pki pki;
    struct pki_leaf server_leaf, alice, bob;
    struct xds_server *server;
    struct arena *a;
    uint64_t revision;
    struct xds_revision next; /* being put together */
    uint16_t port;
};

static inline void world_serve(struct world *w, struct xds_options o)
{
    struct err err = {0};
    struct tls_options t = {w->server_leaf.chain, w->server_leaf.key, w->pki.root_pem, false, "h2", STR_NULL};
    o.tls = tls_server_context(&t, &err);
    assert_non_null(o.tls);
    o.address = "127.0.0.1";
    if (!o.threads) o.threads = 2;
    if (!o.warm_wait_ns) o.warm_wait_ns = 15000000000;
    w->server = xds_server_new(w->base, &o, &err);
    SSL_CTX_free(o.tls);
    assert_non_null(w->server);
    w->port = xds_server_port(w->server);
}
static inline struct world *world_new(struct xds_options o)
{
    struct world *w = calloc(1, sizeof *w);
    struct err err = {0};
    log_set_level(getenv("OSM_TEST_LOG") ? LOG_DEBUG : LOG_OFF);
    w->a = arena_new();
    w->base = loop_base_new(&err);
    w->pki = pki_new();
    int64_t ends = clock_unix_s() + 3600;
    w->server_leaf = pki_issue(&w->pki, "DNS:osm-controller.osm-system.svc", ends);
    w->alice = pki_issue(&w->pki, "URI:" TD "a/sa/alice", ends);
    w->bob = pki_issue(&w->pki, "URI:" TD "b/sa/bob", ends);
    world_serve(w, o);
    return w;
}
static inline void world_free(struct world *w)
{
    xds_server_free(w->server);
    event_base_free(w->base);
    pki_free(&w->pki);
    arena_free(w->a);
    free(w);
}

/* ---- publishing ---- */
static inline struct str own_str(struct world *w, const char *s) { return str_dup(w->a, str_of(s)); }
/* |clusters|: a comma-separated list, or NULL. */
static inline void put(struct world *w, const char *part, enum xds_type type, const char *name, const char *bytes,
                       const char *clusters)
{
    struct strs l = {NULL, 0};
    LIST(struct str) names = {0};
    for (struct str rest = str_of(clusters); rest.p;) list_push(w->a, &names, str_cut(&rest, ','));
    l = (struct strs){names.v, names.n};
    struct xds_resource *r = xds_resource_new(type, str_of(name), str_of(bytes), S("Service a/origin"), l);
    list_push(w->a, &w->next.slots, ((struct xds_slot_change){own_str(w, part), r, type, own_str(w, name)}));
}
static inline void drop(struct world *w, const char *part, enum xds_type type, const char *name)
{
    list_push(w->a, &w->next.slots, ((struct xds_slot_change){own_str(w, part), NULL, type, own_str(w, name)}));
}
/* |parts|: a comma-separated list. */
static inline void view(struct world *w, const char *name, const char *parts)
{
    LIST(struct str) l = {0};
    for (struct str rest = own_str(w, parts); rest.p;) list_push(w->a, &l, str_cut(&rest, ','));
    list_push(w->a, &w->next.views, ((struct xds_view_change){own_str(w, name), false, {l.v, l.n}}));
}
static inline void node(struct world *w, const char *id, const char *spiffe, const char *in_view)
{
    list_push(
        w->a, &w->next.nodes,
        ((struct xds_node_change){own_str(w, id), own_str(w, spiffe), own_str(w, id), own_str(w, in_view), false}));
}
static inline void publish(struct world *w)
{
    w->next.revision = ++w->revision;
    xds_publish(w->server, &w->next);
    for (each(c, w->next.slots)) xds_resource_unref(c->now);
    w->next = (struct xds_revision){0};
}
/* One cluster with endpoints, a listener that names it through a route, for alice's pod "pod-a". */
static inline void usual(struct world *w)
{
    view(w, "v", "p");
    node(w, "pod-a", TD "a/sa/alice", "v");
    put(w, "p", XDS_CLUSTER, "c1", "cluster one", NULL);
    put(w, "p", XDS_ENDPOINT, "c1", "endpoints one", NULL);
    put(w, "p", XDS_LISTENER, "l1", "listener one", "c1");
    put(w, "p", XDS_ROUTE, "r1", "route one", "c1");
    publish(w);
}

/* ---- expecting ---- */
/* "CDS +c1 +c2 -old" */
static inline const char *text_of(struct ads *c, const struct ads_response *r)
{
    static const char *const names[] = {"CDS", "EDS", "LDS", "RDS", "SDS"};
    struct str out = S("?");
    if (!r) return "nothing";
    for (int t = 0; t < XDS_TYPE_COUNT; t++)
        if (str_is(r->type_url, xds_type_url((enum xds_type)t))) out = str_of(names[t]);
    for (size_t i = 0; i < r->n; i++) out = str_fmt(c->a, "%.*s +%.*s", STR_FMT(out), STR_FMT(r->resources[i].name));
    for (size_t i = 0; i < r->n_removed; i++) out = str_fmt(c->a, "%.*s -%.*s", STR_FMT(out), STR_FMT(r->removed[i]));
    return str_c(c->a, out);
}
/* The next response is that, and is returned unanswered. */
static inline struct ads_response *expect(struct ads *c, const char *text)
{
    struct ads_response *r = ads_next(c);
    assert_string_equal(text_of(c, r), text);
    assert_true(r->nonce.n > 0);
    return r;
}
static inline void expect_ack(struct ads *c, const char *text) { ads_ack(c, expect(c, text)); }

static inline void first(struct ads *c, enum xds_type type)
{
    ads_send(c, &(struct ads_request){.node = "pod-a", .type = type});
}
static inline void ask(struct ads *c, enum xds_type type, const char *name)
{
    ads_send(c, &(struct ads_request){.type = type, .subscribe = {name}});
}
/* Alice's pod with everything of usual() accepted. */
static inline struct ads *synced(struct world *w)
{
    struct ads *c = ads_new(w->port, &w->pki, &w->alice);
    first(c, XDS_CLUSTER);
    expect_ack(c, "CDS +c1");
    ask(c, XDS_ENDPOINT, "c1");
    expect_ack(c, "EDS +c1");
    first(c, XDS_LISTENER);
    expect_ack(c, "LDS +l1");
    ask(c, XDS_ROUTE, "r1");
    expect_ack(c, "RDS +r1");
    assert_true(ads_is_silent(c));
    return c;
}

struct status_copy {
    bool is_done;
    struct xds_status st;
    struct arena *a;
};
static inline void take_status(void *arg, struct xds_status *st, struct arena *a)
{
    struct status_copy *out = arg;
    *out = (struct status_copy){true, *st, a};
}
/* Free with arena_free(.a). */
static inline struct status_copy status_of(struct world *w)
{
    struct status_copy out = {0};
    xds_status_get(w->server, take_status, &out);
    while (!out.is_done) event_base_loop(w->base, EVLOOP_ONCE);
    return out;
}
