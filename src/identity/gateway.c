#include "identity/gateway.h"

#include <stdlib.h>

#include "base/log.h"
#include "identity/own.h"

enum { RETRY_S = 2 };

struct gateway {
    struct gateway_options opt;
    struct arena *arena; /* of the wish */
    struct gateway_wish wish;
    bool is_wanted, is_known; /* known: gateway_set was called */
    struct own_cert *cert;
    struct event *retry; /* the sink has refused */
};

static void begin(struct gateway *g);

static void failed(struct gateway *g, const struct err *err)
{
    log_error("the ingress gateway's certificate: %s; next try in %d s", err->text, RETRY_S);
    evtimer_add(g->retry, &(struct timeval){.tv_sec = RETRY_S});
}

static void issued(void *arg, struct str chain, struct str key)
{
    struct gateway *g = arg;
    struct err err = {0};
    struct tls_secret s = {g->wish.ns, g->wish.secret, issuer_roots(g->opt.issuer), chain, key};
    if (secret_sink_keep(g->opt.sink, &s, &err))
        log_info("Secret %.*s/%.*s has a new certificate for %.*s", STR_FMT(s.ns), STR_FMT(s.name),
                 STR_FMT(g->wish.dns));
    else
        failed(g, &err);
}

/* The key is wiped once it is handed over: what the sink refused is made anew. */
static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    begin(arg);
}

static void begin(struct gateway *g)
{
    struct err err = {0};
    own_cert_free(g->cert);
    g->cert = NULL;
    evtimer_del(g->retry);
    if (!g->is_wanted) {
        if (!secret_sink_keep(g->opt.sink, NULL, &err)) failed(g, &err);
        return;
    }
    struct own_cert_options own = {.base = g->opt.base,
                                   .mail = g->opt.mail,
                                   .issuer = g->opt.issuer,
                                   .dns = g->wish.dns,
                                   .validity_s = g->wish.validity_s,
                                   .changed = issued,
                                   .arg = g};
    g->cert = own_cert_new(&own, &err);
    if (!g->cert) failed(g, &err);
}

static bool is_same(const struct gateway *g, const struct gateway_wish *w)
{
    if (!g->is_known || g->is_wanted != (w != NULL)) return false;
    return !w || (str_eq(w->dns, g->wish.dns) && str_eq(w->ns, g->wish.ns) && str_eq(w->secret, g->wish.secret) &&
                  w->validity_s == g->wish.validity_s);
}

void gateway_set(struct gateway *g, const struct gateway_wish *w)
{
    if (is_same(g, w)) return;
    struct arena *a = arena_new();
    g->is_known = true;
    g->is_wanted = w != NULL;
    if (w) g->wish = (struct gateway_wish){str_dup(a, w->dns), str_dup(a, w->ns), str_dup(a, w->secret), w->validity_s};
    arena_free(g->arena);
    g->arena = a;
    begin(g);
}

struct gateway *gateway_new(const struct gateway_options *opt)
{
    struct gateway *g = xcalloc(1, sizeof *g);
    g->opt = *opt;
    g->arena = arena_new();
    g->retry = evtimer_new(opt->base, on_retry, g);
    return g;
}

void gateway_free(struct gateway *g)
{
    if (!g) return;
    own_cert_free(g->cert);
    event_free(g->retry);
    arena_free(g->arena);
    free(g);
}
