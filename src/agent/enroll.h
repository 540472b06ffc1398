/* enroll.h - the pod's certificate: asked for with the pod's token, renewed in time, written where Envoy looks.
 *
 * A new key for every certificate; it exists in this process while it is current, and in the SDS file. The roots are
 * written before a chain that may need them. */
#pragma once
#include <event2/event.h>

#include "agent/options.h"
#include "net/http_client.h"

struct enroll;
struct enroll_options {
    struct event_base *base;
    struct http_client *http;
    const struct agent_options *agent; /* borrowed */
    /* A certificate is in place (the first and every further one). */
    void (*changed)(void *arg);
    void *arg;
};
/* Starts asking at once; failures are logged and tried again (0.25 s to 5 s). Never NULL. */
struct enroll *enroll_new(const struct enroll_options *opt);
void enroll_free(struct enroll *e);

struct enroll_state {
    bool has_certificate;
    int64_t ends;         /* notAfter, Unix seconds */
    const char *identity; /* SPIFFE id, "" before the first certificate */
    const char *bundle_id;
    const char *error; /* why the last try failed, "" when it did not */
};
/* Valid until the loop runs again. */
struct enroll_state enroll_state(const struct enroll *e);
