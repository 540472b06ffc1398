/* admin.h - the read-only part of Envoy's admin interface, offered to the pod on 127.0.0.1:15000.
 *
 * Envoy's own admin is a Unix socket that only the sidecar can open. Here: GET of what shows state, nothing that
 * changes it; POST /quitquitquit ends the sidecar (for Jobs with a classic sidecar). */
#pragma once
#include "agent/options.h"
#include "base/buf.h"
#include "net/http_client.h"
#include "net/http_server.h"

struct admin;
struct admin_options {
    struct event_base *base;
    struct http_client *http;
    const char *socket;      /* Envoy's */
    void (*quit)(void *arg); /* POST /quitquitquit */
    void *arg;
};
/* NULL with err when the port is in use. */
MUST struct admin *admin_new(const struct admin_options *opt, struct err *err);
void admin_free(struct admin *m);

/* May a pod read this path of Envoy's admin interface? */
bool admin_may_read(struct str path);
/* Fetches |path| (with query) from Envoy's socket and answers |x| with it; |change| may rewrite a 200's body into |out|
 * first (NULL: as it is). */
void admin_forward(struct http_client *http, const char *socket, struct http_exchange *x, const char *path,
                   void (*change)(struct str body, struct buf *out));
