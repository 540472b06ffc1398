/* platform.h - what the platform under the mesh fixes: given once at start, an input of the sheet. */
#pragma once
#include "sheet/sheet.h"

struct mesh_platform {
    struct strs service_ranges, pod_ranges; /* CIDRs: never passed through by a proxy */
    struct str trust_domain;
    struct str system_ns; /* where the MeshConfig is */
    struct str mesh;      /* value of the monitored-by label that means us */
    bool is_closed;       /* without a MeshConfig: SMI policy and no egress, instead of the installed defaults */
};
extern const struct cell_kind mesh_platform_cell; /* input, key "" */
extern const struct table mesh_platform_table;

/* The defaults of one machine: 10.96.0.0/12, 10.244.0.0/16, cluster.local, osm-system, osm. */
extern const struct mesh_platform mesh_platform_local;
/* Makes |p| the input; copies it. */
void mesh_platform_set(struct sheet *s, const struct mesh_platform *p);
/* Never NULL: mesh_platform_local until it is set. */
const struct mesh_platform *mesh_platform(struct cell *c);
/* The SPIFFE id of account "ns/sa". */
struct str mesh_spiffe(struct cell *c, struct arena *a, struct str account);
