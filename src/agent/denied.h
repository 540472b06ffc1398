/* denied.h - calls that the pod's own sidecar refused, because policy has nothing for caller and Service.
 *
 * Envoy writes one line per refused connection, "no_policy <address>:<port>", into a FIFO; the shared configuration
 * cannot know more. Here the line gets its names (the caller's account, the Service by a PTR look-up) and goes to
 * standard output as the pod's log. */
#pragma once
#include <event2/event.h>

#include "agent/options.h"

struct evdns_base;
struct denied;
/* Makes the FIFO at |path| and reads it. NULL with err. */
MUST struct denied *denied_new(struct event_base *base, const char *path, const struct agent_options *o,
                               struct err *err);
void denied_free(struct denied *d);

/* "no_policy 10.96.0.9:80" → address and port; false for any other line. The parts point into |line|. */
bool denied_parse(struct str line, struct str *address, int64_t *port);
/* "bookstore.default.svc.cluster.local", and a pod's name "db-0.bookstore.default.svc.cluster.local", →
 * "default/bookstore"; STR_NULL when the name is not a Service's. */
struct str denied_service(struct arena *a, struct str name);
