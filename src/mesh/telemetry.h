/* telemetry.h - what is written about calls: which Telemetry rules a pod, and what it says.
 *
 * Of a pod's own namespace the oldest Telemetry whose selector fits its labels rules, else the oldest without a
 * selector; else the oldest without a selector in the system namespace, which is the mesh's. A Telemetry without
 * accessLog says nothing and counts as absent. */
#pragma once
#include "mesh/workload.h"

/* What one Telemetry says, with what it names resolved. */
struct mesh_log {
    struct str title;
    struct str text, json;    /* Envoy's format as text that ends its line, or a JSON text; both empty: the standard */
    struct str collector;     /* host of the OpenTelemetry collector, spoken to by gRPC in clear text; empty: none */
    int64_t port, timeout_ns; /* to connect; 0: Envoy's own */
    struct kvs attributes;
    struct mesh_diags diags;
};
extern const struct table mesh_log_table;
extern const struct cell_kind mesh_log_cell; /* key "ns/name"; absent without accessLog */
const struct mesh_log *mesh_log(struct cell *c, struct str key);

/* The Telemetries of one namespace that say something. */
struct mesh_log_choice {
    struct str name;
    struct kvs selector; /* not empty */
};
struct mesh_log_choices {
    LIST(struct mesh_log_choice) selecting; /* oldest first */
    struct strs plain;                      /* names of those without selector; the first rules */
};
extern const struct table mesh_log_choices_table;
extern const struct cell_kind mesh_log_choices_cell; /* key: the namespace */
const struct mesh_log_choices *mesh_log_choices(struct cell *c, struct str ns);

/* Name of the Telemetry that chooses a pod of |ns| by these labels, or STR_NULL: part of what makes a workload. */
struct str mesh_telemetry_of_labels(struct cell *c, struct str ns, struct kvs labels);
/* "ns/name" of the Telemetry that rules a workload; empty: the mesh's. */
struct str mesh_workload_telemetry(struct cell *c, struct arena *a, const struct workload *w);
/* "ns/name" of the mesh's own, or STR_NULL. */
struct str mesh_default_telemetry(struct cell *c, struct arena *a);

/* All that may rule somebody instead of the mesh's, "ns/name" in byte order. */
struct mesh_telemetries {
    struct strs keys;
};
extern const struct table mesh_telemetries_table;
extern const struct cell_kind mesh_telemetries_cell; /* key "" */
const struct mesh_telemetries *mesh_telemetries(struct cell *c);

/* The diagnostics of one Telemetry: its own, and those of older ones that rule in its stead. */
void mesh_telemetry_diags(struct cell *c, struct arena *a, const struct object *o, struct mesh_diags *out);
