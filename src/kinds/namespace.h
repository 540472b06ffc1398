/* namespace.h - v1 Namespace. What matters of it is labels and annotations, which are in object.meta. */
#pragma once
#include "kinds/common.h"

enum kube_namespace_phase { KUBE_NAMESPACE_ACTIVE, KUBE_NAMESPACE_TERMINATING };
struct kube_namespace {
    struct {
        int phase; /* enum kube_namespace_phase */
    } status;
};
KIND_ACCESSOR(kube_namespace, KIND_NAMESPACE);
