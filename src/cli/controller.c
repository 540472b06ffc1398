/* osm controller: the control plane; started by `osm local` and by the Deployment. */
#include "controller/controller.h"

#include <argp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/argv.h"
#include "base/field.h"
#include "base/log.h"
#include "base/names.h"
#include "cli/verb.h"

enum {
    OPT_STATE = 256,
    OPT_TOKENS,
    OPT_SECRETS,
    OPT_API,
    OPT_ADDRESS,
    OPT_PORT,
    OPT_HTTP,
    OPT_PODS,
    OPT_SERVICES,
    OPT_DOMAIN,
    OPT_THREADS,
    OPT_VALIDITY,
    OPT_KUBECONFIG,
    OPT_CONTEXT,
    OPT_NAMESPACE,
    OPT_MESH,
    OPT_CA_SECRET,
    OPT_MUTATING,
    OPT_VALIDATING,
    OPT_SIDECAR_IMAGE,
    OPT_SIDECAR_CONTROLLER,
    OPT_ORDER,
    OPT_INJECT_PORT,
    OPT_VALIDATE_PORT
};

static const struct argp_option options[] = {
    {"dir", 'd', "DIR", 0, "Folder of objects instead of a Kubernetes API; given again, later ones win", 0},
    {"kubeconfig", OPT_KUBECONFIG, "FILE", 0, "The Kubernetes API, for a controller that is no pod of it", 0},
    {"context", OPT_CONTEXT, "NAME", 0, "Context of the kubeconfig (its current-context)", 0},
    {"osm-namespace", OPT_NAMESPACE, "NAME", 0, "Namespace of the MeshConfig (osm-system)", 0},
    {"mesh-name", OPT_MESH, "NAME", 0, "Name of the mesh (osm)", 0},
    {"ca-bundle-secret-name", OPT_CA_SECRET, "NAME", 0, "Secret of the built-in CA (osm-ca-bundle)", 0},
    {"webhook-config-name", OPT_MUTATING, "NAME", 0, "MutatingWebhookConfiguration (osm-webhook-osm)", 0},
    {"validator-webhook-config", OPT_VALIDATING, "NAME", 0, "ValidatingWebhookConfiguration (osm-validator-mesh-osm)",
     0},
    {"sidecar-image", OPT_SIDECAR_IMAGE, "REF", 0, "Image of sidecars where the MeshConfig names none", 0},
    {"sidecar-controller", OPT_SIDECAR_CONTROLLER, "HOST:PORT", 0,
     "Where sidecars find the controller (the Service osm-controller)", 0},
    {"sidecar-order", OPT_ORDER, "WORD", 0,
     "native, classic (a sidecar is an ordinary container), or auto: by the server's version (auto)", 0},
    {"inject-port", OPT_INJECT_PORT, "N", 0, "Port of the injection webhook (9090)", 0},
    {"validate-port", OPT_VALIDATE_PORT, "N", 0, "Port of the validation webhook (9093)", 0},
    {"verbosity", 'v', "LEVEL", 0, "Of the log until a MeshConfig says otherwise: error, warn, info, debug, trace", 0},
    {"state", OPT_STATE, "DIR", 0, "Folder for the CA and the last good texts", 0},
    {"tokens", OPT_TOKENS, "DIR", 0, "Folder of the platform's token records (tokens in the state folder)", 0},
    {"secrets", OPT_SECRETS, "DIR", 0, "Folder for the Secrets that it makes; none are made without", 0},
    {"api", OPT_API, "SOCKET", 0, "Unix socket for the verbs (api.sock in the state folder)", 0},
    {"address", OPT_ADDRESS, "IP", 0, "Address to listen on (0.0.0.0; with --dir 127.0.0.1)", 0},
    {"port", OPT_PORT, "N", 0, "Port of xDS and certificates (15128)", 0},
    {"http-port", OPT_HTTP, "N", 0, "Port of health and metrics (9091)", 0},
    {"pod-range", OPT_PODS, "CIDR", 0,
     "Addresses of pods, separated by commas (what Nodes say; with --dir 10.244.0.0/16)", 0},
    {"service-range", OPT_SERVICES, "CIDR", 0,
     "Addresses of Services, separated by commas (what ServiceCIDRs say; with --dir 10.96.0.0/12)", 0},
    {"trust-domain", OPT_DOMAIN, "NAME", 0, "Trust domain (cluster.local)", 0},
    {"threads", OPT_THREADS, "N", 0, "I/O threads (2)", 0},
    {"min-validity", OPT_VALIDITY, "DURATION", OPTION_HIDDEN, "Shortest certificate life, for tests", 0},
    {0},
};

static int parse_number(const char *arg, int max, struct argp_state *state)
{
    int64_t n = 0;
    if (!str_to_i64(str_of(arg), 0, max, &n)) argp_error(state, "'%s' is not a number from 0 to %d", arg, max);
    return (int)n;
}

static void add_dir(struct controller_options *o, char *arg, struct argp_state *state)
{
    size_t i = 0;
    while (i < 2 && o->dirs[i]) i++;
    if (o->dirs[i]) argp_error(state, "more than two folders");
    o->dirs[i] = arg;
}

static enum sidecar_order parse_order(const char *arg, struct argp_state *state)
{
    static const char *const words[] = {"auto", "native", "classic"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(arg, words[i]) == 0) return (enum sidecar_order)i;
    argp_error(state, "'%s' is not auto, native or classic", arg);
    return SIDECAR_AUTO;
}

/* A name that goes into paths of the API. */
static const char *parse_name(const char *arg, struct argp_state *state)
{
    if (!is_dns_label(str_of(arg))) argp_error(state, "'%s' is not a name", arg);
    return arg;
}

static error_t parse_cluster(int key, char *arg, struct argp_state *state)
{
    struct controller_options *o = state->input;
    switch (key) {
    case OPT_CA_SECRET:
        o->ca_secret = arg;
        return 0;
    case OPT_MUTATING:
        o->mutating_name = arg;
        return 0;
    case OPT_VALIDATING:
        o->validating_name = arg;
        return 0;
    case OPT_SIDECAR_IMAGE:
        o->sidecar_image = arg;
        return 0;
    case OPT_SIDECAR_CONTROLLER:
        o->sidecar_controller = arg;
        return 0;
    case OPT_ORDER:
        o->sidecar_order = parse_order(arg, state);
        return 0;
    case OPT_INJECT_PORT:
        o->inject_port = parse_number(arg, 65535, state);
        return 0;
    case OPT_VALIDATE_PORT:
        o->validate_port = parse_number(arg, 65535, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_kubernetes(int key, char *arg, struct argp_state *state)
{
    struct controller_options *o = state->input;
    enum log_level level;
    switch (key) {
    case OPT_KUBECONFIG:
        o->kubeconfig = arg;
        return 0;
    case OPT_CONTEXT:
        o->context = arg;
        return 0;
    case OPT_NAMESPACE:
        o->system_ns = parse_name(arg, state);
        return 0;
    case OPT_MESH:
        o->mesh = parse_name(arg, state);
        return 0;
    case 'v':
        if (!log_level_parse(str_of(arg), &level)) argp_error(state, "'%s' is no level of the log", arg);
        log_set_level(level);
        return 0;
    default:
        return parse_cluster(key, arg, state);
    }
}

/* What was not given. */
static void finish(struct controller_options *o, struct argp_state *state)
{
    bool is_local = o->dirs[0] != NULL;
    if (!o->state_dir) argp_error(state, "--state is needed");
    if (is_local && (o->kubeconfig || o->context)) argp_error(state, "--dir does not go with --kubeconfig, --context");
    if (o->context && !o->kubeconfig) argp_error(state, "--context needs --kubeconfig");
    static char tokens[PATH_MAX], socket[PATH_MAX];
    snprintf(tokens, sizeof tokens, "%s/tokens", o->state_dir);
    snprintf(socket, sizeof socket, "%s/api.sock", o->state_dir);
    if (!o->tokens_dir) o->tokens_dir = tokens;
    if (!o->api_socket) o->api_socket = socket;
    if (!o->address) o->address = is_local ? "127.0.0.1" : "0.0.0.0";
    if (is_local && !o->pod_range) o->pod_range = "10.244.0.0/16";
    if (is_local && !o->service_range) o->service_range = "10.96.0.0/12";
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct controller_options *o = state->input;
    int64_t ns;
    switch (key) {
    case 'd':
        add_dir(o, arg, state);
        return 0;
    case OPT_STATE:
        o->state_dir = arg;
        return 0;
    case OPT_TOKENS:
        o->tokens_dir = arg;
        return 0;
    case OPT_SECRETS:
        o->secrets_dir = arg;
        return 0;
    case OPT_API:
        o->api_socket = arg;
        return 0;
    case OPT_ADDRESS:
        o->address = arg;
        return 0;
    case OPT_PORT:
        o->port = parse_number(arg, 65535, state);
        return 0;
    case OPT_HTTP:
        o->http_port = parse_number(arg, 65535, state);
        return 0;
    case OPT_PODS:
        o->pod_range = arg;
        return 0;
    case OPT_SERVICES:
        o->service_range = arg;
        return 0;
    case OPT_DOMAIN:
        o->trust_domain = arg;
        return 0;
    case OPT_THREADS:
        o->threads = parse_number(arg, 64, state);
        return 0;
    case OPT_VALIDITY:
        if (!duration_parse(str_of(arg), &ns)) argp_error(state, "'%s' is no duration", arg);
        o->validity_min_s = ns / 1000000000;
        return 0;
    case ARGP_KEY_END:
        finish(o, state);
        return 0;
    default:
        return parse_kubernetes(key, arg, state);
    }
}

int verb_controller(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     NULL,
                                     "The control plane. People start it by `osm local up`, or install it into a "
                                     "cluster: then its objects come from "
                                     "the Kubernetes API, of the pod's own cluster or of a kubeconfig.\v"
                                     "Example:\n  osm controller --kubeconfig ~/.kube/config --state /tmp/osm\n",
                                     NULL,
                                     NULL,
                                     NULL};
    struct controller_options o = {.port = PORT_XDS,
                                   .http_port = PORT_CONTROLLER_HTTP,
                                   .system_ns = NAME_SYSTEM_NAMESPACE,
                                   .mesh = NAME_MESH,
                                   .trust_domain = NAME_TRUST_DOMAIN,
                                   .ca_secret = "osm-ca-bundle",
                                   .mutating_name = "osm-webhook-osm",
                                   .validating_name = "osm-validator-mesh-osm",
                                   .inject_port = PORT_INJECTOR,
                                   .validate_port = PORT_VALIDATOR,
                                   .threads = 2};
    struct err err = {0};
    log_setup("controller", LOG_JSON, LOG_INFO);
    argv_prepare(argc, argv, "osm controller");
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (controller_run(&o, &err)) return 0;
    return verb_fail("the controller cannot run: %s", err.text);
}
