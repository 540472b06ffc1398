/* plan.h - what one workload's proxies must do, in mesh terms: the values and cells between mesh and envoy.
 *
 * A plan belongs to a workload, never to a pod, and nothing in a shared part names its caller. Every value has a
 * field table (plan/tables.c). Keys are readable text; see each cell. */
#pragma once
#include "plan/outside.h"
#include "plan/upstream.h"
#include "sheet/sheet.h"

/* Fixed by the platform, not by users: cluster-wide ranges that are never passed through. Given once at start as
 * an input of the sheet (mesh/platform input). */

enum plan_protocol { PLAN_HTTP, PLAN_GRPC, PLAN_TCP, PLAN_TCP_SERVER_FIRST };

/* TLS between proxies, from the MeshConfig. Names as Envoy's enum spells them ("TLSv1_3", "TLS_AUTO"). */
struct plan_tls {
    struct str min, max;
    struct strs cipher_suites, ecdh_curves;
};

/* Whom every inbound HTTP request is shown before it goes on. */
struct plan_authz {
    struct plan_outside server;
    struct str stat_prefix;
    int64_t timeout_ns;
    bool failure_mode_allow; /* an answer that does not come counts as yes */
};
struct plan_tracing {
    struct plan_outside collector;
    bool otlp;           /* OTLP by gRPC, else Zipkin's JSON by HTTP */
    struct str endpoint; /* Zipkin: path at the collector */
    int64_t sampling;    /* in 10,000 requests */
};
/* What is written about every call. */
struct plan_log {
    struct str text, json;         /* Envoy's format as text or as a JSON text; both empty: the standard fields */
    struct plan_outside collector; /* OpenTelemetry, beside standard output */
    struct kvs attributes;
    struct str origin; /* the Telemetry */
};
/* What a proxy does at every hop, whatever the call: what it writes, whom it asks. Key: plan_view.log. Outbound plans
 * leave it out, so that callers of equal reach share clusters, routes and endpoints whatever they log. */
struct plan_hop {
    struct plan_log log;
    struct plan_tracing tracing;
    struct plan_authz authz;
    bool health_checks; /* answer the checks of callers' proxies */
    bool no_stats;      /* osm_request_* and osm_tcp_* are not counted */
};

struct plan_cluster {
    struct str name;   /* "ns/svc|<port>": the Service's port for addresses, its target port for headless */
    struct str sni;    /* "svc.ns.svc.cluster.local" */
    struct strs sans;  /* SPIFFE ids that may answer; never empty: with no pod behind the Service it is one that
                        * nobody is ever issued */
    bool original_dst; /* headless: the address the client dialled; else EDS with cluster name = CLA name */
    int64_t protocol;  /* enum plan_protocol */
    struct plan_connection connection;
    struct plan_balance balance;
    struct str origin;
};
struct plan_weight {
    struct str cluster;
    int64_t weight; /* > 0 */
};
struct plan_route_config {             /* outbound HTTP: one virtual host "*", all paths, weighted */
    struct str name;                   /* "rds-outbound|ns/svc|<port>" */
    LIST(struct plan_weight) clusters; /* empty and nothing denied: 503 with details no_backend */
    int64_t denied; /* weight, on the same scale, of a split's backends that the caller may not reach: their
                     * share of the calls is answered with 403, details no_policy. Added to the sum of weights */
    struct plan_timeouts timeouts;
    struct plan_retry *retry; /* NULL: calls are not repeated */
    struct str origin;
};
struct plan_listener { /* unbound, chosen by original destination */
    struct str name;   /* "out|<address>|<port>" */
    struct str address;
    int64_t port;
    int64_t protocol;
    struct str route_config;           /* HTTP, GRPC */
    LIST(struct plan_weight) clusters; /* TCP: same meaning as in a route; empty: closed */
    int64_t denied;                    /* TCP: weight of connections that are closed; as in a route */
    bool passthrough;   /* a Service outside the mesh: protocol is PLAN_TCP and the connection goes on unchanged to
                         * where it was bound, as egress does (only given while egress is on) */
    int64_t idle_ns;    /* TCP: a connection silent for so long is closed; 0: never */
    struct str service; /* "ns/svc", for logs and statistics */
    struct str origin;
};
/* Outbound side of one Service for one reach. Key "ns/svc|<reach>" (plan/reach.h): reach is "*" (permissive: every
 * account behind the Service), "-" (the Service is outside the mesh), or the destination accounts that the caller may
 * reach, each with what it may do there, in byte order joined by ',': "ns/sa:h" HTTP, "ns/sa:t" TCP, "ns/sa:t3306.5432"
 * TCP to these target ports, "ns/sa:h+t" both. A cluster stands in its own Service's value only, also when another
 * Service's split names it.
 *
 * With a third half, "ns/svc|<reach>|<retry>" (plan/retry.h): the same Service's route configurations alone, for
 * callers that repeat their calls to it. They stand in a part of their own in front of the one that has the rest. */
struct plan_outbound {
    LIST(struct plan_listener) listeners;
    LIST(struct plan_route_config) routes;
    LIST(struct plan_cluster) clusters;
    bool health_checks; /* proxies ask the pods whether they answer */
    struct plan_tls tls;
};

struct plan_endpoint {
    struct str address;
    int64_t port;
    struct str pod;      /* "ns/name", endpoint metadata for statistics */
    struct str workload; /* kind/name of the owner, likewise */
    struct str zone;     /* where callers prefer their own; else empty */
};
struct plan_assignment {
    struct str cluster;
    LIST(struct plan_endpoint) endpoints; /* by (address, port); may be empty */
    struct str origin;
};
struct plan_endpoints {                       /* same key as plan_outbound */
    LIST(struct plan_assignment) assignments; /* one per EDS cluster */
};

struct plan_header { /* whole-value RE2 match; name in lower case; "host" means :authority */
    struct str name, regex;
};
extern const struct table plan_header_table;
/* One SMI match of one rule, as it stands at the server. Additive: any rule that fits allows. */
struct plan_rule {
    struct str name;                  /* unique in its chain and stable: "<ns>/<target>/<group>/<match>" */
    struct strs principals;           /* SPIFFE ids; empty: nobody (never any) */
    bool any_principal;               /* permissive: every certificate of the mesh */
    struct str path_regex;            /* whole path without query; empty: any */
    struct strs methods;              /* empty: any */
    LIST(struct plan_header) headers; /* all must match */
    struct str origin;
};
struct plan_chain {
    struct str name;        /* "in|ns/svc|<target port>" */
    int64_t port;           /* target port: the pod's */
    struct str server_name; /* SNI of the Service; one chain per (Service, target port) */
    int64_t protocol;
    struct str route_config;      /* HTTP, GRPC: "rds-inbound|ns/svc|<target port>" */
    LIST(struct plan_rule) rules; /* HTTP: RBAC of the route configuration; empty: deny all */
    bool tcp_any;                 /* TCP: every certificate of the mesh (permissive) */
    struct strs tcp_principals;   /* TCP: SPIFFE ids; empty and not tcp_any: there is no chain at all */
    struct str local_cluster;     /* "ns/svc|<target port>|local" → 127.0.0.1:<target port> */
    bool denied; /* a setting that is not enforced yet would forbid (external authorization): deny all */
    struct plan_limits limits;
    struct str service; /* "ns/svc" */
    struct str origin;
};
/* What clients outside the mesh may call: one port of the workload's pods, opened by an IngressBackend. */
struct plan_ingress {
    struct str name;          /* "ingress|ns/svc|<target port>" */
    int64_t port;             /* target port; one entry per port */
    struct strs ranges;       /* callers' addresses, CIDRs that do not repeat; empty only with any_address */
    bool any_address;         /* callers are known by certificate alone */
    bool tls;                 /* the workload's certificate is shown; else plain HTTP */
    bool any_client;          /* tls: no certificate is asked for */
    bool grpc;                /* the Service's port is */
    struct strs server_names; /* tls: SNI, lower case, "*.domain" too; empty: any and none */
    struct strs principals;   /* tls without any_client: SANs that may call, a URI or a DNS name; never empty */
    struct str route_config;  /* "rds-ingress|ns/svc|<target port>" */
    struct str local_cluster; /* the mesh chains' own: "ns/svc|<target port>|local" */
    bool denied;              /* as in a chain */
    struct plan_limits limits;
    struct str service, origin;
};
/* Is |name|, in lower case, one of |server_names|? "*.domain" stands for all names below it. */
bool plan_is_named(struct strs server_names, struct str name);
/* Key: the workload (mesh/workload.h). */
struct plan_inbound {
    LIST(struct plan_chain) chains;
    LIST(struct plan_ingress) ingress;  /* by port */
    LIST(struct plan_outside) counters; /* services that count for all proxies, by cluster */
    struct plan_tls tls;
};

/* What every proxy has: the capture listener and its way out. Key "". */
struct plan_base {
    bool egress; /* pass unknown destinations through */
    struct strs
        closed_ranges; /* CIDRs of Services and pods: closed with access-log detail no_policy, egress on or off */
    struct plan_tls tls;
};

/* What account "ns/sa" may reach in SMI mode. */
struct plan_reach {
    struct str part;  /* "out:<hash of keys>": the part that callers of equal reach share */
    struct strs keys; /* of plan_outbound, in byte order; the members of that set */
};

/* What a workload's proxies see. Key: the workload. */
struct plan_view {
    struct strs parts; /* "base", "in:<workload>", perhaps plan_retries' part, "out:*" or plan_reach.part, "out:-",
                        * plan_egress_part if any. Of resources with one name in several parts the first holds */
    struct str log;    /* the Telemetry that rules, "ns/name"; empty: the mesh's */
};
/* All parts of a view, in |a|. Beside each "out:X", which has clusters, routes and endpoints, stands "ear:X" with the
 * listeners to them: these differ by what is logged, so another Telemetry than the mesh's has "ear:X|ns/name" and
 * "base|ns/name". The parts "out:", "ear:" and "base|" hold the members of the sets of the same name. */
struct strs plan_view_parts(struct arena *a, const struct plan_view *v);
/* "ns/svc|<reach>" of a member of an "ear:" set; |*log| gets its Telemetry. Both point into |member|. */
struct str plan_ear_outbound(struct str member, struct str *log);

extern const struct cell_kind plan_outbound_cell, plan_endpoints_cell, plan_inbound_cell, plan_base_cell,
    plan_view_cell, plan_hop_cell;
/* Observed once per Service (key "ns/svc"); in permissive mode contributes "ns/svc|*" to the set "out:*"; for a Service
 * outside the mesh, while egress is on, "ns/svc|-" to the set "out:-", in both modes. Value: struct plan_member. */
struct plan_member {
    struct str key; /* of plan_outbound; absent when it contributes nothing */
};
extern const struct cell_kind plan_member_cell;
/* Read by plan_view_cell in SMI mode (key "ns/sa" of the caller): contributes the outbound keys the account may
 * reach to the set "out:<hash of the reach>", so that callers with equal reach share the part. */
extern const struct cell_kind plan_reach_cell;
/* The same for the listeners: key "ns/sa" of the caller, or "ns/sa|<Telemetry>". Value: struct plan_reach. */
extern const struct cell_kind plan_ear_cell;

/* Likewise, key "ns/sa" of the caller: the outbound keys of what it repeats, in the set "out:~<hash>"; absent when it
 * repeats nothing. Value: struct plan_reach. */
extern const struct cell_kind plan_retries_cell;

const struct plan_outbound *plan_outbound(struct cell *c, struct str key);
const struct plan_endpoints *plan_endpoints(struct cell *c, struct str key);
const struct plan_inbound *plan_inbound(struct cell *c, struct str workload);
const struct plan_base *plan_base(struct cell *c);
const struct plan_hop *plan_hop(struct cell *c, struct str log); /* never NULL */
/* plan_view.log of a workload. */
struct str plan_log_of(struct cell *c, struct arena *a, struct str workload);
const struct plan_reach *plan_reach(struct cell *c, struct str account);

extern const struct table plan_outbound_table, plan_endpoints_table, plan_inbound_table, plan_base_table,
    plan_view_table, plan_reach_table, plan_member_table, plan_hop_table;
