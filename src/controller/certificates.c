#include "controller/certificates.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/kubernetes.h"
#include "controller/roster.h"
#include "controller/secret_api.h"
#include "identity/ca.h"
#include "identity/ca_secret.h"
#include "identity/gateway.h"
#include "identity/key.h"
#include "identity/own.h"
#include "identity/service.h"
#include "identity/tickets.h"
#include "identity/token_kube.h"
#include "net/tls.h"

#define NS_PER_S INT64_C(1000000000)

struct certificates {
    struct certificates_options opt;
    struct arena *arena;
    struct issuer *issuer;
    struct token_checker *tokens;
    struct roster *roster;
    struct identity_service *service;
    struct own_cert *own;
    struct secret_sink *secrets; /* NULL: there is nowhere to put one */
    struct gateway *gateway;
    bool has_complained; /* about a gateway's certificate that is wanted */
    SSL_CTX *tls;
    struct h2_handler handler;
};

static void renewed(void *arg, struct str chain, struct str key)
{
    struct certificates *c = arg;
    struct err err = {0};
    struct buf tickets __attribute__((cleanup(key_wipe))) = {0};
    const char *dir = c->opt.controller->state_dir;
    if (dir && !tickets_secret(dir, clock_unix_s(), &tickets, &err))
        log_warn("proxies will not resume their sessions after a restart: %s", err.text);
    SSL_CTX *tls = tls_server_context(
        &(struct tls_options){
            .chain = chain, .key = key, .roots = issuer_roots(c->issuer), .alpn = "h2", .tickets = buf_view(&tickets)},
        &err);
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
    const char *secrets = c->opt.controller->secrets_dir;
    if (c->opt.writer)
        c->secrets = secret_api_new(c->opt.writer);
    else if (secrets)
        c->secrets = secret_files_new(secrets);
    if (c->secrets)
        c->gateway = gateway_new(&(struct gateway_options){c->opt.base, c->opt.mail, c->issuer, c->secrets});
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
    gateway_free(c->gateway);
    secret_sink_free(c->secrets);
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
static int64_t life(const struct certificates *c, int64_t ns)
{
    int64_t seconds = ns / NS_PER_S, floor = c->opt.controller->validity_min_s;
    return floor && seconds <= IDENTITY_VALIDITY_MIN_S ? floor : seconds;
}

void certificates_follow(struct certificates *c, const struct mesh_settings *s)
{
    const struct mesh_gateway *g = &s->gateway;
    identity_service_set_validity(c->service, life(c, s->certificate_ns));
    struct gateway_wish wish = {g->dns, g->secret_ns, g->secret, life(c, g->validity_ns)};
    if (c->gateway)
        gateway_set(c->gateway, g->dns.n ? &wish : NULL);
    else if (g->dns.n && !c->has_complained)
        log_warn("certificate.ingressGateway is not carried out: there is nowhere to put Secret %.*s/%.*s",
                 STR_FMT(g->secret_ns), STR_FMT(g->secret));
    c->has_complained = g->dns.n > 0;
}

void certificates_set_pod(struct certificates *c, struct str uid, bool alive) { roster_set(c->roster, uid, alive); }
