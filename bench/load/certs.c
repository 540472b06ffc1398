#include "certs.h"

#include <stdlib.h>

#include "base/clock.h"
#include "identity/ca.h"
#include "identity/cert.h"
#include "identity/key.h"
#include "net/tls.h"

enum { DAY = 86400 };

struct certs {
    struct issuer *ca;
    EVP_PKEY *key;
    struct buf key_pem;
};

struct certs *certs_open(const char *dir, struct err *err)
{
    struct certs *c = xcalloc(1, sizeof *c);
    c->ca = ca_open(dir, clock_unix_s(), err);
    if (c->ca && (c->key = key_new(err)) && key_to_pem(c->key, &c->key_pem, err)) return c;
    certs_free(c);
    return NULL;
}

void certs_free(struct certs *c)
{
    issuer_free(c->ca);
    EVP_PKEY_free(c->key);
    buf_free(&c->key_pem);
    free(c);
}

struct issued {
    struct arena *a;
    struct str chain;
    struct err err;
};

static void take(void *arg, const struct str *chain, const struct err *err)
{
    struct issued *i = arg;
    if (chain)
        i->chain = str_dup(i->a, *chain);
    else
        i->err = *err;
}

static bool issue(struct certs *c, struct str uri, const char *dns, struct issued *i, struct err *err)
{
    struct issue_request q = {.key = c->key, .uri = uri, .dns = str_of(dns), .now = clock_unix_s(), .validity = DAY};
    issuer_sign(c->ca, &q, take, i);
    if (!i->chain.n) *err = i->err;
    return i->chain.n > 0;
}

X509 *certs_issue(struct certs *c, struct str spiffe_id, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct issued i = {.a = a};
    return issue(c, spiffe_id, "client.bench", &i, err) ? cert_of_pem(i.chain, err) : NULL;
}

SSL_CTX *certs_client(struct certs *c, struct str spiffe_id, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct issued i = {.a = a};
    if (!issue(c, spiffe_id, "client.bench", &i, err)) return NULL;
    struct tls_options o = {.chain = i.chain, .key = buf_view(&c->key_pem), .roots = issuer_roots(c->ca), .alpn = "h2"};
    return tls_client_context(&o, err);
}

SSL_CTX *certs_server(struct certs *c, const char *name, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct issued i = {.a = a};
    if (!issue(c, STR_NULL, name, &i, err)) return NULL;
    struct tls_options o = {i.chain, buf_view(&c->key_pem), issuer_roots(c->ca), true, "h2", STR_NULL};
    return tls_server_context(&o, err);
}
