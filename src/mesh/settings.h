/* settings.h - the MeshConfig as the mesh obeys it: defaults of the installation applied, bad values replaced.
 * Includes no engine, so that the injector can read it. */
#pragma once
#include "mesh/diag.h"

struct mesh_tls {
    struct str min, max; /* as Envoy spells them */
    struct strs cipher_suites, ecdh_curves;
};
struct mesh_settings {
    bool permissive, egress;
    struct mesh_tls tls; /* between proxies */
    bool deny_inbound;   /* external authorization is asked for and not carried out yet: HTTP is denied */
    /* sidecars: of new pods */
    struct str log_level, local_proxy_mode, image, init_image;
    bool privileged_init;
    json_t *resources; /* owned by the value; NULL: none */
    struct strs outbound_ranges, outbound_include_ranges, interfaces;
    struct ints outbound_ports, inbound_ports;
    int64_t max_proxies; /* per controller; 0: no limit */
    /* certificates */
    int64_t certificate_ns; /* lifetime of a workload's certificate in nanoseconds */
    int64_t ca_key_bits;
    /* the controller itself */
    struct str controller_log_level;
    bool debug_server;
    struct mesh_diags diags;
};
extern const struct table mesh_settings_table;
extern const struct cell_kind mesh_settings_cell; /* key "" */

/* Never NULL. Reads MeshConfig <system namespace>/osm-mesh-config. */
const struct mesh_settings *mesh_settings(struct cell *c);
/* The same of a given object; |o| NULL: no MeshConfig, the installation's defaults. Borrows from |o|. */
void mesh_settings_of(const struct object *o, struct arena *a, struct mesh_settings *out);
