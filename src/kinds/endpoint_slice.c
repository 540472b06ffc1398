#include "kinds/endpoint_slice.h"

static const char *const protocols[] = {"TCP", "UDP", "SCTP", NULL};
static const char *const address_types[] = {"IPv4", "IPv6", "FQDN", NULL};

static const struct field condition_fields[] = {
    FIELD(struct kube_endpoint_conditions, ready, "ready", F_TRI, .doc = "May be called; true when absent."),
    FIELD(struct kube_endpoint_conditions, serving, "serving", F_TRI,
          .doc = "Answers, perhaps while ending; true when absent."),
    FIELD(struct kube_endpoint_conditions, terminating, "terminating", F_TRI, .doc = "Is ending; false when absent."),
};
static const struct table conditions_table =
    TABLE("EndpointConditions", struct kube_endpoint_conditions, condition_fields, .doc = "The endpoint's state.");

static const struct field target_fields[] = {
    FIELD(struct kube_endpoint_target, kind, "kind", F_STR, .doc = "Pod, for what the mesh knows."),
    FIELD(struct kube_endpoint_target, name, "name", F_STR, .doc = "Name of the pod."),
    FIELD(struct kube_endpoint_target, ns, "namespace", F_STR, .doc = "Namespace of the pod."),
    FIELD(struct kube_endpoint_target, uid, "uid", F_STR, .doc = "Uid of the pod."),
};
static const struct table target_table =
    TABLE("EndpointTarget", struct kube_endpoint_target, target_fields, .doc = "The pod behind an endpoint.");

static const struct field endpoint_fields[] = {
    FIELD(struct kube_endpoint, addresses, "addresses", F_STRS, .doc = "Addresses of one endpoint; the first counts."),
    FIELD(struct kube_endpoint, conditions, "conditions", F_INLINE, .sub = &conditions_table,
          .doc = "The endpoint's state."),
    FIELD(struct kube_endpoint, hostname, "hostname", F_STR, .doc = "Its name below the Service's."),
    FIELD(struct kube_endpoint, node_name, "nodeName", F_STR, .doc = "Its node."),
    FIELD(struct kube_endpoint, zone, "zone", F_STR, .doc = "Its zone."),
    FIELD(struct kube_endpoint, target, "targetRef", F_INLINE, .sub = &target_table, .doc = "The pod behind it."),
};
static const struct table endpoint_table =
    TABLE("Endpoint", struct kube_endpoint, endpoint_fields, .doc = "One place that answers.");

static const struct field port_fields[] = {
    FIELD(struct kube_endpoint_port, name, "name", F_STR, .doc = "The Service port's name."),
    FIELD(struct kube_endpoint_port, port, "port", F_OPT_INT, .min = 0, .max = 65535, .doc = "The endpoints' port."),
    FIELD(struct kube_endpoint_port, protocol, "protocol", F_ENUM, .names = protocols, .doc = "TCP, UDP or SCTP."),
    FIELD(struct kube_endpoint_port, app_protocol, "appProtocol", F_STR, .doc = "What is spoken."),
};
static const struct table port_table =
    TABLE("EndpointPort", struct kube_endpoint_port, port_fields, .doc = "One port of the endpoints.");

static const struct field fields[] = {
    FIELD(struct kube_endpoint_slice, address_type, "addressType", F_ENUM, .names = address_types,
          .flags = FIELD_REQUIRED, .doc = "IPv4, IPv6 or FQDN."),
    FIELD(struct kube_endpoint_slice, endpoints, "endpoints", F_LIST, .sub = &endpoint_table, .doc = "The endpoints."),
    FIELD(struct kube_endpoint_slice, ports, "ports", F_LIST, .sub = &port_table,
          .doc = "The ports that all of them have."),
};
const struct table kube_endpoint_slice_table =
    TABLE("EndpointSlice", struct kube_endpoint_slice, fields, .flags = TABLE_OPEN,
          .doc = "Some of the addresses behind a Service.");
