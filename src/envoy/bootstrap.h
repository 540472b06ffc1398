/* bootstrap.h - the file that Envoy starts with. */
#pragma once
#include "base/buf.h"

/* Everything that differs between pods. Empty paths and names mean those of names.h. */
struct envoy_bootstrap {
    struct str node_id;            /* pod uid */
    struct str pod, namespace;     /* node metadata */
    struct str kind, name;         /* of the workload that owns the pod; may be empty */
    struct str zone;               /* where the pod is; may be empty */
    struct str controller_address; /* numeric, or a name that is then looked up in DNS */
    int64_t controller_port;       /* 0: PORT_XDS */
    struct str controller_dns;     /* DNS SAN that the controller's certificate must have */
    struct str certificate_file, bundle_file, admin_socket;
    int64_t mark;            /* SO_MARK of Envoy's own connections, where capture goes by mark; 0: none */
    int64_t max_heap_bytes;  /* Envoy sheds load before it reaches this; 0: no limit */
    int64_t max_connections; /* downstream, in all; 0: 50,000 */
};

/* Appends the JSON. Pure: equal input, equal bytes. Envoy does not start unless both SDS files exist. */
void envoy_bootstrap_json(const struct envoy_bootstrap *b, struct buf *out);
