/* config_map.h - v1 ConfigMap. */
#pragma once
#include "kinds/common.h"

struct kube_config_map {
    struct kvs data;
    struct kvs binary_data; /* decoded bytes; no key stands in both */
    bool immutable;
};
KIND_ACCESSOR(kube_config_map, KIND_CONFIG_MAP);
/* The value of |key| in data or binaryData; STR_NULL when absent. */
struct str kube_config_map_get(const struct kube_config_map *m, struct str key);
