/* standin.h - a controller for the agent's tests: the real certificate service over TLS, and an ADS that has nothing to
 * say, which is enough for Envoy to become live. In a network namespace of its own, so that the ports are free. */
#pragma once
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/names.h"
#include "identity/ca.h"
#include "identity/own.h"
#include "identity/service.h"
#include "net/h2.h"
#include "net/http_client.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/tls.h"

/* ---- a namespace with loopback ---- */

static inline void own_network(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    signal(SIGPIPE, SIG_IGN); /* as main does */
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
    close(fd);
}

/* ---- ADS: an empty answer to the first request for each type ---- */

struct ads {
    struct h2_stream *s;
    unsigned answered;
    struct buf message;
};

static const char *const ads_types[] = {
    "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "type.googleapis.com/envoy.config.listener.v3.Listener",
};

static bool ads_accepts(void *arg, struct str path)
{
    (void)arg;
    return str_ends(path, S("/DeltaAggregatedResources"));
}

static _Atomic(int) ads_streams;

static void *ads_open(void *arg, struct h2_stream *s, const struct h2_peer *peer)
{
    (void)arg;
    struct ads *a = calloc(1, sizeof *a);
    a->s = s;
    if (!peer->has_certificate) h2_grpc_end(s, GRPC_UNAUTHENTICATED, "no certificate");
    ads_streams++;
    return a;
}

static void ads_message(void *state, struct str piece, bool is_last)
{
    struct ads *a = state;
    buf_str(&a->message, piece);
    if (!is_last) return;
    struct str m = buf_view(&a->message);
    for (unsigned i = 0; i < 2; i++) {
        if (a->answered & 1u << i || !memmem(m.p, m.n, ads_types[i], strlen(ads_types[i]))) continue;
        a->answered |= 1u << i;
        char *out = malloc(128);
        int n = snprintf(out, 128, "\x0a\x01%c\x22%c%s\x2a\x01%c", '1', (int)strlen(ads_types[i]), ads_types[i], '1');
        struct h2_chunk c = {.p = out, .n = (size_t)n, .done = free, .owner = out};
        h2_grpc_send(a->s, &c, 1);
    }
    buf_reset(&a->message);
}

static void ads_closed(void *state)
{
    ads_streams--;
    buf_free(&((struct ads *)state)->message);
    free(state);
}

static const struct h2_grpc ads = {
    .accepts = ads_accepts, .open = ads_open, .message = ads_message, .closed = ads_closed, .max_message = 1 << 20};

/* ---- the controller ---- */

struct controller {
    char dir[64]; /* ca/, tokens/ */
    struct issuer *ca;
    struct token_checker *tokens;
    struct identity_service *service;
    struct own_cert *own;
    struct loop_thread *loop;
    struct h2_server *server;
    enum pod_state (*pod_state)(void *arg, const struct token_subject *s);
    void *arg;
    const char *trust_domain;
    struct str fixed_chain, fixed_key; /* shown instead of the controller's own certificate */
};

static inline void controller_certificate(void *arg, struct str chain, struct str key)
{
    struct controller *c = arg;
    struct err err = {0};
    if (c->fixed_key.n) chain = c->fixed_chain, key = c->fixed_key;
    struct h2_handler other = {identity_service_request, c->service, IDENTITY_MAX_BODY};
    SSL_CTX *tls = tls_server_context(
        &(struct tls_options){.chain = chain, .key = key, .roots = issuer_roots(c->ca), .alpn = "h2"}, &err);
    assert_non_null(tls);
    if (c->server) {
        h2_server_set_tls(c->server, tls);
    } else {
        struct h2_server_options o = {.tls = tls,
                                      .listen_fd = listen_tcp("127.0.0.1", PORT_XDS, &err),
                                      .other = &other,
                                      .grpc = &ads,
                                      .mail = c->loop->mail};
        c->server = h2_server_new(c->loop->base, &o, &err);
    }
    if (!c->server) fail_msg("%s", err.text);
    SSL_CTX_free(tls);
}

static inline void controller_begin(void *arg)
{
    struct controller *c = arg;
    struct err err = {0};
    c->own = own_cert_new(
        &(struct own_cert_options){
            .base = c->loop->base, .mail = c->loop->mail, .issuer = c->ca, .changed = controller_certificate, .arg = c},
        &err);
    assert_non_null(c->own);
}

static inline void controller_start(struct controller *c, const char *dir, int64_t validity_s)
{
    struct err err = {0};
    struct arena *a SCOPED_ARENA = arena_new();
    snprintf(c->dir, sizeof c->dir, "%s", dir);
    if (!c->ca) c->ca = ca_open(str_fmt(a, "%s/ca", dir).p, clock_unix_s(), &err);
    c->tokens = token_local_new(str_fmt(a, "%s/tokens", dir).p, NULL);
    c->service = identity_service_new(&(struct identity_options){.issuer = c->ca,
                                                                 .tokens = c->tokens,
                                                                 .validity_s = validity_s,
                                                                 .validity_min_s = 1,
                                                                 .pod_state = c->pod_state,
                                                                 .arg = c->arg,
                                                                 .trust_domain = c->trust_domain},
                                      &err);
    c->loop = loop_thread_new("controller", &err);
    if (err.is_set) fail_msg("%s", err.text);
    mailbox_post(c->loop->mail, controller_begin, c);
}

static inline void controller_end(void *arg)
{
    struct controller *c = arg;
    h2_server_free(c->server);
    own_cert_free(c->own);
}

static inline void controller_stop(struct controller *c)
{
    identity_service_stop(c->service);
    loop_thread_free(c->loop, controller_end, c);
    identity_service_free(c->service);
    token_checker_free(c->tokens);
    issuer_free(c->ca);
    *c = (struct controller){0};
}
