/* place.h - which mesh a verb asks: the one on this machine, where it runs and no cluster is named; else the one in a
 * Kubernetes cluster, whose controllers are reached through the API server, by port-forward. */
#pragma once
#include <jansson.h>

#include "cli/kube.h"

struct place {
    struct kube_place kube;
    const char *ns; /* of the control plane; NULL: osm-system */
};

/* For getopt_long: entries of its table, and the part of a verb's help that explains them. */
enum { PLACE_KUBECONFIG = 0x700, PLACE_CONTEXT, PLACE_NAMESPACE };
#define PLACE_OPTIONS                                                                                                  \
    {"kubeconfig", required_argument, NULL, PLACE_KUBECONFIG}, {"context", required_argument, NULL, PLACE_CONTEXT},    \
    {                                                                                                                  \
        "osm-namespace", required_argument, NULL, PLACE_NAMESPACE                                                      \
    }
#define PLACE_USAGE                                                                                                    \
    "Asks the mesh on this machine where one runs, else the one in the cluster of kubectl:\n"                          \
    "  --kubeconfig FILE, --context NAME   that cluster\n"                                                             \
    "  --osm-namespace NAME                where its control plane is (osm-system)\n\n"
/* Takes an option that is one of these; false: it is another. */
bool place_option(struct place *p, int c, const char *arg);
const char *place_namespace(const struct place *p);

/* ---- what the controllers answer ---- */

struct controllers;
/* Finds them; none is asked yet. NULL with err: no cluster, no right, no controller that is ready. */
MUST struct controllers *controllers_open(const struct place *p, struct err *err);
void controllers_close(struct controllers *c); /* NULL is fine */
/* GET |path| of the verbs' API from one of them; the caller owns the value. NULL with err. */
MUST json_t *controllers_get(struct controllers *c, const char *path, struct err *err);
/* /v1/status of all of them as one: each knows the proxies that it serves. */
MUST json_t *controllers_status(struct controllers *c, bool edges, struct err *err);
/* NULL on one machine. */
struct kube_client *controllers_client(struct controllers *c);

/* For one question. */
MUST json_t *place_get(const struct place *p, const char *path, struct err *err);
/* Is the condition Ready of |pod|, as the API gives it, true? */
bool kube_pod_is_ready(const json_t *pod);
