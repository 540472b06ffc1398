/* certs.h - certificates of many identities, quickly: one key for all, signed by the CA in a controller's state. */
#pragma once
#include <openssl/ssl.h>

#include "base/err.h"

struct certs;
/* |dir| has ca-key.pem. NULL with err. */
MUST struct certs *certs_open(const char *dir, struct err *err);
void certs_free(struct certs *c);
/* For one day; the caller frees it. NULL with err. */
MUST X509 *certs_issue(struct certs *c, struct str spiffe_id, struct err *err);
/* With the key and, as a default certificate, |spiffe_id|'s: for clients of a server that this CA signed. */
MUST SSL_CTX *certs_client(struct certs *c, struct str spiffe_id, struct err *err);
/* For a server that wants client certificates. */
MUST SSL_CTX *certs_server(struct certs *c, const char *name, struct err *err);
