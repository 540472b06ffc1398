#include "controller/certificates.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/kubernetes.h"
#include "controller/roster.h"
#include "identity/ca.h"
#include "identity/ca_secret.h"
#include "identity/own.h"
#include "identity/service.h"
#include "identity/token_kube.h"
#include "net/tls.h"

struct certificates {
    struct certificates_options opt;
    struct arena *arena;
    struct issuer *issuer;
    struct token_checker *tokens;
    struct roster *roster;
    struct identity_service *service;
    struct own_cert *own;
    SSL_CTX *tls;
    struct h2_handler handler;
};

static void renewed(void *arg, struct str chain, struct str key)
{
    struct certificates *c = arg;
    struct err err = {0};
    SSL_CTX *tls = tls_server_context(
        &(struct tls_options){.chain = chain, .key = key, .roots = issuer_roots(c->issuer), .alpn = "h2"}, &err);
    if (!tls) {
        log_error("the controller keeps its old certificate: %s", err.text);
        return;
    }
    bool is_first = c->tls == NULL;
    SSL_CTX_free(c->tls);
    c->tls = tls;
    if (!is_first) c->opt.changed(c->opt.arg, tls);
}

/* Who signs, and who says what a token stands for. */
static bool open_authority(struct certificates *c, struct err *err)
{
    const struct controller_options *o = c->opt.controller;
    struct kube_client *client = c->opt.client;
    int64_t now = clock_unix_s();
    c->issuer = client ? ca_secret_open(client, str_of(o->system_ns), str_of(o->ca_secret), now, err)
                       : ca_open(o->state_dir, now, err);
    if (!c->issuer) return false;
    c->tokens = client ? token_kube_new(kube_client_config(client), err) : token_local_new(o->tokens_dir, NULL);
    return c->tokens != NULL;
}

static bool start(struct certificates *c, struct err *err)
{
    struct identity_options service = {.trust_domain = c->opt.controller->trust_domain,
                                       .validity_min_s = c->opt.controller->validity_min_s,
                                       .pod_state = roster_pod_state,
                                       .arg = c->roster};
    if (c->opt.client) service.own_names = kubernetes_names(c->arena, c->opt.controller);
    if (!open_authority(c, err)) return false;
    service.issuer = c->issuer;
    service.tokens = c->tokens;
    c->service = identity_service_new(&service, err);
    if (!c->service) return false;
    c->handler = (struct h2_handler){identity_service_request, c->service, IDENTITY_MAX_BODY};
    struct own_cert_options own = {
        .base = c->opt.base, .mail = c->opt.mail, .issuer = c->issuer, .changed = renewed, .arg = c};
    c->own = own_cert_new(&own, err);
    if (!c->own) return false;
    return c->tls || err_set(err, "the CA did not issue the controller's own certificate");
}

struct certificates *certificates_new(const struct certificates_options *opt, struct err *err)
{
    struct certificates *c = xcalloc(1, sizeof *c);
    c->opt = *opt;
    c->arena = arena_new();
    c->roster = roster_new();
    if (start(c, err)) return c;
    certificates_free(c);
    return NULL;
}

void certificates_stop(struct certificates *c) { identity_service_stop(c->service); }

void certificates_free(struct certificates *c)
{
    if (!c) return;
    own_cert_free(c->own);
    identity_service_free(c->service);
    token_checker_free(c->tokens);
    issuer_free(c->issuer);
    roster_free(c->roster);
    SSL_CTX_free(c->tls);
    arena_free(c->arena);
    free(c);
}

SSL_CTX *certificates_tls(const struct certificates *c) { return c->tls; }

struct issuer *certificates_issuer(const struct certificates *c) { return c->issuer; }

struct h2_handler *certificates_handler(struct certificates *c) { return &c->handler; }

/* The settings raise a shorter life to their floor; a test's floor is lower. */
void certificates_set_validity(struct certificates *c, int64_t seconds)
{
    int64_t floor = c->opt.controller->validity_min_s;
    identity_service_set_validity(c->service, floor && seconds <= IDENTITY_VALIDITY_MIN_S ? floor : seconds);
}

void certificates_set_pod(struct certificates *c, struct str uid, bool alive) { roster_set(c->roster, uid, alive); }
