#include "kinds/secret.h"

static const struct field fields[] = {
    FIELD(struct kube_secret, data, "data", F_MAP, .flags = FIELD_BASE64 | FIELD_SECRET,
          .doc = "Bytes by key, in base64."),
    FIELD(struct kube_secret, string_data, "stringData", F_MAP, .flags = FIELD_SECRET,
          .doc = "Texts by key; they win over data."),
    FIELD(struct kube_secret, type, "type", F_STR, .doc = "What the secret is for, for instance kubernetes.io/tls."),
    FIELD(struct kube_secret, immutable, "immutable", F_BOOL, .doc = "Whether it may not change any more."),
};
const struct table kube_secret_table = TABLE("Secret", struct kube_secret, fields, .flags = TABLE_OPEN,
                                             .doc = "Confidential bytes for programs, read as files or environment.");

struct str kube_secret_get(const struct kube_secret *s, struct str key)
{
    struct str text = kvs_get(s->string_data, key);
    return text.p ? text : kvs_get(s->data, key);
}

/* Both maps are sorted: a merge. */
struct kvs kube_secret_all(const struct kube_secret *s, struct arena *a)
{
    const struct kvs *d = &s->data, *t = &s->string_data;
    struct kvs all = {arena_array(a, struct kv, d->n + t->n), 0};
    for (size_t i = 0, j = 0; i < d->n || j < t->n;) {
        int c = i == d->n ? 1 : j == t->n ? -1 : str_cmp(d->v[i].key, t->v[j].key);
        all.v[all.n++] = c < 0 ? d->v[i] : t->v[j];
        i += c <= 0;
        j += c >= 0;
    }
    return all;
}
