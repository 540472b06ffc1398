/* kube_access.h - the Kubernetes API as the controller's options name it. Owner thread. */
#pragma once
#include "controller/controller.h"
#include "kube/client.h"

struct kube_access {
    struct arena *arena;
    struct kube_config config;
    struct kube_client *client; /* on the owner's loop */
};
/* Of the options: a context of a kubeconfig, or the pod's own account. */
MUST bool kube_access_open(struct kube_access *k, struct event_base *base, const struct controller_options *opt,
                           struct err *err);
void kube_access_close(struct kube_access *k); /* zeroed is fine */
