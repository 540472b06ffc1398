/* ca_root.h - making and reading certificates for ca.c. Private to this room; pure but for random serials. */
#pragma once
#include <openssl/x509.h>

#include "identity/issuer.h"

/* A self-signed root for |key| that holds from |now| for CA_ROOT_DAYS. NULL with err. */
MUST X509 *ca_make_root(EVP_PKEY *key, int64_t now, struct err *err);
/* A leaf for the request, signed by the root; never outlives it. NULL with err. */
MUST X509 *ca_make_leaf(EVP_PKEY *ca_key, X509 *root, const struct issue_request *r, struct err *err);
