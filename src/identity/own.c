#include "identity/own.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/names.h"
#include "identity/csr.h"
#include "identity/key.h"
#include "identity/service.h"
#include "identity/ssl.h"

enum { RETRY_MAX_S = 60 };

struct own_cert {
    struct own_cert_options opt;
    pthread_t thread;
    struct event *timer;
    struct buf key, chain; /* chain empty: the issuer refused, |err| */
    struct err err;
    int64_t retry_s;
    struct arena *arena; /* of the name */
    bool is_open;        /* the issuer has a request */
    bool is_given_up;    /* freed while it has */
};

static void release(struct own_cert *o)
{
    event_free(o->timer);
    key_wipe(&o->key);
    buf_free(&o->chain);
    arena_free(o->arena);
    free(o);
}

static void wait_s(struct own_cert *o, int64_t s)
{
    struct timeval pause = {.tv_sec = s > 0 ? s : 1};
    evtimer_add(o->timer, &pause);
}

static void apply(void *arg)
{
    struct own_cert *o = arg;
    o->is_open = false;
    if (o->is_given_up) {
        release(o);
        return;
    }
    if (o->chain.n) {
        o->opt.changed(o->opt.arg, buf_view(&o->chain), buf_view(&o->key));
        o->retry_s = 1;
        wait_s(o, identity_renew_after(0, o->opt.validity_s, 0));
    } else {
        log_error("the certificate of %.*s: %s; next try in %lld s", STR_FMT(o->opt.dns), o->err.text,
                  (long long)o->retry_s);
        wait_s(o, o->retry_s);
        o->retry_s = o->retry_s * 2 > RETRY_MAX_S ? RETRY_MAX_S : o->retry_s * 2;
    }
    key_wipe(&o->key);
    buf_free(&o->chain);
}

static void on_signed(void *arg, const struct str *chain, const struct err *err)
{
    struct own_cert *o = arg;
    if (chain)
        buf_str(&o->chain, *chain);
    else
        o->err = *err;
    if (pthread_equal(o->thread, pthread_self()))
        apply(o);
    else
        mailbox_post(o->opt.mail, apply, o);
}

static bool ask(struct own_cert *o, struct err *err)
{
    struct buf csr SCOPED_BUF = {0};
    EVP_PKEY *key SCOPED_PKEY = key_new(err);
    if (!key || !key_to_pem(key, &o->key, err) || !csr_make(key, &csr, err)) return false;
    struct issue_request r = {
        .key = key,
        .csr = buf_view(&csr),
        .dns = o->opt.dns,
        .now = clock_unix_s(),
        .validity = o->opt.validity_s,
    };
    o->is_open = true;
    issuer_sign(o->opt.issuer, &r, on_signed, o);
    return true;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct own_cert *o = arg;
    if (!ask(o, &o->err)) apply(o);
}

struct own_cert *own_cert_new(const struct own_cert_options *opt, struct err *err)
{
    struct own_cert *o = xcalloc(1, sizeof *o);
    o->opt = *opt;
    o->opt.validity_s = opt->validity_s ? opt->validity_s : IDENTITY_VALIDITY_DEFAULT_S;
    o->arena = arena_new();
    o->opt.dns = str_dup(o->arena, opt->dns.n ? opt->dns : S(NAME_CONTROLLER_DNS));
    o->thread = pthread_self();
    o->retry_s = 1;
    o->timer = evtimer_new(opt->base, on_timer, o);
    if (ask(o, err)) return o;
    own_cert_free(o);
    return NULL;
}

void own_cert_free(struct own_cert *o)
{
    if (!o) return;
    evtimer_del(o->timer);
    o->is_given_up = true;
    if (!o->is_open) release(o);
}
