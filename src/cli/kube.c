#include "cli/kube.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/api.h"

enum { OPT_KUBECONFIG = 0x700, OPT_CONTEXT };

static const struct argp_option options[] = {
    {"kubeconfig", OPT_KUBECONFIG, "FILE", 0, "Instead of $KUBECONFIG and ~/.kube/config", 0},
    {"context", OPT_CONTEXT, "NAME", 0, "Instead of the current context", 0},
    {NULL, 'h', NULL, OPTION_HIDDEN, NULL, 0}, /* argp knows -? and --help */
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct kube_place *p = state->input;
    switch (key) {
    case OPT_KUBECONFIG:
        p->kubeconfig = arg;
        return 0;
    case OPT_CONTEXT:
        p->context = arg;
        return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp kube_argp = {options, parse, NULL, NULL, NULL, NULL, NULL};

bool kube_place_is_local(const struct kube_place *p)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (p->kubeconfig || p->context) return false;
    return access(str_fmt(a, "%s/controller.sock", api_state_dir()).p, F_OK) == 0;
}

struct kube_client *kube_connect(const struct kube_place *p, struct arena *a, struct err *err)
{
    struct kube_config_options from = kube_config_options_of_env();
    struct kube_config config;
    from.kubeconfig = p->kubeconfig;
    from.context = p->context;
    if (!kube_config_load(&from, a, &config, err)) return NULL;
    return kube_client_new(NULL, &config, err);
}
