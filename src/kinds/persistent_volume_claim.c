#include "kinds/persistent_volume_claim.h"

static const struct field spec_fields[] = {
    FIELD(struct kube_persistent_volume_claim_spec, access_modes, "accessModes", F_STRS,
          .doc = "ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod."),
    FIELD(struct kube_persistent_volume_claim_spec, resources, "resources", F_JSON, .doc = "How much is asked for."),
    FIELD(struct kube_persistent_volume_claim_spec, storage_class, "storageClassName", F_STR,
          .doc = "Kind of storage."),
    FIELD(struct kube_persistent_volume_claim_spec, volume_name, "volumeName", F_STR,
          .doc = "The volume that is bound to it."),
    FIELD(struct kube_persistent_volume_claim_spec, volume_mode, "volumeMode", F_STR, .doc = "Filesystem or Block."),
};
static const struct table spec_table =
    TABLE("PersistentVolumeClaimSpec", struct kube_persistent_volume_claim_spec, spec_fields, .doc = "What is wanted.");
static const struct field fields[] = {
    FIELD(struct kube_persistent_volume_claim, spec, "spec", F_INLINE, .sub = &spec_table, .doc = "What is wanted."),
};
const struct table kube_persistent_volume_claim_table =
    TABLE("PersistentVolumeClaim", struct kube_persistent_volume_claim, fields, .flags = TABLE_OPEN,
          .doc = "A kept volume; on one machine, a kept directory.");
