/* secret_sink.h - where a certificate for others is put: a Secret, as an object file or by the API server. */
#pragma once
#include <jansson.h>

#include "base/arena.h"
#include "base/err.h"

/* Of type kubernetes.io/tls. */
struct tls_secret {
    struct str ns, name;
    struct str ca, chain, key; /* PEM: ca.crt, tls.crt, tls.key */
};

/* As an object of core/v1; a new reference. NULL when a text is not UTF-8. */
json_t *tls_secret_json(const struct tls_secret *s);

struct secret_sink;
struct secret_sink_ops {
    /* Makes |s| the one Secret that this sink keeps and takes away every other one that it ever kept, before a restart,
     * too; NULL: keeps none. Borrowed for the call. False with |err|: ask again later. A sink that cannot tell at once
     * answers true and sees to it by itself; the last call wins. On the loop's thread. */
    bool (*keep)(struct secret_sink *k, const struct tls_secret *s, struct err *err);
    void (*free)(struct secret_sink *k);
};
/* First member of every sink. */
struct secret_sink {
    const struct secret_sink_ops *ops;
};

static inline bool secret_sink_keep(struct secret_sink *k, const struct tls_secret *s, struct err *err)
{
    return k->ops->keep(k, s, err);
}
/* NULL is fine. */
static inline void secret_sink_free(struct secret_sink *k)
{
    if (k) k->ops->free(k);
}

/* Object files in |dir|, which nobody else writes in: "<ns>_<name>.json", 0600. */
MUST struct secret_sink *secret_files_new(const char *dir);
