/* egress.h - what a caller's proxy lets out of the mesh by Egresses: a listener for each port.
 *
 * These listeners stand beside those of Services: Envoy asks the one of the dialled address first, then that of the
 * port at any address, then the capture listener. A change of one port's policy so disturbs no other port. */
#pragma once
#include "plan/plan.h"

/* A way out. Its name is "egress|by-host" or "egress|by-address"; with limits of an UpstreamTrafficSetting, which hold
 * for one host or port, "egress|<host, or \"address\">|<port>|<ns>/<setting>". */
struct plan_egress_cluster {
    struct str name;
    bool by_host; /* the request's host, resolved by the proxy; else the address that the caller dialled */
    struct plan_connection connection;
    struct str origin;
};
struct plan_egress_route {            /* any route that fits allows; the first that does decides where the call goes */
    struct str name;                  /* "<ns>/<egress>" or "<ns>/<egress>/<group>/<match>" */
    struct str path_regex;            /* whole path without query; empty: any */
    struct strs methods;              /* empty: any */
    LIST(struct plan_header) headers; /* all must match */
    struct str cluster;
    struct str authority; /* "host:port" in place of the request's host; empty: as it is */
};
struct plan_egress_host {
    struct strs domains; /* of the Host: "a.example", "a.example:8080", "*.example", "*" */
    LIST(struct plan_egress_route) routes;
};
struct plan_egress_routes {
    struct str name; /* "rds-egress|<port>", with "|<first range>" when it is for some addresses only */
    LIST(struct plan_egress_host) hosts; /* by first domain; what no host or route fits is answered with 403 */
    struct str origin;
};
enum plan_egress_transport { PLAN_EGRESS_ANY, PLAN_EGRESS_PLAIN, PLAN_EGRESS_TLS };
struct plan_egress_chain {
    struct str name;
    struct strs ranges;       /* of the dialled address; empty: any */
    int64_t transport;        /* enum plan_egress_transport */
    struct strs server_names; /* TLS: of the SNI; empty: any */
    struct str route_config;  /* http: else |cluster| */
    bool by_host;             /* http: some route leads where the host says */
    bool path_rules;          /* http: some route looks at paths */
    struct str cluster;
};
struct plan_egress_listener {
    struct str name; /* "egress|<port>" */
    int64_t port;
    bool has_tls; /* the client's first bytes are waited for */
    LIST(struct plan_egress_chain) chains;
    struct str origin;
};
/* Key: the grants, "<ns>/<egress>:<index of a port>.<index>…", joined by ',' in their order. Callers whose grants are
 * equal share it. */
struct plan_egress {
    LIST(struct plan_egress_listener) listeners; /* by port */
    LIST(struct plan_egress_routes) routes;      /* by name */
    LIST(struct plan_egress_cluster) clusters;   /* by name */
    struct strs closed_ranges;                   /* closed before anything else, but for single addresses in chains */
};
extern const struct table plan_egress_table;
extern const struct cell_kind plan_egress_cell;
const struct plan_egress *plan_egress(struct cell *c, struct str key);

/* The key of what an account may call; empty when it is nothing. */
struct str plan_egress_key(struct cell *c, struct arena *a, struct str account);
/* The part, and set, "egress:<hash>" of its one member: the key, with "|<plan_view.log>" when that is not empty. */
struct str plan_egress_part(struct arena *a, struct str member);
