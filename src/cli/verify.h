/* verify.h - the subcommands of `osm verify`. Each prints its checks, one a line, "[+]" or "[-]" and what to do, and
 * returns the exit status. */
#pragma once
#include "base/arena.h"
#include "cli/place.h"

struct checks {
    int failed;
};
/* One line; |depth|: below the check before it. */
void checks_say(struct checks *c, bool ok, int depth, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

int verify_control_plane(const struct place *p);

/* From a pod to a pod, to the pods of a Service, or to something outside the mesh; the others are NULL. */
struct connectivity {
    const char *from, *to_pod, *to_service; /* NS/NAME */
    const char *host, *port, *protocol;     /* outside: http, https or tcp; NULL: http */
};
int verify_connectivity(const struct place *p, const struct connectivity *q);
