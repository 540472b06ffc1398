/* options.h - what `osm agent` is told: flags and the environment that the injector wrote. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct agent_options {
    const char *controller; /* "host:port" */
    const char *token_file;
    const char *trust_dir; /* holds ca.pem */
    const char *dir;       /* DIR_SIDECAR; another for tests */
    const char *envoy;     /* program */
    const char *envoy_log_level;
    const char *probes;              /* JSON, or NULL */
    int64_t drain_ns;                /* between SIGTERM and the end of Envoy */
    int64_t bundle_every_s;          /* between questions for the roots that the controller does not hold */
    struct str uid, pod, ns, ip, sa; /* of the pod */
    struct str workload_kind, workload_name;
    struct str zone;    /* where the pod is; may be empty */
    const char *listen; /* for probes and metrics: "0.0.0.0", "::" for an IPv6 pod */
};
/* Parses; prints help and errors itself. False: leave with |*code|. Strings are argv's and the environment's. */
MUST bool agent_options_parse(int argc, char **argv, struct agent_options *out, int *code);
/* "<dir>/<the last part of |standard|>": where a file of names.h is when the sidecar's directory is another. */
const char *agent_path(const struct agent_options *o, struct arena *a, const char *standard);
