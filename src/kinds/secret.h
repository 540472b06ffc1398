/* secret.h - v1 Secret. Values are never dumped. */
#pragma once
#include "kinds/common.h"

struct kube_secret {
    struct kvs data;        /* decoded bytes */
    struct kvs string_data; /* wins over data */
    struct str type;
    bool immutable;
};
KIND_ACCESSOR(kube_secret, KIND_SECRET);
/* The bytes of |key|; STR_NULL when absent. */
struct str kube_secret_get(const struct kube_secret *s, struct str key);
/* All keys with their bytes, sorted, in |a|; the bytes are the secret's own. */
struct kvs kube_secret_all(const struct kube_secret *s, struct arena *a);
