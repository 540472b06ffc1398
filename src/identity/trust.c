#include "identity/trust.h"

#include "base/hash.h"
#include "base/list.h"
#include "identity/cert.h"

bool trust_make(struct arena *a, struct strs pems, struct trust *out, struct err *err)
{
    struct strs all = {0};
    for (each(pem, pems)) {
        struct strs some;
        if (!cert_split(a, *pem, &some, err)) return false;
        for (each(one, some)) list_push(a, &all, *one);
    }
    all = strs_sort_unique(all);
    if (!all.n) return err_set(err, "a trust bundle needs at least one root");
    char hex[33];
    out->pem = str_join(a, all, S(""));
    out->n = all.n;
    hash128_hex(hash128_of(out->pem.p, out->pem.n), hex);
    out->id = str_dup(a, str_of(hex));
    return true;
}
