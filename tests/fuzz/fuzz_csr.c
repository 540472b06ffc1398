// rooms: identity
/* Certificate signing requests, and the other PEM that comes over the network: chains and bundles. */
#include <openssl/evp.h>

#include "base/arena.h"
#include "identity/cert.h"
#include "identity/csr.h"
#include "identity/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str text = str_make((const char *)data, size);
    struct err err = {0};
    struct cert_info info;
    struct trust trust;
    EVP_PKEY_free(csr_check(text, &err));
    err_clear(&err);
    bool ok = cert_inspect(a, text, &info, &err);
    err_clear(&err);
    ok = trust_make(a, (struct strs){&text, 1}, &trust, &err) && ok;
    (void)ok;
    arena_free(a);
    return 0;
}
