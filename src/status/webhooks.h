/* webhooks.h - keeps clientConfig.caBundle of a webhook configuration as it must be for our certificate.
 *
 * Whoever installs the configuration need not know our root, and whoever overwrites it (a tool that brings the cluster
 * back to what stands in a repository) is corrected. One watch of one object. Owner thread. */
#pragma once
#include "kube/watch.h"
#include "status/writer.h"

struct webhook_keeper;
struct webhook_keeper_options {
    struct kube_client *client;
    struct writer *writer;
    const char *plural; /* "mutatingwebhookconfigurations"; lives on */
    const char *kind;   /* "MutatingWebhookConfiguration"; lives on */
    struct str name;    /* copied */
    struct str pem;     /* the roots; copied */
};
struct webhook_keeper *webhook_keeper_new(const struct webhook_keeper_options *opt);
void webhook_keeper_free(struct webhook_keeper *k); /* NULL is fine */
