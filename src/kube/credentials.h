/* credentials.h - who we are, ready to be sent. Private to src/kube.
 *
 * Files are read again when they are older than a minute, or at once when the server has said 401: a pod's token is
 * replaced by the kubelet long before it ends. A file that cannot be read any more leaves what was read last. */
#pragma once
#include <event2/event.h>

#include "kube/config.h"
#include "net/http_client.h"

struct credentials;
/* |config| lives on. Fails when a file is missing at the start or a PEM text holds no PEM. */
MUST struct credentials *credentials_new(struct event_base *base, const struct kube_config *config, struct err *err);
void credentials_free(struct credentials *c); /* NULL is fine */

/* Waits for its turn until the credentials are there. */
struct credentials_wait {
    void (*ready)(void *arg, const struct err *err); /* err NULL: they are */
    void *arg;
    struct credentials_wait *prev, *next; /* credentials.c's */
    bool is_waiting;
};
/* True: they are there, |w| is not used. False: w->ready runs later (a plugin runs). */
bool credentials_get(struct credentials *c, struct credentials_wait *w);
void credentials_stop_waiting(struct credentials *c, struct credentials_wait *w);
/* The server said 401 to what credentials_fill gave: read everything again before the next. */
void credentials_refused(struct credentials *c);
/* Adds what concerns identity and trust: roots, certificate, headers. Valid until the next credentials_get. */
void credentials_fill(const struct credentials *c, struct arena *a, struct http_call_options *o);
