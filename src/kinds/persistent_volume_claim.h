/* persistent_volume_claim.h - v1 PersistentVolumeClaim: on one machine, a kept directory. */
#pragma once
#include "kinds/common.h"

struct kube_persistent_volume_claim_spec {
    struct strs access_modes;
    json_t *resources;
    struct str storage_class, volume_name, volume_mode;
};
struct kube_persistent_volume_claim {
    struct kube_persistent_volume_claim_spec spec;
};
KIND_ACCESSOR(kube_persistent_volume_claim, KIND_PERSISTENT_VOLUME_CLAIM);
