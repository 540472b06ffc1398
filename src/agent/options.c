#include "agent/options.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/argv.h"
#include "base/field.h"
#include "base/names.h"

enum { OPT_CONTROLLER = 256, OPT_TOKEN, OPT_TRUST, OPT_DRAIN, OPT_ENVOY, OPT_DIR, OPT_BUNDLE, OPT_LAST = OPT_BUNDLE };
enum { DRAIN_DEFAULT_S = 5, BUNDLE_EVERY_S = 300 };

static const struct argp_option options[] = {
    {"controller", OPT_CONTROLLER, "HOST:PORT", 0, "the control plane", 0},
    {"token", OPT_TOKEN, "FILE", 0, "the pod's projected token (default " DIR_TOKEN "/token)", 0},
    {"trust", OPT_TRUST, "DIR", 0, "holds ca.pem, the mesh's roots (default " DIR_TRUST ")", 0},
    {"drain", OPT_DRAIN, "DURATION", 0, "from SIGTERM to the end of Envoy (default 5s)", 0},
    {"envoy", OPT_ENVOY, "PATH", 0, "the Envoy program (default: env ENVOY, or envoy in PATH)", 0},
    {"dir", OPT_DIR, "DIR", OPTION_HIDDEN, NULL, 0},
    {"bundle-every", OPT_BUNDLE, "DURATION", OPTION_HIDDEN, NULL, 0},
    {0},
};

static bool duration(struct argp_state *state, const char *text, int64_t *ns)
{
    if (duration_parse(str_of(text), ns)) return true;
    argp_failure(state, 2, 0, "'%s' is not a duration (5s, 1m30s)", text);
    return false;
}

static error_t on_option(int key, char *text, struct argp_state *state)
{
    struct agent_options *o = state->input;
    int64_t ns = 0;
    switch (key) {
    case OPT_CONTROLLER:
        o->controller = text;
        return 0;
    case OPT_TOKEN:
        o->token_file = text;
        return 0;
    case OPT_TRUST:
        o->trust_dir = text;
        return 0;
    case OPT_ENVOY:
        o->envoy = text;
        return 0;
    case OPT_DIR:
        o->dir = text;
        return 0;
    case OPT_DRAIN:
        return duration(state, text, &o->drain_ns) ? 0 : EINVAL;
    case OPT_BUNDLE:
        if (duration(state, text, &ns)) o->bundle_every_s = ns / 1000000000;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", text);
        return EINVAL;
    case ARGP_KEY_END:
        if (!o->controller) argp_error(state, "--controller HOST:PORT is needed");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static struct str env(const char *name)
{
    const char *v = getenv(name);
    return str_of(v ? v : "");
}

static const char *env_or(const char *name, const char *other)
{
    const char *v = getenv(name);
    return v && *v ? v : other;
}

static void from_environment(struct agent_options *o)
{
    o->uid = env("POD_UID");
    o->pod = env("POD_NAME");
    o->ns = env("POD_NAMESPACE");
    o->ip = env("POD_IP");
    o->sa = env("SERVICE_ACCOUNT");
    o->workload_kind = env("WORKLOAD_KIND");
    o->workload_name = env("WORKLOAD_NAME");
    o->zone = env("OSM_ZONE");
    o->probes = getenv("OSM_PROBES");
    o->envoy_log_level = env_or("OSM_ENVOY_LOG_LEVEL", "warn");
    o->envoy = env_or("ENVOY", "envoy");
    o->listen = str_find(o->ip, ':') >= 0 ? "::" : "0.0.0.0";
}

/* Kubernetes leaves spec.serviceAccountName to its default. */
static bool check(struct agent_options *o, int *code)
{
    static const char *const names[] = {"POD_UID", "POD_NAME", "POD_NAMESPACE"};
    const struct str values[] = {o->uid, o->pod, o->ns};
    if (str_empty(o->sa)) o->sa = S("default");
    for (size_t i = 0; i < 3; i++) {
        if (!str_empty(values[i])) continue;
        fprintf(stderr, "osm agent: the environment has no %s; the injector sets it\n", names[i]);
        *code = 2;
        return false;
    }
    return true;
}

bool agent_options_parse(int argc, char **argv, struct agent_options *out, int *code)
{
    static const struct argp argp = {
        .options = options,
        .parser = on_option,
        .doc = "The sidecar's first process: gets the pod's certificate, runs Envoy, renews, answers probes, drains.\v"
               "Example:\n  osm agent --controller 10.244.0.1:15128 --drain 5s\n",
    };
    *out = (struct agent_options){
        .token_file = DIR_TOKEN "/token",
        .trust_dir = DIR_TRUST,
        .dir = DIR_SIDECAR,
        .drain_ns = (int64_t)DRAIN_DEFAULT_S * 1000000000,
        .bundle_every_s = BUNDLE_EVERY_S,
    };
    from_environment(out);
    argv_prepare(argc, argv, "osm agent");
    *code = 2;
    return argp_parse(&argp, argc, argv, 0, NULL, out) == 0 && check(out, code);
}

const char *agent_path(const struct agent_options *o, struct arena *a, const char *standard)
{
    return str_fmt(a, "%s%s", o->dir, strrchr(standard, '/')).p;
}
