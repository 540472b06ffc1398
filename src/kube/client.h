/* client.h - requests to one Kubernetes API server with one identity, on one loop.
 *
 * HTTP/2 on two connections, one for streams (watches, logs) and one for everything else, so that a stream that fills
 * its window cannot hold up a lease. Compression is never asked for. What the client does by itself:
 *   - 401: reads the credentials again (token file, exec plugin) and asks once more;
 *   - 429 and 503 with Retry-After: waits as told, plus jitter, within the request's time;
 *   - GET and HEAD that got no answer at all: once more, on a new connection;
 *   - the Warning headers of answers are logged, each text once.
 * Everything else is the caller's to decide, by status and reason; never by message text. */
#pragma once
#include <event2/event.h>
#include <jansson.h>

#include "kube/config.h"

struct kube_client;
struct kube_call;

/* The field manager of what the control plane applies. */
#define KUBE_MANAGER "osm"

/* |config| is copied. |base| NULL: a loop of its own, for kube_fetch alone. Reads certificates and keys now, and
 * fails when they cannot be read; runs no plugin and opens no connection yet. */
MUST struct kube_client *kube_client_new(struct event_base *base, const struct kube_config *config, struct err *err);
/* Cancels all calls without their callbacks. NULL is fine. Not from within a callback. */
void kube_client_free(struct kube_client *c);
/* As given; borrowed. */
const struct kube_config *kube_client_config(const struct kube_client *c);

struct kube_request {
    const char *method; /* NULL: GET */
    const char *path;   /* "/api/v1/pods?limit=500"; see path.h */
    const char *accept; /* NULL: application/json */
    const char *type;   /* of |body|; NULL: application/json */
    struct str body;    /* p == NULL: none */
    int64_t timeout_ms; /* for the whole, waiting included; 0: 30 s; < 0: none (streams) */
    size_t max_body;    /* 0: 16 MiB */
    bool is_stream;     /* goes over the connection of streams */
    bool no_retry;      /* does nothing of the list above by itself but 401 */
    /* When set, told as soon as the head of a 2xx answer is there. */
    void (*started)(void *arg);
    /* When set, the body of a 2xx answer is delivered piece by piece instead of being kept; false aborts. After a
     * first piece nothing is tried again. */
    bool (*data)(void *arg, struct str piece);
};

struct kube_answer {
    int status;             /* HTTP; 0: no answer */
    bool is_ok;             /* 2xx, whole */
    bool is_away;           /* the server was not reached, or says itself that it cannot now (429, 5xx) */
    struct str body;        /* as it came; empty with |data| */
    const json_t *json;     /* the body, when it is JSON; borrowed */
    struct str reason;      /* of a Status: "NotFound", "Conflict", "Expired"; empty when there is none. A 404 without
                               reason means that there is no such API, not that there is no such object */
    struct str message;     /* of a Status */
    struct str cause;       /* reason of the first of its causes: "ResourceVersionTooLarge" */
    struct str go_on;       /* metadata.continue of a Status or list */
    int64_t retry_after_ms; /* 0: not told */
    struct err err;         /* set unless is_ok: one sentence, "GET /api/v1/pods: … (403 Forbidden)" */
};

/* Starts a call; |r| is copied. |done| runs once, on the loop, never from within this function; the answer is valid
 * during it. */
struct kube_call *kube_call_start(struct kube_client *c, const struct kube_request *r,
                                  void (*done)(void *arg, const struct kube_answer *answer), void *arg);
/* |done| will not run. NULL is fine. Not from within |data|. */
void kube_call_cancel(struct kube_call *call);

/* Blocks and runs the client's loop meanwhile: for verbs, never inside a callback. True when the answer is_ok; else
 * err, and |out| says status and reason. The texts of |out| and its json live in |a|. */
MUST bool kube_fetch(struct kube_client *c, const struct kube_request *r, struct arena *a, struct kube_answer *out,
                     struct err *err);

/* Idempotent: makes the metrics of this room known. */
void kube_metrics_init(void);
