/* osm controller: the control plane; started by `osm local` and by the Deployment. */
#include "controller/controller.h"

#include <argp.h>
#include <stdlib.h>

#include "base/field.h"
#include "base/log.h"
#include "base/names.h"
#include "cli/verb.h"

enum {
    OPT_STATE = 256,
    OPT_TOKENS,
    OPT_API,
    OPT_ADDRESS,
    OPT_PORT,
    OPT_HTTP,
    OPT_PODS,
    OPT_SERVICES,
    OPT_DOMAIN,
    OPT_THREADS,
    OPT_VALIDITY
};

static const struct argp_option options[] = {
    {"dir", 'd', "DIR", 0, "Folder of objects; given again, later ones win", 0},
    {"state", OPT_STATE, "DIR", 0, "Folder for the CA and the last good texts", 0},
    {"tokens", OPT_TOKENS, "DIR", 0, "Folder of the platform's token records", 0},
    {"api", OPT_API, "SOCKET", 0, "Unix socket for the verbs", 0},
    {"address", OPT_ADDRESS, "IP", 0, "Address to listen on (127.0.0.1)", 0},
    {"port", OPT_PORT, "N", 0, "Port of xDS and certificates (15128)", 0},
    {"http-port", OPT_HTTP, "N", 0, "Port of health and metrics (9091)", 0},
    {"pod-range", OPT_PODS, "CIDR", 0, "Addresses of pods", 0},
    {"service-range", OPT_SERVICES, "CIDR", 0, "Addresses of Services", 0},
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
        if (!o->dirs[0] || !o->state_dir || !o->tokens_dir || !o->api_socket)
            argp_error(state, "--dir, --state, --tokens and --api are needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int verb_controller(int argc, char **argv)
{
    static const struct argp argp = {options, parse, NULL, "The control plane. People start it by `osm local up`.",
                                     NULL,    NULL,  NULL};
    struct controller_options o = {.address = "127.0.0.1",
                                   .port = PORT_XDS,
                                   .http_port = PORT_CONTROLLER_HTTP,
                                   .pod_range = "10.244.0.0/16",
                                   .service_range = "10.96.0.0/12",
                                   .trust_domain = NAME_TRUST_DOMAIN,
                                   .threads = 2};
    struct err err = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    log_setup("controller", LOG_JSON, LOG_INFO);
    if (controller_run(&o, &err)) return 0;
    return verb_fail("the controller cannot run: %s", err.text);
}
