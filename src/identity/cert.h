/* cert.h - reading certificates. */
#pragma once
#include <openssl/x509.h>

#include "base/arena.h"
#include "base/err.h"

enum { CERT_MAX_PEM = 262144 }; /* bytes of a chain or bundle that are looked at */

struct cert_info {
    int64_t not_before, not_after; /* seconds since 1970 */
    struct str cn, issuer_cn;      /* empty when absent */
    struct str serial;             /* hexadecimal */
    struct strs uris, dns;         /* subject alternative names, in order */
    bool is_ca;
};

/* The first certificate in |pem|. Strings live in |a|. Names with NUL bytes are an error. */
MUST bool cert_inspect(struct arena *a, struct str pem, struct cert_info *out, struct err *err);
/* The same of a parsed certificate, e.g. the peer's. */
MUST bool cert_inspect_x509(struct arena *a, X509 *cert, struct cert_info *out, struct err *err);
/* Every certificate of |pem|, each as canonical PEM, in order; text between them is dropped. Fails when there is none,
 * when one does not parse, or when |pem| is larger than CERT_MAX_PEM. */
MUST bool cert_split(struct arena *a, struct str pem, struct strs *out, struct err *err);
/* The first certificate of |pem|, owned by the caller. NULL with err. */
MUST X509 *cert_of_pem(struct str pem, struct err *err);
