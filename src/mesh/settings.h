/* settings.h - the MeshConfig as the mesh obeys it: defaults of the installation applied, bad values replaced.
 * Includes no engine, so that the injector can read it. */
#pragma once
#include "mesh/diag.h"

struct mesh_tls {
    struct str min, max; /* as Envoy spells them */
    struct strs cipher_suites, ecdh_curves;
};
struct mesh_authz {
    struct str address; /* empty: nobody is asked */
    int64_t port;
    struct str stat_prefix;
    int64_t timeout_ns; /* > 0 */
    bool failure_mode_allow;
};
struct mesh_tracing {
    struct str address; /* empty: off */
    int64_t port;
    bool otlp;           /* else Zipkin's JSON */
    struct str endpoint; /* begins with '/' */
    int64_t sampling;    /* of 10,000 */
};
/* The certificate of an ingress gateway; |dns| empty: none is wanted. */
struct mesh_gateway {
    struct str dns;               /* its name */
    struct str secret_ns, secret; /* where it is put */
    int64_t validity_ns;
};
struct mesh_settings {
    bool permissive;
    bool egress;          /* everything outside the mesh may be called */
    bool egress_policies; /* Egress objects count; without meaning while |egress| */
    bool retry;           /* Retry policies hold */
    struct mesh_tls tls;  /* between proxies */
    struct mesh_authz authz;
    bool deny_inbound; /* external authorization is on and its settings cannot be used: HTTP is denied */
    struct mesh_tracing tracing;
    bool health_checks; /* proxies check the pods they call */
    bool no_stats;      /* request statistics are off */
    /* sidecars: of new pods */
    struct str log_level, local_proxy_mode, image, init_image;
    bool privileged_init;
    json_t *resources; /* owned by the value; NULL: none */
    struct strs outbound_ranges, outbound_include_ranges, interfaces;
    struct ints outbound_ports, inbound_ports;
    int64_t max_proxies; /* per controller; 0: no limit */
    /* certificates */
    int64_t certificate_ns; /* lifetime of a workload's certificate in nanoseconds */
    struct mesh_gateway gateway;
    /* the controller itself */
    struct str controller_log_level;
    bool debug_server;
    struct mesh_diags diags;
};
extern const struct table mesh_settings_table;
extern const struct cell_kind mesh_settings_cell; /* key "" */

/* Never NULL. Reads MeshConfig <system namespace>/osm-mesh-config. The sections "sidecars", "certificates", "the
 * controller itself" and diags are empty here: what no running proxy sees changes no cell that reads this. */
const struct mesh_settings *mesh_settings(struct cell *c);
/* With everything. */
const struct mesh_settings *mesh_settings_all(struct cell *c);
/* The same of a given object; |o| NULL: no MeshConfig, the installation's defaults. Borrows from |o|. */
void mesh_settings_of(const struct object *o, struct arena *a, struct mesh_settings *out);

/* A DNS name or an IP address? */
bool mesh_is_host(struct str s);
