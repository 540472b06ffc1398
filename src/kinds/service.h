/* service.h - v1 Service. */
#pragma once
#include "kinds/common.h"

enum kube_service_type {
    KUBE_SERVICE_CLUSTER_IP,
    KUBE_SERVICE_NODE_PORT,
    KUBE_SERVICE_LOAD_BALANCER,
    KUBE_SERVICE_EXTERNAL_NAME
};
enum kube_ip_protocol { KUBE_PROTO_TCP, KUBE_PROTO_UDP, KUBE_PROTO_SCTP };

struct kube_service_port {
    struct str name; /* may be empty when the only one */
    int64_t port;
    int protocol;                  /* enum kube_ip_protocol */
    struct int_or_str target_port; /* neither number nor name: same as port; see kube_service_target_port */
    struct str app_protocol;
    int64_t node_port;
};
struct kube_service_spec {
    int type;              /* enum kube_service_type */
    struct str cluster_ip; /* "", "None" or an address */
    struct strs cluster_ips, ip_families;
    struct kvs selector; /* empty: endpoints are made by hand */
    LIST(struct kube_service_port) ports;
    struct str external_name;
    struct strs external_ips;
    bool publish_not_ready;
    struct str session_affinity, internal_traffic_policy;
};
struct kube_service {
    struct kube_service_spec spec;
};
KIND_ACCESSOR(kube_service, KIND_SERVICE);
extern const struct table kube_service_spec_table;

static inline bool kube_service_is_headless(const struct kube_service *s) { return str_is(s->spec.cluster_ip, "None"); }
/* targetPort with its default. */
static inline struct int_or_str kube_service_target_port(const struct kube_service_port *p)
{
    return p->target_port.i || p->target_port.s.n ? p->target_port : (struct int_or_str){.i = p->port};
}
/* The addresses clients call: clusterIPs, else clusterIP; empty when headless or not given. Borrowed. */
struct strs kube_service_addresses(const struct kube_service *s);
