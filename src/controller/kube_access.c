#include "controller/kube_access.h"

bool kube_access_open(struct kube_access *k, struct event_base *base, const struct controller_options *opt,
                      struct err *err)
{
    struct kube_config_options from = kube_config_options_of_env();
    from.kubeconfig = opt->kubeconfig;
    from.context = opt->context;
    k->arena = arena_new();
    bool ok = opt->kubeconfig ? kube_config_load(&from, k->arena, &k->config, err)
                              : kube_config_load_pod(&from, k->arena, &k->config, err);
    return ok && (k->client = kube_client_new(base, &k->config, err));
}

void kube_access_close(struct kube_access *k)
{
    kube_client_free(k->client);
    if (k->arena) arena_free(k->arena);
}
