/* egress.h - policy.openservicemesh.io Egress: what may be called outside the mesh, and by whom. */
#pragma once
#include "kinds/common.h"

struct policy_port {
    int64_t number;
    struct str protocol; /* in any letter case */
};
extern const struct table policy_port_table;
struct egress_spec {
    LIST(struct subject) sources;
    struct strs hosts, ip_addresses;
    LIST(struct policy_port) ports;
    LIST(struct typed_ref) matches;
};
struct egress {
    struct egress_spec spec;
};
KIND_ACCESSOR(egress, KIND_EGRESS);
