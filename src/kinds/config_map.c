#include "kinds/config_map.h"

static const struct field fields[] = {
    FIELD(struct kube_config_map, data, "data", F_MAP, .doc = "Texts by key."),
    FIELD(struct kube_config_map, binary_data, "binaryData", F_MAP, .flags = FIELD_BASE64,
          .doc = "Bytes by key, in base64."),
    FIELD(struct kube_config_map, immutable, "immutable", F_BOOL, .doc = "Whether it may not change any more."),
};

static void check(const void *v, struct arena *a, struct problems *out)
{
    const struct kube_config_map *m = v;
    for (each(kv, m->binary_data))
        if (kvs_get(m->data, kv->key).p)
            problem_add(a, out, true, NULL, S("binaryData"), "the key \"%.*s\" stands in data, too; remove one",
                        STR_FMT(kv->key));
}

const struct table kube_config_map_table =
    TABLE("ConfigMap", struct kube_config_map, fields, .flags = TABLE_OPEN, .check = check,
          .doc = "Texts for programs, read as files or environment.");

struct str kube_config_map_get(const struct kube_config_map *m, struct str key)
{
    struct str text = kvs_get(m->data, key);
    return text.p ? text : kvs_get(m->binary_data, key);
}
