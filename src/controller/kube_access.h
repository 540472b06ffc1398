/* kube_access.h - the Kubernetes API as the controller's options name it. Owner thread. */
#pragma once
#include "controller/controller.h"
#include "kube/client.h"
#include "status/writer.h"

struct kube_access {
    struct arena *arena;
    struct kube_config config;
    struct kube_client *client; /* on the owner's loop */
    struct writer *writer;      /* of what the controller wants the API to hold */
    bool is_classic;            /* sidecars are ordinary containers: inject/inject.h */
    bool was_ended;             /* opening it was broken off by a signal */
};
/* Of the options: a context of a kubeconfig, or the pod's own account. Waits for an API that is away, and says at the
 * options' HTTP port meanwhile that the controller lives and is not ready. False with err when the options do not do,
 * or when the loop was broken off. */
MUST bool kube_access_open(struct kube_access *k, struct event_base *base, const struct controller_options *opt,
                           struct err *err);
void kube_access_close(struct kube_access *k); /* zeroed is fine */
