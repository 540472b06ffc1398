/* mesh_root_certificate.h - config.openservicemesh.io MeshRootCertificate: who signs, and in which role. */
#pragma once
#include "kinds/common.h"

enum root_role { ROOT_ACTIVE, ROOT_PASSIVE, ROOT_INACTIVE };
struct secret_key_ref {
    struct str name, key, ns;
};
struct tresor_provider {
    struct {
        struct {
            struct str name, ns;
        } secret;
    } ca;
};
struct vault_provider {
    struct str host, role, protocol;
    int64_t port;
    struct {
        struct secret_key_ref secret;
    } token;
};
struct cert_manager_provider {
    struct str issuer, issuer_kind, issuer_group;
};
struct mesh_root_certificate_spec {
    struct { /* exactly one */
        struct tresor_provider *tresor;
        struct vault_provider *vault;
        struct cert_manager_provider *cert_manager;
    } provider;
    struct str trust_domain;
    int role; /* enum root_role */
    bool spiffe;
};
struct mesh_root_certificate {
    struct mesh_root_certificate_spec spec;
};
KIND_ACCESSOR(mesh_root_certificate, KIND_MESH_ROOT_CERTIFICATE);
