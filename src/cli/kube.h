/* kube.h - how verbs reach a Kubernetes cluster. */
#pragma once
#include <argp.h>

#include "kube/client.h"

/* --kubeconfig and --context, as a child parser of a verb's own: {&kube_argp, 0, "Cluster:", 0}; its input is a
 * struct kube_place. */
struct kube_place {
    const char *kubeconfig, *context; /* NULL: as kubectl chooses */
};
extern const struct argp kube_argp;

/* Does the mesh on this machine run, and is no cluster named? Then verbs that serve both mean this machine. */
bool kube_place_is_local(const struct kube_place *p);

/* A client for blocking calls; everything lives in |a| but the client itself. NULL with err. */
MUST struct kube_client *kube_connect(const struct kube_place *p, struct arena *a, struct err *err);
