/* csr.h - certificate signing requests (PKCS#10, PEM).
 *
 * A request proves that the sender has the private key, and nothing more: names in it are ignored, because the
 * token says who the sender is (docs/design.md section 7). */
#pragma once
#include <openssl/evp.h>

#include "base/buf.h"
#include "base/err.h"

enum { CSR_MAX = 16384 }; /* bytes of PEM that are looked at */

/* Appends a request for |key|, signed by it, without names. */
MUST bool csr_make(EVP_PKEY *key, struct buf *pem, struct err *err);
/* The public key of a request that is small enough, parses to its end, asks for P-256 and is signed by the key it
 * names. The caller frees it. NULL with err. For untrusted bytes. */
MUST EVP_PKEY *csr_check(struct str pem, struct err *err);
