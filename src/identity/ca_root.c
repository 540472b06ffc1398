#include "identity/ca_root.h"

#include <openssl/x509v3.h>

#include "base/names.h"
#include "identity/ca.h"
#include "identity/cert.h"
#include "identity/ssl.h"

enum { MAX_COMMON_NAME = 64, SERIAL_BITS = 128 };

static bool set_serial(X509 *cert)
{
    BIGNUM *bn = BN_new();
    bool ok = bn && BN_rand(bn, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
              BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
    BN_free(bn);
    return ok;
}

static bool set_life(X509 *cert, int64_t from, int64_t to)
{
    return ASN1_TIME_set(X509_getm_notBefore(cert), from) && ASN1_TIME_set(X509_getm_notAfter(cert), to);
}

/* A common name longer than X.520 allows is left out; the alternative names are what counts. */
static bool set_common_name(X509_NAME *name, struct str cn)
{
    return cn.n > MAX_COMMON_NAME || X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                                                (const unsigned char *)cn.p, (int)cn.n, -1, 0);
}

static bool add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext && X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

static bool add_general_name(GENERAL_NAMES *names, int type, struct str text)
{
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_IA5STRING *v = ASN1_IA5STRING_new();
    if (g && v && ASN1_STRING_set(v, text.p, (int)text.n)) {
        GENERAL_NAME_set0_value(g, type, v);
        if (sk_GENERAL_NAME_push(names, g)) return true;
    } else {
        ASN1_IA5STRING_free(v);
    }
    GENERAL_NAME_free(g);
    return false;
}

/* Not by configuration text: names from outside must not meet a syntax with commas and colons. Without a subject the
 * extension must be critical (RFC 5280 4.2.1.6). */
static bool add_names(X509 *cert, const struct issue_request *r)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    int critical = X509_NAME_entry_count(X509_get_subject_name(cert)) == 0;
    bool ok = names && (str_empty(r->uri) || add_general_name(names, GEN_URI, r->uri)) &&
              add_general_name(names, GEN_DNS, r->dns) &&
              X509_add1_ext_i2d(cert, NID_subject_alt_name, names, critical, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return ok;
}

static bool fill_root(X509 *root, EVP_PKEY *key, int64_t now)
{
    X509_NAME *name = X509_get_subject_name(root);
    return X509_set_version(root, X509_VERSION_3) && set_serial(root) &&
           set_life(root, now - CA_BACKDATE_S, now + (int64_t)CA_ROOT_DAYS * 86400) &&
           X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8,
                                      (const unsigned char *)"Open Service Mesh", -1, -1, 0) &&
           set_common_name(name, S(CA_COMMON_NAME)) && X509_set_issuer_name(root, name) && X509_set_pubkey(root, key) &&
           add_ext(root, root, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_ext(root, root, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_ext(root, root, NID_subject_key_identifier, "hash") && X509_sign(root, key, EVP_sha256());
}

X509 *ca_make_root(EVP_PKEY *key, int64_t now, struct err *err)
{
    X509 *root SCOPED_X509 = X509_new();
    if (!root || !fill_root(root, key, now)) return ssl_err(err, "cannot make a root certificate"), NULL;
    return STEAL_PTR(root);
}

static bool fill_leaf(X509 *leaf, X509 *root, const struct issue_request *r, int64_t ends)
{
    return X509_set_version(leaf, X509_VERSION_3) && set_serial(leaf) && set_life(leaf, r->now - CA_BACKDATE_S, ends) &&
           set_common_name(X509_get_subject_name(leaf), r->dns) &&
           X509_set_issuer_name(leaf, X509_get_subject_name(root)) && X509_set_pubkey(leaf, r->key) &&
           add_ext(leaf, root, NID_basic_constraints, "critical,CA:FALSE") &&
           add_ext(leaf, root, NID_key_usage, "critical,digitalSignature") &&
           add_ext(leaf, root, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_ext(leaf, root, NID_authority_key_identifier, "keyid:always") && add_names(leaf, r);
}

X509 *ca_make_leaf(EVP_PKEY *ca_key, X509 *root, const struct issue_request *r, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct cert_info info;
    if (!cert_inspect_x509(a, root, &info, err)) return NULL;
    if (info.not_after <= r->now) return ERR_NULL(err, "the mesh's root certificate has ended; replace it");
    int64_t ends = r->now + r->validity < info.not_after ? r->now + r->validity : info.not_after;
    X509 *leaf SCOPED_X509 = X509_new();
    if (!leaf || !fill_leaf(leaf, root, r, ends) || !X509_sign(leaf, ca_key, EVP_sha256()))
        return ssl_err(err, "cannot make a certificate for %.*s", STR_FMT(r->dns)), NULL;
    return STEAL_PTR(leaf);
}
