#include "identity/cert.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/list.h"
#include "identity/ssl.h"

static struct str name_cn(struct arena *a, const X509_NAME *name)
{
    int at = X509_NAME_get_index_by_NID((X509_NAME *)name, NID_commonName, -1);
    if (at < 0) return STR_NULL;
    unsigned char *text = NULL;
    int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (n < 0) return STR_NULL;
    struct str s = str_dup(a, str_make((char *)text, (size_t)n));
    OPENSSL_free(text);
    return s;
}

static int64_t time_unix(const ASN1_TIME *t)
{
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) : 0;
}

static bool add_name(struct arena *a, const GENERAL_NAME *g, struct cert_info *out, struct err *err)
{
    if (g->type != GEN_URI && g->type != GEN_DNS) return true;
    const ASN1_STRING *v = g->d.ia5;
    struct str s = str_make((const char *)ASN1_STRING_get0_data(v), (size_t)ASN1_STRING_length(v));
    if (str_find(s, '\0') >= 0) return err_set(err, "a name in the certificate has a NUL byte");
    if (g->type == GEN_URI)
        list_push(a, &out->uris, str_dup(a, s));
    else
        list_push(a, &out->dns, str_dup(a, s));
    return true;
}

static bool add_names(struct arena *a, X509 *cert, struct cert_info *out, struct err *err)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool ok = true;
    for (int i = 0; ok && i < sk_GENERAL_NAME_num(names); i++)
        ok = add_name(a, sk_GENERAL_NAME_value(names, i), out, err);
    GENERAL_NAMES_free(names);
    return ok;
}

static struct str serial_hex(struct arena *a, X509 *cert)
{
    BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *hex = bn ? BN_bn2hex(bn) : NULL;
    struct str s = str_dup(a, str_of(hex));
    OPENSSL_free(hex);
    BN_free(bn);
    return s;
}

bool cert_inspect_x509(struct arena *a, X509 *cert, struct cert_info *out, struct err *err)
{
    *out = (struct cert_info){
        .not_before = time_unix(X509_get0_notBefore(cert)),
        .not_after = time_unix(X509_get0_notAfter(cert)),
        .cn = name_cn(a, X509_get_subject_name(cert)),
        .issuer_cn = name_cn(a, X509_get_issuer_name(cert)),
        .serial = serial_hex(a, cert),
        .is_ca = X509_check_ca(cert) == 1,
    };
    bool ok = add_names(a, cert, out, err);
    ERR_clear_error();
    return ok;
}

X509 *cert_of_pem(struct str pem, struct err *err)
{
    if (pem.n > CERT_MAX_PEM)
        return ERR_NULL(err, "the certificate text has %zu bytes, more than %d", pem.n, CERT_MAX_PEM);
    BIO *bio SCOPED_BIO = ssl_reader(pem);
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, ssl_no_password, NULL) : NULL;
    if (!cert) ssl_err(err, "no certificate in the PEM text");
    return cert;
}

bool cert_inspect(struct arena *a, struct str pem, struct cert_info *out, struct err *err)
{
    X509 *cert SCOPED_X509 = cert_of_pem(pem, err);
    return cert && cert_inspect_x509(a, cert, out, err);
}

static bool add_pem(struct arena *a, X509 *cert, struct strs *out, struct err *err)
{
    struct buf b SCOPED_BUF = {0};
    BIO *bio SCOPED_BIO = BIO_new(BIO_s_mem());
    if (!bio || !PEM_write_bio_X509(bio, cert)) return ssl_err(err, "cannot write a certificate as PEM");
    ssl_drain(bio, &b);
    list_push(a, out, str_dup(a, buf_view(&b)));
    return true;
}

bool cert_split(struct arena *a, struct str pem, struct strs *out, struct err *err)
{
    *out = (struct strs){0};
    if (pem.n > CERT_MAX_PEM) return err_set(err, "the bundle has %zu bytes, more than %d", pem.n, CERT_MAX_PEM);
    BIO *bio SCOPED_BIO = ssl_reader(pem);
    for (;;) {
        X509 *cert SCOPED_X509 = bio ? PEM_read_bio_X509(bio, NULL, ssl_no_password, NULL) : NULL;
        if (!cert) break;
        if (!add_pem(a, cert, out, err)) return false;
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return ssl_err(err, "certificate %zu of the bundle does not parse", out->n + 1);
    ERR_clear_error();
    return out->n || err_set(err, "no certificate in the bundle");
}
