/* probe.h - one liveness, readiness or startup probe of a container, as a kubelet runs it.
 *
 * Thresholds and periods are Kubernetes'. One thing is quicker: until its first success a startup or readiness probe
 * is also tried between its periods (every 50 ms at first); such a try counts only when it succeeds. */
#pragma once
#include <event2/event.h>

#include "net/http_client.h"
#include "platform/local/doc.h"

enum probe_kind { PROBE_STARTUP, PROBE_READINESS, PROBE_LIVENESS, PROBE_KINDS };

struct probe;

struct probe_spec {
    struct event_base *base;
    struct http_client *http;
    enum probe_kind kind;
    const json_t *probe;     /* borrowed for the probe's life, like |container| */
    const json_t *container; /* for named ports */
    const char *address;     /* the pod's */
    /* Runs |argv| in the container with its output dropped: its pid, or 0. */
    pid_t (*exec)(void *arg, const char *const *argv);
    /* The verdict changed, or a failure threshold was reached (again). May free the probe. */
    void (*verdict)(void *arg, enum probe_kind kind, bool ok, const char *why);
    void *arg;
};

/* "startupProbe", "readinessProbe", "livenessProbe" */
extern const char *const probe_names[PROBE_KINDS];

/* Starts probing after initialDelaySeconds. */
struct probe *probe_new(const struct probe_spec *spec);
/* NULL is fine. */
void probe_free(struct probe *p);

/* A port by number or by name among the container's ports; 0 when there is none. */
int probe_port(const json_t *container, const json_t *port);

/* Pure part, for tests: what a run of results means. */
struct probe_count {
    int64_t success_threshold, failure_threshold;
    int64_t successes, failures;
    int verdict; /* -1: none yet, 0: failed, 1: succeeded */
};
/* Counts one result; true when the verdict is to be told. */
bool probe_count(struct probe_count *c, bool ok);
