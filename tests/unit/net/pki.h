/* pki.h - a certificate authority for tests: everything in memory, ECDSA P-256. */
#pragma once
#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/clock.h"

struct pki {
    EVP_PKEY *key;
    X509 *root;
    struct str root_pem;
    struct arena *a;
};
struct pki_leaf {
    struct str chain, key;
};

static inline struct str pki_bio_text(struct arena *a, BIO *b)
{
    char *p;
    long n = BIO_get_mem_data(b, &p);
    struct str s = str_dup(a, str_make(p, (size_t)n));
    BIO_free(b);
    return s;
}

static inline struct str pki_cert_pem(struct arena *a, X509 *x)
{
    BIO *b = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(b, x);
    return pki_bio_text(a, b);
}

static inline void pki_ext(X509 *x, int nid, const char *value)
{
    X509V3_CTX c;
    X509V3_set_ctx_nodb(&c);
    X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

static inline X509 *pki_cert(const char *cn, EVP_PKEY *key, long serial, int64_t ends)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    ASN1_TIME_set(X509_getm_notBefore(x), (ends < clock_unix_s() ? ends : clock_unix_s()) - 3600);
    ASN1_TIME_set(X509_getm_notAfter(x), ends);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
    return x;
}

static inline struct pki pki_new(void)
{
    struct pki p = {.a = arena_new(), .key = EVP_EC_gen("P-256")};
    p.root = pki_cert("test root", p.key, 1, clock_unix_s() + 86400);
    X509_set_issuer_name(p.root, X509_get_subject_name(p.root));
    pki_ext(p.root, NID_basic_constraints, "critical,CA:TRUE");
    pki_ext(p.root, NID_key_usage, "critical,keyCertSign,cRLSign");
    X509_sign(p.root, p.key, EVP_sha256());
    p.root_pem = pki_cert_pem(p.a, p.root);
    return p;
}

/* |san| as OpenSSL's configuration has it: "URI:spiffe://…,DNS:name". |ends| in Unix seconds. */
static inline struct pki_leaf pki_issue(struct pki *p, const char *san, int64_t ends)
{
    static long serial = 100;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = pki_cert("leaf", key, ++serial, ends);
    X509_set_issuer_name(x, X509_get_subject_name(p->root));
    pki_ext(x, NID_key_usage, "critical,digitalSignature");
    pki_ext(x, NID_ext_key_usage, "serverAuth,clientAuth");
    pki_ext(x, NID_subject_alt_name, san);
    X509_sign(x, p->key, EVP_sha256());
    struct pki_leaf leaf = {.chain = pki_cert_pem(p->a, x)};
    BIO *b = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL);
    leaf.key = pki_bio_text(p->a, b);
    X509_free(x);
    EVP_PKEY_free(key);
    return leaf;
}

static inline void pki_free(struct pki *p)
{
    X509_free(p->root);
    EVP_PKEY_free(p->key);
    arena_free(p->a);
}
