/* ssl.h - scoped OpenSSL values and OpenSSL's errors as ours. Private to this room. */
#pragma once
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/err.h"

static inline void ssl_pkey_freep(EVP_PKEY **p) { EVP_PKEY_free(*p); }
static inline void ssl_x509_freep(X509 **p) { X509_free(*p); }
static inline void ssl_req_freep(X509_REQ **p) { X509_REQ_free(*p); }
static inline void ssl_bio_freep(BIO **p) { BIO_free(*p); }
#define SCOPED_PKEY __attribute__((cleanup(ssl_pkey_freep)))
#define SCOPED_X509 __attribute__((cleanup(ssl_x509_freep)))
#define SCOPED_REQ  __attribute__((cleanup(ssl_req_freep)))
#define SCOPED_BIO  __attribute__((cleanup(ssl_bio_freep)))

#define STEAL_PTR(p)                                                                                                   \
    ({                                                                                                                 \
        __typeof__(p) stolen_ = (p);                                                                                   \
        (p) = NULL;                                                                                                    \
        stolen_;                                                                                                       \
    })

/* The formatted text, ": " and OpenSSL's oldest queued reason; empties the queue. Returns false. */
bool ssl_err(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A BIO that reads |s| in place. */
BIO *ssl_reader(struct str s);
/* Appends all that was written to |bio|. */
void ssl_drain(BIO *bio, struct buf *out);
/* For PEM readers: never asks anybody for a password. */
int ssl_no_password(char *buf, int size, int rw, void *arg);
