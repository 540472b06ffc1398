#include "kinds/service_account.h"

static const struct field fields[] = {
    FIELD(struct kube_service_account, automount, "automountServiceAccountToken", F_TRI,
          .doc = "Whether pods get a token of it unasked."),
};
const struct table kube_service_account_table = TABLE("ServiceAccount", struct kube_service_account, fields,
                                                      .flags = TABLE_OPEN, .doc = "The identity of pods that name it.");
