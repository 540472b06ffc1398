/* tls.h - OpenSSL contexts as this program wants them, and who is at the other end.
 *
 * TLS 1.3 only, X25519 and P-256, ECDSA or RSA keys. Buffers are released when idle. One session ticket per
 * handshake; a resumed session whose client certificate has ended is refused (tls_peer_of). Ticket keys are the
 * context's own, or come from a secret and the roots, so that new roots end all tickets. */
#pragma once
#include <openssl/ssl.h>

#include "base/arena.h"
#include "base/err.h"

struct tls_options {
    struct str chain, key; /* PEM: leaf first; both empty for a client without certificate */
    struct str roots;      /* PEM, one or more. Server: who signs clients; empty: no client certificate is asked
                              for. Client: who signs the server; must not be empty. */
    bool require_peer;     /* server: the handshake fails without a client certificate */
    const char *alpn;      /* "h2", "http/1.1" or both separated by a comma; NULL: none. Server: its preference */
    struct str tickets;    /* server: a secret; contexts with the same one and the same roots resume each other's
                              sessions, for a day at most. Empty: none does */
};
/* A context with one reference for the caller (SSL_CTX_free). err says which part of the input is bad. */
MUST SSL_CTX *tls_server_context(const struct tls_options *opt, struct err *err);
MUST SSL_CTX *tls_client_context(const struct tls_options *opt, struct err *err);
/* The same from files, read at most 1 MiB each; NULL paths count as empty text. */
struct tls_files {
    const char *chain, *key, *roots;
    bool require_peer;
    const char *alpn;
};
MUST SSL_CTX *tls_server_context_files(const struct tls_files *f, struct err *err);

/* Who showed a certificate in a finished handshake. Everything lives in the given arena. */
struct tls_peer {
    bool has_certificate;
    struct str spiffe_id; /* its only URI SAN that starts with spiffe://; empty if none or several */
    struct str serial;    /* upper-case hexadecimal */
    int64_t ends;         /* notAfter, Unix seconds */
};
/* False when the connection must be closed: the certificate has ended (a resumed session), or is malformed. */
MUST bool tls_peer_of(SSL *ssl, struct arena *a, struct tls_peer *out, struct err *err);
/* Client: the server's certificate must be for |name| (DNS SAN, or IP SAN when |name| is an address). Before the
 * handshake; also sends it as SNI. */
MUST bool tls_expect_name(SSL *ssl, const char *name, struct err *err);
/* URI SAN "spiffe://…" of a certificate, as in tls_peer; STR_NULL if none or several. */
struct str tls_spiffe_of(const X509 *cert, struct arena *a);
/* Puts what OpenSSL's queue says into err after |what| and empties the queue; returns false. */
bool tls_err(struct err *err, const char *what);
