/* stateful_set.h - apps/v1 StatefulSet. */
#pragma once
#include "kinds/common.h"

enum kube_pod_management { KUBE_MANAGEMENT_ORDERED_READY, KUBE_MANAGEMENT_PARALLEL };
enum kube_update_type { KUBE_UPDATE_ROLLING, KUBE_UPDATE_ON_DELETE };
struct kube_stateful_set_spec {
    int64_t replicas;
    struct kube_label_selector selector;
    json_t *template;
    struct str service_name;
    int pod_management; /* enum kube_pod_management */
    struct {
        int type; /* enum kube_update_type */
        struct {
            int64_t partition;
        } rolling;
    } update;
    struct {
        int64_t start;
    } ordinals;
    json_t *claim_templates; /* volumeClaimTemplates: a list, or NULL */
    int64_t min_ready_s;
};
struct kube_stateful_set {
    struct kube_stateful_set_spec spec;
};
KIND_ACCESSOR(kube_stateful_set, KIND_STATEFUL_SET);
