/* service_account.h - v1 ServiceAccount: its existence is what counts. */
#pragma once
#include "kinds/common.h"

struct kube_service_account {
    int automount; /* enum tri: automountServiceAccountToken */
};
KIND_ACCESSOR(kube_service_account, KIND_SERVICE_ACCOUNT);
