/* egress.h - Egress objects with what they name resolved, and which of them hold for a calling account. Additive, like
 * access: whatever any of them allows is allowed. */
#pragma once
#include "mesh/access.h"

/* In the order in which the ports of one object hold before one another. */
enum egress_protocol { EGRESS_HTTP, EGRESS_HTTPS, EGRESS_TCP, EGRESS_TCP_SERVER_FIRST };
struct egress_port {
    int64_t number, protocol;
};
/* One Egress by itself. */
struct mesh_egress {
    bool valid; /* false: counts as absent */
    struct str title;
    int64_t created;
    struct strs sources; /* "ns/sa" in byte order; empty: nobody */
    struct strs hosts;   /* lower case, in byte order: "a.example", "*.example", "192.0.2.1", "*" (any) */
    bool has_ranges;     /* ipAddresses were given: |ranges|, even if none of them is left */
    struct strs ranges;  /* in byte order, as cidr_text writes them; none within the cluster's own but single addresses
                          * of Services outside the mesh */
    LIST(struct egress_port) ports;    /* by (number, protocol) */
    bool any_request;                  /* no HTTPRouteGroup is named; else |matches|, even if there is none */
    LIST(struct access_match) matches; /* of http, by name: "<ns>/<egress>/<group>/<match>" */
    struct str setting;                /* "ns/name" of the UpstreamTrafficSetting; empty: none */
    struct mesh_diags diags;
};
extern const struct table mesh_egress_table;
extern const struct cell_kind mesh_egress_cell; /* key "ns/name" */
const struct mesh_egress *mesh_egress(struct cell *c, struct str key);

/* What an account may call outside the mesh by Egresses: those that name it, older first, with the ports that
 * contradict no older one's. Nothing while global egress is on, which wins, or Egresses are switched off. */
struct mesh_egress_grant {
    struct str egress; /* "ns/name" */
    struct ints ports; /* indexes into its ports, ascending; not empty */
};
struct mesh_egress_conflict {
    struct str egress; /* whose port is left out */
    struct str text;   /* what is left out, and for what */
};
struct mesh_egress_grants {
    LIST(struct mesh_egress_grant) grants;
    LIST(struct mesh_egress_conflict) conflicts;
};
extern const struct table mesh_egress_grants_table;
extern const struct cell_kind mesh_egress_grants_cell; /* key "ns/sa" */
const struct mesh_egress_grants *mesh_egress_grants(struct cell *c, struct str account);

/* "http", "https", "tcp", "tcp-server-first" */
const char *egress_protocol_name(int64_t protocol);
