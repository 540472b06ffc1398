/* inject.h - which pods get a sidecar, and the patch that gives it to them.
 *
 * Pure: a pod as JSON in, a decision and an additive JSON Patch (RFC 6902) out. The admission webhook and the
 * local platform call the same functions. Names and ports are those of base/names.h. */
#pragma once
#include <jansson.h>

#include "base/err.h"
#include "base/field.h"

enum inject_action {
    INJECT_YES,
    INJECT_SKIP,   /* let the pod through unchanged */
    INJECT_REFUSE, /* do not create the pod: what its user wrote cannot be honoured */
};

struct inject_input {
    const json_t *pod;                    /* as submitted; may lack metadata.namespace and metadata.name */
    struct str ns;                        /* where the pod is created */
    bool ns_known;                        /* false: the namespace was not found; the pod is refused */
    struct kvs ns_labels, ns_annotations; /* sorted by key, as decoded */
    struct str mesh;                      /* value of the monitored-by label that means us; empty: NAME_MESH */
    struct str system_ns;                 /* empty: NAME_SYSTEM_NAMESPACE */
    struct str uuid;                      /* for the label osm-proxy-uuid; unused when the pod has one */
};

struct inject_decision {
    enum inject_action action;
    struct str reason; /* one sentence for the user; never empty */
};

/* What the mesh's settings say about sidecars. Everything is borrowed. */
struct inject_settings {
    struct str image;            /* sidecar; must not be empty */
    struct str init_image;       /* capture container; empty: image */
    struct str controller;       /* "host:port" of the controller; must not be empty */
    struct str log_level;        /* of Envoy; empty: "error" */
    struct str drain;            /* Go duration for `osm agent --drain`; empty: the agent's own default */
    struct str generation;       /* value of the proxy-generation annotation; must not be empty */
    struct str local_proxy_mode; /* "Localhost" or "PodIP"; empty: Localhost */
    bool privileged_init;
    /* The cluster knows no native sidecars (before 1.29): the sidecar is the first of the ordinary containers and holds
     * up the others until it is ready; init containers run before the pod's traffic is captured. */
    bool is_classic;
    const json_t *resources;                              /* ResourceRequirements of both containers, or NULL */
    struct ints outbound_ports, inbound_ports;            /* excluded from capture */
    struct strs outbound_ranges, outbound_include_ranges; /* CIDRs: excluded; the only ones captured (empty: all) */
    struct strs interfaces;                               /* excluded */
};

struct mesh_settings;
/* What |m| says, borrowed; |image| is the platform's, for a mesh that names none. The caller still sets controller,
 * generation and, if it wants, drain. */
struct inject_settings inject_settings_of(const struct mesh_settings *m, struct str image);

/* Text of the reason lives in |a|. Total: any JSON value is decided. */
struct inject_decision inject_decide(const struct inject_input *in, struct arena *a);

/* The patch for a pod that inject_decide said INJECT_YES to. |*patch| is a new array that the caller owns; it is
 * empty when nothing is missing. It adds, and replaces nothing but probes and our own annotations, so fields unknown
 * to us survive. A pod that is injected already (a copy made by `kubectl debug`) gets only what such a copy lost.
 * Fails when the pod cannot be honoured, with the sentence for its user; |a| is scratch. */
MUST bool inject_patch(const struct inject_input *in, const struct inject_settings *set, struct arena *a,
                       json_t **patch, struct err *err);

/* Why pods with a capture container cannot be made in a namespace with these labels: its pod security level refuses
 * NET_ADMIN (https://kubernetes.io/docs/concepts/security/pod-security-standards/). One sentence in |a| with the way
 * out; empty when it can. */
struct str inject_pod_security(struct str ns, struct kvs ns_labels, struct arena *a);

/* True when the pod carries our capture container and sidecar. */
bool inject_is_injected(const json_t *pod);

/* Carries out |patch| on |doc| in place: operations add, replace and test. Stops at the first one that does not
 * apply; |doc| is then partly changed. */
MUST bool patch_apply(json_t *doc, const json_t *patch, struct err *err);
