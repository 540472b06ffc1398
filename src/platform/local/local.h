/* local.h - the local platform as its verbs see it. */
#pragma once
#include "platform/local/state.h"

struct local_options {
    const char *dir;               /* the user's folder; NULL: a node of the API of |kubeconfig| */
    const char *kubeconfig, *node; /* absolute path; the node's name */
    const char *images;            /* image table; NULL: none */
    const char *state;             /* --state; NULL: the default */
    struct strs no_mesh;
    int64_t duration_ns;      /* end after so long; 0: never */
    bool detach;              /* return when the mesh is up */
    bool outward;             /* pods reach the machine's networks by TCP; see outward.h */
    const char *min_validity; /* shortest certificate life, for tests; NULL: the controller's */
};

/* Checks the machine, starts the supervisor and, unless detached, stays until it ends; prints progress on stdout.
 * False with one sentence when it cannot start or has failed. A detached or finished mesh is true. */
MUST bool local_up(const struct local_options *opt, struct err *err);
/* Ends the running mesh and waits until nothing of it is left; |*was_running| says whether there was one. */
MUST bool local_down(const struct state *s, bool *was_running, struct err *err);
