/* namespace.h - which namespaces of a Kubernetes cluster are in the mesh: one function a subcommand of `osm namespace`
 * and `osm metrics`. Each prints what it did, and fails with one sentence. */
#pragma once
#include "kube/client.h"

struct ns_call {
    struct kube_client *client;
    struct arena *a;
    const char *mesh;
    bool only_mesh;    /* list: --mesh-name was given */
    bool no_injection; /* add */
};
bool ns_add(struct ns_call *c, struct str name, struct err *err);
bool ns_remove(struct ns_call *c, struct str name, struct err *err);
bool ns_ignore(struct ns_call *c, struct str name, struct err *err);
bool ns_metrics_on(struct ns_call *c, struct str name, struct err *err);
bool ns_metrics_off(struct ns_call *c, struct str name, struct err *err);
bool ns_list(struct ns_call *c, struct err *err);
