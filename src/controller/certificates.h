/* certificates.h - the identity room wired up: CA, tokens, the service, and the controller's own certificate. */
#pragma once
#include "controller/controller.h"
#include "identity/issuer.h"
#include "kube/client.h"
#include "mesh/settings.h"
#include "net/h2.h"
#include "net/loop.h"

struct certificates;
struct certificates_options {
    struct event_base *base;
    struct mailbox *mail;
    /* Its state folder has the CA, its tokens folder the tokens; but with |client| (on Kubernetes) the CA is in a
     * Secret that all controllers share, and tokens are reviewed. Outlives it. */
    const struct controller_options *controller;
    struct kube_client *client; /* NULL on one machine */
    struct writer *writer;      /* of the gateway's Secret, likewise */
    /* Our server certificate is new; the context is borrowed. Not called for the first one. */
    void (*changed)(void *arg, SSL_CTX *tls);
    void *arg;
};
MUST struct certificates *certificates_new(const struct certificates_options *opt, struct err *err);
/* Before the xds server is freed: answers what is open, and takes nothing on any more. */
void certificates_stop(struct certificates *c);
/* After the servers that use the handler. NULL is fine. */
void certificates_free(struct certificates *c);
/* Of the server certificate in force; borrowed. */
SSL_CTX *certificates_tls(const struct certificates *c);
/* Borrowed. */
struct issuer *certificates_issuer(const struct certificates *c);
/* POST /v1/certificate and GET /v1/bundle. */
struct h2_handler *certificates_handler(struct certificates *c);
/* Life of workloads' certificates, and the ingress gateway's. */
void certificates_follow(struct certificates *c, const struct mesh_settings *s);
/* Owner thread: the pod may, or may no longer, have certificates. */
void certificates_set_pod(struct certificates *c, struct str uid, bool alive);
