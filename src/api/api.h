/* api.h - what the controller answers: the verbs' API on a Unix socket, health and metrics on a TCP port.
 *
 *   GET /v1/status[?edges=1]   everything `osm status` shows; api/report.h has the shape
 *   GET /v1/check?source=NS/POD&destination=NS/POD[&port=N][&method=M][&path=P]
 *   GET /v1/ingress?from=ADDRESS|NS/SERVICE&pod=NS/POD|service=NS/SERVICE&port=N[&protocol=https][&principal=N][&sni=N]
 *   GET /v1/namespaces, GET /v1/mesh
 *   GET /health/ready, /health/alive, /healthz, /metrics, /version   (TCP)
 * On Kubernetes the verbs' API is also at 127.0.0.1:PORT_VERBS of the pod, where nobody is but who may forward its
 * ports. Errors are {"error": "one sentence"}. Owner thread. */
#pragma once
#include <event2/event.h>

#include "source/source.h"
#include "xds/xds.h"

/* Where objects come from, as far as it is to be told. */
struct api_source {
    struct source_problems (*problems)(void *arg);       /* as file_source_problems */
    struct str (*waits_for)(void *arg, struct arena *a); /* why it is not ready, a sentence; empty: it is */
    void *arg;
};

struct api;
struct api_options {
    struct api_source source;
    struct event_base *base;
    struct sheet *sheet;
    struct store *store;
    struct xds_server *xds;
    struct str roots; /* PEM, of the mesh's certificates; borrowed */
    /* Reads what waits to be read, computes and publishes it: answers never lag behind a saved file. */
    void (*settle)(void *arg);
    uint64_t (*revision)(void *arg);
    void *arg;
    const char *unix_path; /* the verbs */
    uint16_t verbs_port;   /* the same on 127.0.0.1; 0: not */
    const char *address;   /* health and metrics */
    uint16_t port;
};
MUST struct api *api_new(const struct api_options *opt, struct err *err);
/* Is /debug answered (api/debug.h)? NULL is fine. */
void api_set_debug(struct api *api, bool on);
/* NULL is fine. */
/* From now on it is not ready: /health/ready says that it is ending. */
void api_set_ending(struct api *api);
void api_free(struct api *api);
