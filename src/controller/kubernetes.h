/* kubernetes.h - what a controller does in a Kubernetes cluster beside serving proxies: webhooks, and what it writes to
 * the API while it leads. Owner thread. */
#pragma once
#include "controller/controller.h"
#include "controller/kube_access.h"
#include "identity/issuer.h"
#include "kinds/object.h"
#include "mesh/settings.h"
#include "net/loop.h"
#include "store/store.h"

struct kubernetes;
struct kubernetes_options {
    struct event_base *base;
    struct mailbox *mail;
    const struct kube_access *api;
    struct issuer *issuer; /* of the webhooks' certificates */
    struct sheet *sheet;
    struct store *store;
    const struct controller_options *controller;
};
/* Everything in |opt| outlives it. */
MUST struct kubernetes *kubernetes_new(const struct kubernetes_options *opt, struct err *err);
/* Gives the lease back. NULL is fine. */
void kubernetes_free(struct kubernetes *k);
/* An object of the store, or what is said of it, came, changed or (NULL) went. */
void kubernetes_object(struct kubernetes *k, enum kind kind, struct str key, const struct object *now);
/* A revision is computed, with these settings: the webhooks get them, objects their status. */
void kubernetes_settled(struct kubernetes *k, const struct mesh_settings *settings);
/* "osm-injector.<ns>.svc" and "osm-validator.<ns>.svc": names of our servers, which nobody else may get. In |a|. */
struct strs kubernetes_names(struct arena *a, const struct controller_options *opt);
