/* controller.h - the control plane as a process: builds the rooms, owns the loop, ends cleanly. */
#pragma once
#include "base/err.h"

enum sidecar_order { SIDECAR_AUTO, SIDECAR_NATIVE, SIDECAR_CLASSIC };

struct controller_options {
    const char *dirs[3];     /* folders of objects in rising precedence, NULL-ended; none: a Kubernetes API */
    const char *kubeconfig;  /* NULL: the pod's own service account */
    const char *context;     /* of the kubeconfig; NULL: its current-context */
    const char *system_ns;   /* where the MeshConfig is */
    const char *mesh;        /* the value of the label monitored-by that means us */
    const char *state_dir;   /* CA, last good texts; made 0700 */
    const char *tokens_dir;  /* identity/token.h */
    const char *secrets_dir; /* Secrets that the controller makes, as object files; NULL: none are made */
    const char *api_socket;  /* Unix socket of the verbs, 0600 */
    const char *address;     /* numeric, for PORT_XDS and PORT_CONTROLLER_HTTP */
    int port;                /* of xDS and certificates */
    int http_port;           /* health, metrics */
    const char *pod_range, *service_range; /* "10.0.0.0/8,fd00::/8"; NULL: what the Kubernetes API says */
    const char *trust_domain;
    /* On Kubernetes alone. */
    const char *ca_secret;                       /* in the system namespace: identity/ca_secret.h */
    const char *mutating_name, *validating_name; /* of the webhook configurations */
    const char *sidecar_image;                   /* where the MeshConfig names none; may be empty */
    const char *sidecar_controller;              /* "host:port" that sidecars call; NULL: the Service osm-controller */
    enum sidecar_order sidecar_order;            /* auto: by the API server's version */
    int inject_port, validate_port;
    int threads;            /* I/O threads of the xDS server */
    int64_t validity_min_s; /* hidden: tests go below 10 minutes */
};

/* Runs until SIGTERM or SIGINT. False with err when it cannot start. */
MUST bool controller_run(const struct controller_options *opt, struct err *err);
