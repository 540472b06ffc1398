#include "identity/key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "identity/ssl.h"

EVP_PKEY *key_new(struct err *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (!key) ssl_err(err, "cannot make a private key");
    return key;
}

bool key_to_pem(EVP_PKEY *key, struct buf *out, struct err *err)
{
    BIO *bio SCOPED_BIO = BIO_new(BIO_s_secmem());
    if (!bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
        return ssl_err(err, "cannot write the private key as PEM");
    ssl_drain(bio, out);
    return true;
}

bool key_is_p256(EVP_PKEY *key)
{
    char group[64] = "";
    size_t n = 0;
    int is_explicit = 0; /* a curve by its numbers: RFC 5480 2.1.1 forbids it, and Envoy refuses such certificates */
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &n) &&
           !strcmp(group, "prime256v1") &&
           EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) && !is_explicit;
}

EVP_PKEY *key_of_pem(struct str pem, struct err *err)
{
    BIO *bio SCOPED_BIO = ssl_reader(pem);
    EVP_PKEY *key SCOPED_PKEY = bio ? PEM_read_bio_PrivateKey(bio, NULL, ssl_no_password, NULL) : NULL;
    if (!key) return ssl_err(err, "no private key in the PEM text"), NULL;
    if (!key_is_p256(key)) return ERR_NULL(err, "the private key is not an EC key on P-256");
    return STEAL_PTR(key);
}

void key_wipe(struct buf *secret)
{
    if (secret->p) OPENSSL_cleanse(secret->p, secret->cap);
    buf_free(secret);
}
