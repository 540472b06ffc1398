/* names.h - every name, port, path, label and annotation that is part of the mesh's contract. */
#pragma once
#include "base/arena.h"

/* Ports (reference: the archived project's; docs/ports.md). */
enum {
    PORT_ENVOY_ADMIN = 15000, /* agent, 127.0.0.1: read-only part of Envoy's admin, POST /quitquitquit */
    PORT_OUTBOUND = 15001,    /* capture listener */
    PORT_INBOUND = 15003,
    PORT_METRICS = 15010, /* agent: Prometheus text at /stats/prometheus */
    PORT_XDS = 15128,     /* controller: ADS and certificates, TLS 1.3 */
    PORT_LIVENESS = 15901,
    PORT_READINESS = 15902,
    PORT_STARTUP = 15903,
    PORT_HEALTHCHECK = 15904,    /* agent: HTTP to TCP and gRPC probe bridge */
    PORT_CONTROLLER_HTTP = 9091, /* /health/ready /health/alive /healthz /metrics /version */
    PORT_DEBUG = 9092,           /* controller, 127.0.0.1: /debug, while the MeshConfig asks for it */
    PORT_VERBS = 9094,           /* controller that is a pod, 127.0.0.1: what verbs ask, by port-forward */
    PORT_INJECTOR = 9090,
    PORT_VALIDATOR = 9093,
};
enum { UID_SIDECAR = 1500 };

#define NAME_SYSTEM_NAMESPACE "osm-system"
#define NAME_MESH_CONFIG      "osm-mesh-config"
#define NAME_MESH             "osm"
#define NAME_TRUST_DOMAIN     "cluster.local"
#define NAME_CONTROLLER_DNS                                                                                            \
    "osm-controller.osm-system.svc" /* the controller certificate's DNS SAN; never issued to a workload */
#define NAME_ADS_CLUSTER    "osm-controller"
#define NAME_TOKEN_AUDIENCE "osm-controller"
#define NAME_ALPN           "osm"

#define LABEL_MONITORED_BY            "openservicemesh.io/monitored-by"
#define LABEL_IGNORE                  "openservicemesh.io/ignore"
#define LABEL_CONTROL_PLANE           "control-plane"
#define LABEL_PROXY_UUID              "osm-proxy-uuid"
#define LABEL_ZONE                    "topology.kubernetes.io/zone"
#define LABEL_POD_SECURITY            "pod-security.kubernetes.io/enforce"
#define ANNOTATION_INJECT             "openservicemesh.io/sidecar-injection"
#define CONDITION_LIMITS              "LimitsEnforced" /* of a pod on one machine: "False" with a message */
#define ANNOTATION_METRICS            "openservicemesh.io/metrics"
#define ANNOTATION_OUT_PORTS          "openservicemesh.io/outbound-port-exclusion-list"
#define ANNOTATION_IN_PORTS           "openservicemesh.io/inbound-port-exclusion-list"
#define ANNOTATION_OUT_RANGES_EXCLUDE "openservicemesh.io/outbound-ip-range-exclusion-list"
#define ANNOTATION_OUT_RANGES_INCLUDE "openservicemesh.io/outbound-ip-range-inclusion-list"
#define ANNOTATION_SIDECAR_GENERATION                                                                                  \
    "openservicemesh.io/proxy-generation" /* written by the injector: design.md section 2 rule 7 */

#define CONTAINER_SIDECAR "envoy"
#define CONTAINER_CAPTURE "osm-init"

/* Inside the sidecar container. */
#define DIR_SIDECAR          "/var/run/osm" /* emptyDir, sidecar only: key, SDS files, bootstrap, admin socket */
#define FILE_SDS_CERTIFICATE DIR_SIDECAR "/sds-certificate.json"
#define FILE_SDS_BUNDLE      DIR_SIDECAR "/sds-bundle.json"
#define FILE_BOOTSTRAP       DIR_SIDECAR "/bootstrap.json"
#define FILE_ADMIN_SOCKET    DIR_SIDECAR "/admin.sock"
#define FILE_DENIED_LOG                                                                                                \
    DIR_SIDECAR "/denied" /* FIFO: Envoy writes no_policy lines, the agent names the service and prints them */
#define SDS_CERTIFICATE "osm-certificate" /* SDS secret names in Envoy */
#define SDS_BUNDLE      "osm-bundle"
#define DIR_TOKEN       "/var/run/secrets/osm/token" /* projected: token, audience NAME_TOKEN_AUDIENCE */
#define DIR_TRUST       "/var/run/secrets/osm/trust" /* ConfigMap osm-trust: ca.pem, bundle id */

/* "spiffe://<td>/ns/<ns>/sa/<sa>" */
struct str spiffe_id(struct arena *a, struct str trust_domain, struct str ns, struct str sa);
/* Takes a SPIFFE id of that form apart; false for anything else. The parts point into |id|. */
bool spiffe_parse(struct str id, struct str *trust_domain, struct str *ns, struct str *sa);
/* "<sa>.<ns>.<td>": the old DNS form. */
struct str dns_identity(struct arena *a, struct str trust_domain, struct str ns, struct str sa);
/* RFC 1123: lower-case letters, digits, '-' (and '.' for a subdomain), no NUL, at most 63 / 253 bytes. */
bool is_dns_label(struct str s);
bool is_dns_subdomain(struct str s);
/* "ns/name" */
struct str key_of(struct arena *a, struct str ns, struct str name);
/* Splits at the first '/'; a key without '/' has an empty namespace. */
void key_split(struct str key, struct str *ns, struct str *name);
