/* daemon_set.h - apps/v1 DaemonSet: on one machine, one pod. */
#pragma once
#include "kinds/common.h"

struct kube_daemon_set_spec {
    struct kube_label_selector selector;
    json_t *template;
    struct {
        int type; /* enum kube_update_type of stateful_set.h */
    } update;
    int64_t min_ready_s;
};
struct kube_daemon_set {
    struct kube_daemon_set_spec spec;
};
KIND_ACCESSOR(kube_daemon_set, KIND_DAEMON_SET);
