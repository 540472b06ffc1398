#include "identity/token_kube.h"

#include <stdlib.h>

#include "base/names.h"
#include "kube/request.h"
#include "net/loop.h"

enum { TIMEOUT_MS = 10000 };

struct kube_checker {
    struct token_checker base;
    const struct kube_config *config;
    struct loop_thread *thread;
    struct kube_client *client; /* the thread's; made with the first check */
};
struct check {
    struct kube_checker *c;
    struct arena *arena;
    struct str token;
    token_done_fn *done;
    void *arg;
};

static void on_review(void *arg, const struct kube_answer *x)
{
    struct check *k = arg;
    struct kube_reviewed r;
    struct err err = x->err;
    struct token_subject s = {0};
    bool ok = x->is_ok && kube_token_review_read(x->json, NAME_TOKEN_AUDIENCE, k->arena, &r, &err);
    if (ok) s = (struct token_subject){r.ns, r.account, r.pod, r.uid};
    k->done(k->arg, &(struct token_answer){ok ? &s : NULL, x->is_ok && !ok, &err});
    arena_free(k->arena);
}

static void start(void *arg)
{
    struct check *k = arg;
    struct kube_checker *c = k->c;
    struct err err = {0};
    if (!c->client) c->client = kube_client_new(c->thread->base, c->config, &err);
    if (!c->client) {
        k->done(k->arg, &(struct token_answer){.err = &err});
        arena_free(k->arena);
        return;
    }
    struct kube_request r = kube_token_review(k->arena, k->token, NAME_TOKEN_AUDIENCE);
    r.timeout_ms = TIMEOUT_MS;
    kube_call_start(c->client, &r, on_review, k);
}

static void check(struct token_checker *base, struct str token, token_done_fn *done, void *arg)
{
    struct arena *a = arena_new();
    struct check *k = arena_make(a, struct check);
    *k = (struct check){(struct kube_checker *)base, a, str_dup(a, token), done, arg};
    mailbox_post(k->c->thread->mail, start, k);
}

static void close_client(void *arg) { kube_client_free(((struct kube_checker *)arg)->client); }

static void checker_free(struct token_checker *base)
{
    struct kube_checker *c = (struct kube_checker *)base;
    loop_thread_free(c->thread, close_client, c);
    free(c);
}

static const struct token_ops ops = {check, checker_free};

struct token_checker *token_kube_new(const struct kube_config *config, struct err *err)
{
    struct kube_checker *c = xcalloc(1, sizeof *c);
    *c = (struct kube_checker){.base = {&ops}, .config = config, .thread = loop_thread_new("osm-tokens", err)};
    if (c->thread) return &c->base;
    free(c);
    return NULL;
}
