#include "kinds/service.h"

static const char *const types[] = {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName", NULL};
static const char *const protocols[] = {"TCP", "UDP", "SCTP", NULL};

static const struct field port_fields[] = {
    FIELD(struct kube_service_port, name, "name", F_STR, .doc = "Name of the port; needed when there are several."),
    FIELD(struct kube_service_port, port, "port", F_INT, .flags = FIELD_REQUIRED, .min = 1, .max = 65535,
          .doc = "The port that clients call."),
    FIELD(struct kube_service_port, protocol, "protocol", F_ENUM, .names = protocols, .doc = "TCP, UDP or SCTP."),
    FIELD(struct kube_service_port, target_port, "targetPort", F_INT_OR_STR, .min = 0, .max = 65535,
          .doc = "The pods' port, by number or name; the same as port when absent."),
    FIELD(struct kube_service_port, app_protocol, "appProtocol", F_STR,
          .doc = "What is spoken: http, grpc, tcp, tcp-server-first; else the port name's beginning says it."),
    FIELD(struct kube_service_port, node_port, "nodePort", F_INT, .min = 0, .max = 65535,
          .doc = "The port on every node."),
};
static const struct table port_table =
    TABLE("ServicePort", struct kube_service_port, port_fields, .doc = "One port of a Service.");

static const struct field spec_fields[] = {
    FIELD(struct kube_service_spec, type, "type", F_ENUM, .names = types, .doc = "How the Service is reached."),
    FIELD(struct kube_service_spec, cluster_ip, "clusterIP", F_STR,
          .doc = "Its address; \"None\" for a headless Service; given by the cluster when absent."),
    FIELD(struct kube_service_spec, cluster_ips, "clusterIPs", F_STRS, .doc = "All its addresses, one per family."),
    FIELD(struct kube_service_spec, ip_families, "ipFamilies", F_STRS, .doc = "IPv4, IPv6 or both, the primary first."),
    FIELD(struct kube_service_spec, selector, "selector", F_MAP,
          .doc = "Labels of the pods behind it; without it, EndpointSlices are made by hand."),
    FIELD(struct kube_service_spec, ports, "ports", F_LIST, .sub = &port_table, .doc = "Its ports."),
    FIELD(struct kube_service_spec, external_name, "externalName", F_STR,
          .doc = "The name that an ExternalName Service stands for."),
    FIELD(struct kube_service_spec, external_ips, "externalIPs", F_STRS,
          .doc = "Further addresses routed to the nodes."),
    FIELD(struct kube_service_spec, publish_not_ready, "publishNotReadyAddresses", F_BOOL,
          .doc = "Whether pods count before they are ready."),
    FIELD(struct kube_service_spec, session_affinity, "sessionAffinity", F_STR, .doc = "None, or ClientIP."),
    FIELD(struct kube_service_spec, internal_traffic_policy, "internalTrafficPolicy", F_STR,
          .doc = "Cluster, or Local for pods of the same node."),
};

static void check_port_names(const struct kube_service_spec *s, size_t i, struct arena *a, struct problems *out)
{
    const struct kube_service_port *p = &s->ports.v[i];
    struct str path = str_fmt(a, "ports[%zu].name", i);
    if (s->ports.n > 1 && p->name.n == 0)
        problem_add(a, out, true, NULL, path, "is required when a Service has several ports");
    for (size_t j = 0; j < i; j++) {
        const struct kube_service_port *q = &s->ports.v[j];
        if (p->name.n && str_eq(p->name, q->name))
            problem_add(a, out, true, NULL, path, "\"%.*s\" names another port, too", STR_FMT(p->name));
        if (p->port == q->port && p->protocol == q->protocol)
            problem_add(a, out, true, NULL, str_fmt(a, "ports[%zu].port", i), "%lld stands twice", (long long)p->port);
    }
}

static void check(const void *v, struct arena *a, struct problems *out)
{
    const struct kube_service_spec *s = v;
    for (size_t i = 0; i < s->ports.n; i++) check_port_names(s, i, a, out);
}

const struct table kube_service_spec_table =
    TABLE("ServiceSpec", struct kube_service_spec, spec_fields, .check = check, .doc = "What is wanted.");

static const struct field fields[] = {
    FIELD(struct kube_service, spec, "spec", F_INLINE, .sub = &kube_service_spec_table, .doc = "What is wanted."),
};
const struct table kube_service_table = TABLE("Service", struct kube_service, fields, .flags = TABLE_OPEN,
                                              .doc = "A stable address and name for a changing set of pods.");

struct strs kube_service_addresses(const struct kube_service *s)
{
    const struct kube_service_spec *p = &s->spec;
    if (kube_service_is_headless(s) || p->type == KUBE_SERVICE_EXTERNAL_NAME) return (struct strs){0};
    if (p->cluster_ips.n && p->cluster_ips.v[0].n) return p->cluster_ips; /* [""]: none is given yet */
    return (struct strs){(struct str *)&p->cluster_ip, p->cluster_ip.n ? 1 : 0};
}
