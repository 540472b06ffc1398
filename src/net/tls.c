#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"

enum { MAX_PEM = 1 << 20, MAX_DEPTH = 4 };

static void bio_freep(BIO **b) { BIO_free(*b); }
#define SCOPED_BIO __attribute__((cleanup(bio_freep)))
static void ctx_freep(SSL_CTX **c) { SSL_CTX_free(*c); }
#define SCOPED_CTX __attribute__((cleanup(ctx_freep)))
static void x509_freep(X509 **x) { X509_free(*x); }
#define SCOPED_X509 __attribute__((cleanup(x509_freep)))
static void pkey_freep(EVP_PKEY **k) { EVP_PKEY_free(*k); }
#define SCOPED_KEY __attribute__((cleanup(pkey_freep)))
static void names_freep(GENERAL_NAMES **n) { GENERAL_NAMES_free(*n); }
#define SCOPED_NAMES __attribute__((cleanup(names_freep)))

bool tls_err(struct err *err, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(err, "%s: %s", what, reason ? reason : "no reason given");
}

static int no_password(char *buf, int size, int rw, void *arg)
{
    (void)buf, (void)size, (void)rw, (void)arg;
    return 0;
}

/* Nothing more in the text, which counts as an error there; anything else must not pass for it. */
static bool at_end(void)
{
    unsigned long code = ERR_peek_last_error();
    bool is_end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (is_end) ERR_clear_error();
    return is_end;
}

static bool use_key(SSL_CTX *ctx, struct str pem, struct err *err)
{
    BIO *in SCOPED_BIO = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key SCOPED_KEY = PEM_read_bio_PrivateKey(in, NULL, no_password, NULL);
    if (!key) return tls_err(err, "the private key is not readable PEM");
    if (SSL_CTX_use_PrivateKey(ctx, key) != 1) return tls_err(err, "the private key does not fit the certificate");
    return true;
}

static bool use_chain(SSL_CTX *ctx, struct str pem, struct err *err)
{
    BIO *in SCOPED_BIO = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *leaf SCOPED_X509 = PEM_read_bio_X509(in, NULL, no_password, NULL);
    if (!leaf) return tls_err(err, "the certificate is not readable PEM");
    if (SSL_CTX_use_certificate(ctx, leaf) != 1) return tls_err(err, "the certificate cannot be used");
    for (X509 *more; (more = PEM_read_bio_X509(in, NULL, no_password, NULL));) {
        if (SSL_CTX_add0_chain_cert(ctx, more) == 1) continue;
        X509_free(more);
        return tls_err(err, "a certificate of the chain cannot be used");
    }
    return at_end() || tls_err(err, "a certificate of the chain is not readable PEM");
}

static bool use_roots(SSL_CTX *ctx, struct str pem, struct err *err)
{
    BIO *in SCOPED_BIO = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    int n = 0;
    for (X509 *root; (root = PEM_read_bio_X509(in, NULL, no_password, NULL)); n++) {
        int ok = X509_STORE_add_cert(store, root);
        X509_free(root);
        if (ok != 1) return tls_err(err, "a root certificate cannot be used");
    }
    if (!n) return tls_err(err, "the roots hold no readable PEM certificate");
    return at_end() || tls_err(err, "a root certificate is not readable PEM");
}

/* "h2,http/1.1" as the wire has it: each name behind its length. */
static size_t alpn_wire(const char *list, unsigned char out[64])
{
    size_t n = 0;
    for (struct str rest = str_of(list); rest.p;) {
        struct str name = str_cut(&rest, ',');
        if (!name.n || n + 1 + name.n > 64) break;
        out[n++] = (unsigned char)name.n;
        memcpy(out + n, name.p, name.n);
        n += name.n;
    }
    return n;
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *n_out, const unsigned char *in,
                       unsigned n_in, void *arg)
{
    (void)ssl;
    static _Thread_local unsigned char ours[64];
    size_t n = alpn_wire(arg, ours);
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, n_out, ours, (unsigned)n, in, n_in) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context(const SSL_METHOD *method, const struct tls_options *opt, struct err *err)
{
    SSL_CTX *ctx SCOPED_CTX = SSL_CTX_new(method);
    if (!ctx) return tls_err(err, "cannot create a TLS context"), NULL;
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 || SSL_CTX_set1_groups_list(ctx, "X25519:P-256") != 1)
        return tls_err(err, "cannot set up TLS 1.3"), NULL;
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_read_ahead(ctx, 0);
    if (opt->chain.n && !use_chain(ctx, opt->chain, err)) return NULL;
    if (opt->chain.n && !use_key(ctx, opt->key, err)) return NULL;
    if (opt->roots.n && !use_roots(ctx, opt->roots, err)) return NULL;
    SSL_CTX_set_verify_depth(ctx, MAX_DEPTH);
    SSL_CTX *made = ctx;
    ctx = NULL;
    return made;
}

static const char *keep_alpn(const char *alpn)
{
    static const char *const known[] = {"h2", "http/1.1", "h2,http/1.1", "http/1.1,h2"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], alpn) == 0) return known[i];
    return "h2";
}

/* Name, HMAC key and AES key of tickets. */
static bool use_tickets(SSL_CTX *ctx, const struct tls_options *opt, struct err *err)
{
    enum { LENGTH = 80, DAY = 86400 };
    unsigned char keys[2 * EVP_MAX_MD_SIZE];
    unsigned n = 0;
    SSL_CTX_set_timeout(ctx, DAY);
    for (unsigned char i = 0; i < 2; i++) {
        struct buf text SCOPED_BUF = {0};
        buf_char(&text, (char)('1' + i));
        buf_str(&text, opt->roots);
        unsigned char *at = HMAC(EVP_sha512(), opt->tickets.p, (int)opt->tickets.n, (unsigned char *)text.p, text.n,
                                 keys + (size_t)i * EVP_MAX_MD_SIZE, &n);
        if (!at) return tls_err(err, "the keys of session tickets cannot be made");
    }
    bool ok = SSL_CTX_set_tlsext_ticket_keys(ctx, keys, LENGTH) == 1;
    OPENSSL_cleanse(keys, sizeof keys);
    return ok || tls_err(err, "the keys of session tickets cannot be set");
}

SSL_CTX *tls_server_context(const struct tls_options *opt, struct err *err)
{
    if (!opt->chain.n) return ERR_NULL(err, "a TLS server needs a certificate");
    SSL_CTX *ctx = context(TLS_server_method(), opt, err);
    if (!ctx) return NULL;
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"osm", 3);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 1);
    if (opt->tickets.n && !use_tickets(ctx, opt, err)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    if (opt->alpn) SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, (void *)keep_alpn(opt->alpn));
    if (opt->roots.n)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (opt->require_peer ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    return ctx;
}

SSL_CTX *tls_client_context(const struct tls_options *opt, struct err *err)
{
    if (!opt->roots.n) return ERR_NULL(err, "a TLS client needs the roots that it trusts");
    SSL_CTX *ctx = context(TLS_client_method(), opt, err);
    if (!ctx) return NULL;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    unsigned char wire[64];
    if (!opt->alpn || SSL_CTX_set_alpn_protos(ctx, wire, (unsigned)alpn_wire(opt->alpn, wire)) == 0) return ctx;
    SSL_CTX_free(ctx);
    return tls_err(err, "cannot offer the protocol"), NULL;
}

SSL_CTX *tls_server_context_files(const struct tls_files *f, struct err *err)
{
    struct buf chain SCOPED_BUF = {0}, key SCOPED_BUF = {0}, roots SCOPED_BUF = {0};
    if (f->chain && !file_read(f->chain, MAX_PEM, &chain, err)) return NULL;
    if (f->key && !file_read(f->key, MAX_PEM, &key, err)) return NULL;
    if (f->roots && !file_read(f->roots, MAX_PEM, &roots, err)) return NULL;
    struct tls_options opt = {buf_view(&chain), buf_view(&key), buf_view(&roots), f->require_peer, f->alpn, STR_NULL};
    SSL_CTX *ctx = tls_server_context(&opt, err);
    if (!ctx) err_wrap(err, "%s", f->chain ? f->chain : "TLS");
    OPENSSL_cleanse(key.p, key.n);
    return ctx;
}

struct str tls_spiffe_of(const X509 *cert, struct arena *a)
{
    GENERAL_NAMES *names SCOPED_NAMES = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    struct str found = STR_NULL;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
        if (n->type != GEN_URI) continue;
        struct str uri = {(const char *)ASN1_STRING_get0_data(n->d.uniformResourceIdentifier),
                          (size_t)ASN1_STRING_length(n->d.uniformResourceIdentifier)};
        if (!str_starts(uri, S("spiffe://")) || str_find(uri, '\0') >= 0) continue;
        if (found.n) return STR_NULL;
        found = str_dup(a, uri);
    }
    return found;
}

static bool fill_peer(const X509 *cert, struct arena *a, struct tls_peer *out, struct err *err)
{
    struct tm tm;
    if (!ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm)) return tls_err(err, "the peer's certificate has no valid end");
    out->has_certificate = true;
    out->ends = timegm(&tm);
    out->spiffe_id = tls_spiffe_of(cert, a);
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *hex = n ? BN_bn2hex(n) : NULL;
    if (!hex) return BN_free(n), tls_err(err, "the peer's certificate has no serial number");
    out->serial = str_dup(a, str_of(hex));
    OPENSSL_free(hex);
    BN_free(n);
    if (out->ends <= clock_unix_s()) return err_set(err, "the peer's certificate has ended");
    return true;
}

bool tls_peer_of(SSL *ssl, struct arena *a, struct tls_peer *out, struct err *err)
{
    *out = (struct tls_peer){0};
    const X509 *cert = SSL_get0_peer_certificate(ssl);
    return !cert || fill_peer(cert, a, out, err);
}

bool tls_expect_name(SSL *ssl, const char *name, struct err *err)
{
    unsigned char address[16];
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1) {
        if (X509_VERIFY_PARAM_set1_ip_asc(param, name) != 1) return tls_err(err, name);
        return true;
    }
    if (SSL_set1_host(ssl, name) != 1 || SSL_set_tlsext_host_name(ssl, name) != 1) return tls_err(err, name);
    return true;
}
