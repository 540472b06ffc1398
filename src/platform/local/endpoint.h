/* endpoint.h - Services and pods become EndpointSlices and addresses. Pure. */
#pragma once
#include "base/map.h"
#include "kinds/service.h"
#include "platform/local/doc.h"

/* A pod as Services see it. Everything is borrowed. */
struct endpoint_pod {
    const json_t *doc; /* with labels, containers and status.podIP */
    bool ready, deleting, finished;
};
struct endpoint_pods {
    struct endpoint_pod *v;
    size_t n;
};

/* The EndpointSlices of a Service with a selector, one per set of ports that its targetPorts mean (names may mean
 * different ports in different pods). New documents, in |a| as a list; the caller owns the references. */
struct docs {
    json_t **v;
    size_t n;
};
struct docs endpoint_slices(const struct meta *meta, const struct kube_service *service, struct endpoint_pods pods,
                            struct arena *a);

/* An address for a Service without one: the hash of its key in 10.96.0.0/12, the next free one after it on collision.
 * |used| has the addresses taken, as map keys; the answer is put there. In |a|. */
struct str endpoint_cluster_ip(struct str key, struct map *used, struct arena *a);
