/* key.h - private keys: ECDSA on P-256, nothing else.
 *
 * A workload's key is made in its pod and never leaves it; text that holds one is wiped by its owner. */
#pragma once
#include <openssl/evp.h>

#include "base/buf.h"
#include "base/err.h"

/* A new key; the caller frees it with EVP_PKEY_free. NULL with err. */
MUST EVP_PKEY *key_new(struct err *err);
/* Appends the key as unencrypted PKCS#8 PEM. */
MUST bool key_to_pem(EVP_PKEY *key, struct buf *out, struct err *err);
/* The first private key in |pem|, owned by the caller; refuses anything but P-256. NULL with err. */
MUST EVP_PKEY *key_of_pem(struct str pem, struct err *err);
/* Is it an EC key on P-256? */
bool key_is_p256(EVP_PKEY *key);
/* Overwrites the bytes with zeros and frees them. */
void key_wipe(struct buf *secret);
