/* access.h - TrafficTargets with what they name resolved. Additive: whatever any of them allows is allowed. */
#pragma once
#include "mesh/diag.h"

struct access_match {      /* one HTTP match; all parts must fit */
    struct str name;       /* "<ns>/<target>/<group>/<match>" */
    struct str path_regex; /* empty: any */
    struct strs methods;   /* upper case; empty: any */
    struct kvs headers;    /* lower-case name → regex; in byte order, a name may repeat */
};
extern const struct table access_match_table;
struct http_match;
/* The match under that name; borrows from |m|. */
struct access_match access_match_of(struct arena *a, const struct http_match *m, struct str name);
struct access_tcp {
    struct ints ports; /* target ports, ascending; empty: any */
};
struct mesh_target {
    bool valid; /* false: counts as absent */
    struct str title;
    struct str destination;            /* "ns/sa" */
    struct strs sources;               /* "ns/sa" in byte order; empty: nobody */
    LIST(struct access_match) matches; /* by name */
    LIST(struct access_tcp) tcp;
    struct mesh_diags diags;
};
extern const struct table mesh_target_table;
extern const struct cell_kind mesh_target_cell; /* key "ns/name" */
const struct mesh_target *mesh_target(struct cell *c, struct str key);

/* Does the target let its sources open TCP connections to this target port? */
bool target_allows_port(const struct mesh_target *t, int64_t port);

/* What a caller may do, by destination account: the union of its targets. */
struct mesh_grant {
    struct str account; /* destination, "ns/sa" */
    bool http;          /* some HTTP match; which one is judged at the server */
    bool tcp_any;
    struct ints tcp_ports; /* target ports, ascending; without meaning when tcp_any */
};
struct mesh_grants {
    LIST(struct mesh_grant) grants; /* by account */
};
extern const struct table mesh_grants_table;
extern const struct cell_kind mesh_grants_cell; /* key "ns/sa" of the caller */
const struct mesh_grants *mesh_grants(struct cell *c, struct str account);
