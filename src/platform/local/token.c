#include "platform/local/token.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/file.h"
#include "platform/local/doc.h"

static struct str hex(struct arena *a, const unsigned char *bytes, size_t n)
{
    char *out = arena_alloc(a, 2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    return str_make(out, 2 * n);
}

bool token_issue(void *arg, const struct token_claims *claims, struct arena *a, struct str *text, struct str *file,
                 struct err *err)
{
    const char *dir = arg;
    struct str audience = claims->audience.n ? claims->audience : S("https://kubernetes.default.svc");
    unsigned char secret[32], digest[EVP_MAX_MD_SIZE];
    unsigned int n;
    if (RAND_bytes(secret, sizeof secret) != 1) return err_set(err, "no random bytes for a token");
    *text = hex(a, secret, sizeof secret);
    if (!EVP_Digest(text->p, text->n, digest, &n, EVP_sha256(), NULL)) return err_set(err, "cannot hash a token");
    *file = str_fmt(a, "%s/%s.json", dir, hex(a, digest, n).p);
    json_t *doc SCOPED_JSON =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "namespace", doc_str(claims->ns), "serviceAccount",
                  doc_str(claims->account), "pod", doc_str(claims->pod), "uid", doc_str(claims->uid), "audience",
                  doc_str(audience), "expires", (json_int_t)claims->expires);
    return file_write_atomic(file->p, doc_line(a, doc), 0600, err);
}
