/* debug.h - GET /debug on port 9092 of 127.0.0.1, while MeshConfig observability.enableDebugServer is on.
 *
 * The archived project answered everybody who reached the port; ours only its own machine or pod (a port-forward gets
 * there). Nothing in the answers is secret. Answers are JSON; /debug lists the paths. Owner thread. */
#pragma once
#include <event2/event.h>

#include "store/store.h"
#include "xds/xds.h"

struct debug;
struct debug_options {
    struct event_base *base;
    const struct sheet *sheet;
    const struct store *store;
    struct xds_server *xds;
    struct str roots; /* PEM; borrowed */
};
struct debug *debug_new(const struct debug_options *opt);
/* Starts or ends the server; a port that is taken is logged, and tried again with the next call. */
void debug_set(struct debug *d, bool on);
/* NULL is fine. */
void debug_free(struct debug *d);
