/* issuer.h - whoever signs certificates: the built-in CA, Vault, cert-manager, behind one table of functions. */
#pragma once
#include <openssl/evp.h>

#include "base/arena.h"
#include "base/err.h"

/* What to certify. Valid during the call of issuer_sign only; issuers that answer later copy. */
struct issue_request {
    EVP_PKEY *key;    /* public half is certified */
    struct str csr;   /* the request as it came (PEM), for issuers that want one; its names are not to be used */
    struct str uri;   /* URI SAN, empty: none */
    struct str dns;   /* DNS SAN and, if it fits, common name; not empty */
    int64_t now;      /* seconds since 1970 */
    int64_t validity; /* seconds, > 0; what comes back may end earlier, never later */
};
/* |chain| is PEM, leaf first, without the root; NULL with |err| set. Both valid during the call. Runs exactly once per
 * request, within issuer_sign or later, on any thread. */
typedef void issue_done_fn(void *arg, const struct str *chain, const struct err *err);

struct issuer;
struct issuer_ops {
    const char *name; /* for logs */
    void (*sign)(struct issuer *i, const struct issue_request *r, issue_done_fn *done, void *arg);
    /* PEM of the roots that its certificates lead to; lives as long as the issuer. */
    struct str (*roots)(struct issuer *i);
    void (*free)(struct issuer *i);
};
/* First member of every issuer. */
struct issuer {
    const struct issuer_ops *ops;
};

/* Any thread. */
static inline void issuer_sign(struct issuer *i, const struct issue_request *r, issue_done_fn *done, void *arg)
{
    i->ops->sign(i, r, done, arg);
}
static inline struct str issuer_roots(struct issuer *i) { return i->ops->roots(i); }
/* When no request is open. NULL is fine. */
static inline void issuer_free(struct issuer *i)
{
    if (i) i->ops->free(i);
}
