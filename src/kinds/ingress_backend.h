/* ingress_backend.h - policy.openservicemesh.io IngressBackend: who outside the mesh may call a service in it. */
#pragma once
#include "kinds/common.h"

enum ingress_source_kind { INGRESS_SERVICE, INGRESS_PRINCIPAL, INGRESS_IP_RANGE };
enum ingress_protocol { INGRESS_HTTP, INGRESS_HTTPS };
struct ingress_tls {
    bool skip_client_cert; /* skipClientCertValidation */
    struct strs sni_hosts;
};
struct ingress_port {
    int64_t number; /* the pod's port, not the Service's */
    int protocol;   /* enum ingress_protocol */
};
struct ingress_target {
    struct str name;
    struct ingress_port port;
    struct ingress_tls *tls;
};
struct ingress_source {
    int kind; /* enum ingress_source_kind */
    struct str name, ns;
};
struct ingress_backend_spec {
    LIST(struct ingress_target) backends;
    LIST(struct ingress_source) sources;
    LIST(struct typed_ref) matches; /* read by nobody, as ever */
};
struct ingress_backend {
    struct ingress_backend_spec spec;
};
KIND_ACCESSOR(ingress_backend, KIND_INGRESS_BACKEND);
