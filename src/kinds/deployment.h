/* deployment.h - apps/v1 Deployment. */
#pragma once
#include "kinds/common.h"

enum kube_deployment_strategy { KUBE_STRATEGY_ROLLING, KUBE_STRATEGY_RECREATE };
struct kube_rolling_update {
    struct int_or_str max_unavailable, max_surge; /* a number, or a text like "25%" */
};
struct kube_deployment_spec {
    int64_t replicas;
    struct kube_label_selector selector;
    json_t *template; /* a mapping with metadata and spec */
    struct {
        int type; /* enum kube_deployment_strategy */
        struct kube_rolling_update rolling;
    } strategy;
    int64_t min_ready_s, progress_deadline_s;
    bool paused;
};
struct kube_deployment {
    struct kube_deployment_spec spec;
};
KIND_ACCESSOR(kube_deployment, KIND_DEPLOYMENT);
/* A count or percentage of |total|; percentages round up or down as Kubernetes does (surge up, unavailable down). */
int64_t kube_scaled(struct int_or_str v, int64_t total, bool round_up);
