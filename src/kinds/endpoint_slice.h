/* endpoint_slice.h - discovery.k8s.io/v1 EndpointSlice. The Service is meta.labels["kubernetes.io/service-name"]. */
#pragma once
#include "kinds/common.h"

#define LABEL_SERVICE_NAME "kubernetes.io/service-name"

enum kube_address_type { KUBE_ADDRESS_IPV4, KUBE_ADDRESS_IPV6, KUBE_ADDRESS_FQDN };
struct kube_endpoint_conditions {
    int ready, serving, terminating; /* enum tri; see kube_endpoint_is_ready */
};
struct kube_endpoint_target {
    struct str kind, name, ns, uid;
};
struct kube_endpoint {
    struct strs addresses; /* consumers take the first */
    struct kube_endpoint_conditions conditions;
    struct str hostname, node_name, zone;
    struct kube_endpoint_target target; /* targetRef; kind empty when absent */
};
struct kube_endpoint_port {
    struct str name;     /* join key to the Service's port names */
    struct opt_int port; /* not set: every port; not for meshes */
    int protocol;        /* enum kube_ip_protocol of service.h */
    struct str app_protocol;
};
struct kube_endpoint_slice {
    int address_type; /* enum kube_address_type */
    LIST(struct kube_endpoint) endpoints;
    LIST(struct kube_endpoint_port) ports;
};
KIND_ACCESSOR(kube_endpoint_slice, KIND_ENDPOINT_SLICE);

/* Kubernetes' rules for what is not given: ready and serving are true, terminating is false. */
static inline bool kube_endpoint_is_ready(const struct kube_endpoint *e) { return e->conditions.ready != TRI_FALSE; }
static inline bool kube_endpoint_is_serving(const struct kube_endpoint *e)
{
    return e->conditions.serving != TRI_FALSE;
}
static inline bool kube_endpoint_is_terminating(const struct kube_endpoint *e)
{
    return e->conditions.terminating == TRI_TRUE;
}
