/* internal.h - what the files of inject/ share. */
#pragma once
#include "base/json.h"
#include "inject/inject.h"

/* metadata.annotations[key] of the pod, or STR_NULL. */
struct str inject_annotation(const json_t *pod, const char *key);
json_t *inject_string(struct str s);

/* enabled/yes/true → TRI_TRUE, disabled/no/false → TRI_FALSE in any case, absent (p == NULL) → TRI_UNSET. False for
 * anything else; |what| begins the sentence. */
MUST bool inject_switch(struct str value, const char *what, enum tri *out, struct err *err);

/* What is left to capture rules: the mesh's lists followed by the pod's own, without repetition. */
struct capture_lists {
    struct strs outbound_ports, inbound_ports, outbound_ranges, outbound_include_ranges;
};
/* |set| may be NULL: only the pod's annotations are checked and taken. */
MUST bool inject_lists(const json_t *pod, const struct inject_settings *set, struct arena *a, struct capture_lists *out,
                       struct err *err);

/* Appends {"op", "path", "value"}; takes over |value|. */
void inject_op(json_t *patch, const char *op, struct str path, json_t *value);

/* Rewrites every probe of spec.<list> so that the agent answers it, with operations added to |patch|; what each was
 * goes to the array |probes| (the agent's OSM_PROBES). |ports| gets bit 1 << type for every probe type met. */
void inject_probes(const struct inject_input *in, const char *list, json_t *patch, json_t *probes, unsigned *ports);
struct probe_type {
    const char *field, *name, *port_name; /* "livenessProbe", "liveness", "liveness-port" */
    int port;
};
enum { PROBE_TYPES = 3 };
extern const struct probe_type inject_probe_types[PROBE_TYPES];

/* The two containers and the volumes. New references. */
json_t *inject_capture_container(const struct inject_settings *set, const struct capture_lists *lists, struct arena *a);
json_t *inject_sidecar_container(const json_t *pod, const struct inject_settings *set, const json_t *probes,
                                 unsigned ports);
json_t *inject_sidecar_volumes(void);
