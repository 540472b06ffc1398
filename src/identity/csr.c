#include "identity/csr.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "identity/key.h"
#include "identity/ssl.h"

bool csr_make(EVP_PKEY *key, struct buf *pem, struct err *err)
{
    X509_REQ *req SCOPED_REQ = X509_REQ_new();
    BIO *bio SCOPED_BIO = BIO_new(BIO_s_mem());
    bool ok = req && bio && X509_REQ_set_version(req, X509_REQ_VERSION_1) && X509_REQ_set_pubkey(req, key) &&
              X509_REQ_sign(req, key, EVP_sha256()) && PEM_write_bio_X509_REQ(bio, req);
    if (!ok) return ssl_err(err, "cannot make a certificate signing request");
    ssl_drain(bio, pem);
    return true;
}

static X509_REQ *read_request(struct str pem)
{
    BIO *bio SCOPED_BIO = ssl_reader(pem);
    return bio ? PEM_read_bio_X509_REQ(bio, NULL, ssl_no_password, NULL) : NULL;
}

EVP_PKEY *csr_check(struct str pem, struct err *err)
{
    if (pem.n > CSR_MAX) return ERR_NULL(err, "the signing request has %zu bytes, more than %d", pem.n, CSR_MAX);
    X509_REQ *req SCOPED_REQ = read_request(pem);
    if (!req) return ssl_err(err, "the signing request does not parse as PEM of PKCS#10"), NULL;
    EVP_PKEY *key SCOPED_PKEY = X509_REQ_get_pubkey(req);
    if (!key) return ssl_err(err, "the signing request has no usable public key"), NULL;
    if (!key_is_p256(key)) return ERR_NULL(err, "the signing request's key is not an EC key on P-256");
    if (X509_REQ_verify(req, key) != 1)
        return ssl_err(err, "the signing request is not signed by the key it names"), NULL;
    ERR_clear_error();
    return STEAL_PTR(key);
}
