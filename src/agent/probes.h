/* probes.h - the application's probes and HTTP hooks, carried out by the sidecar.
 *
 * The node has no certificate of the mesh, so the injector points every http, https, tcp and grpc probe at the agent
 * (GET /osm-<type>-probe/<container> on ports 15901-15903; lifecycle hooks: /osm-<type>-hook/<container>/<key> on
 * 15904) and leaves the original in OSM_PROBES:
 *   [{"container": "web", "type": "liveness|readiness|startup|post-start|pre-stop", "kind": "http|https|tcp|grpc",
 * "port": 8080, "path": "/healthz", "host": "…", "headers": [{"name": "…", "value": "…"}], "service": "…", "timeout":
 * 1}] The rules are the kubelet's: 200-399 is success, https takes any certificate, grpc wants SERVING. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

enum probe_type { PROBE_LIVENESS, PROBE_READINESS, PROBE_STARTUP, PROBE_POST_START, PROBE_PRE_STOP };
enum probe_kind { PROBE_HTTP, PROBE_HTTPS, PROBE_TCP, PROBE_GRPC };
enum { PROBES_MAX_JSON = 262144 };

struct probe {
    struct str container;
    enum probe_type type;
    enum probe_kind kind;
    uint16_t port;
    struct str path;     /* with query, begins with '/' */
    struct strs headers; /* "Name: value" */
    struct str service;  /* grpc */
    struct str key;      /* of a hook: the end of its path, which others cannot guess; may be empty */
    int64_t timeout_s;   /* at least 1 */
};
struct probes {
    struct probe *v;
    size_t n;
};
/* Strings live in |a|. NULL or empty text: no probes. */
MUST bool probes_parse(struct arena *a, const char *json, struct probes *out, struct err *err);
/* The probe or hook of a path "/osm-liveness-probe/<container>", or NULL. */
const struct probe *probes_find(const struct probes *p, struct str path);

/* ---- carrying one out ---- */
struct event_base;
struct http_client;
struct probe_run;
struct probe_outcome {
    bool ok;
    int status; /* what to answer: 200, the application's own when it is 400 or more, or 503 */
    const char *text;
};
/* |done| runs once, on the loop, never from within; |host| is the pod's address, for the Host header. */
struct probe_run *probe_start(struct event_base *base, struct http_client *http, const struct probe *p, struct str host,
                              void (*done)(void *arg, const struct probe_outcome *out), void *arg);
/* |done| will not run. */
void probe_cancel(struct probe_run *r);

/* gRPC health checking's messages, framed: the request for |service|, and whether an answer says SERVING. The latter
 * is for untrusted bytes. */
struct str probe_grpc_request(struct arena *a, struct str service);
bool probe_grpc_is_serving(struct str body);
