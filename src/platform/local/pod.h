/* pod.h - a pod as processes of this machine: its sandbox, its containers in order, its probes, its status.
 *
 * Works on the pod's document as it is after injection. Everything runs on the supervisor's loop. A pod never ends
 * the program: what goes wrong stands in its status and is tried again. */
#pragma once
#include "base/buf.h"
#include "net/http_client.h"
#include "platform/local/image.h"
#include "platform/local/process.h"
#include "platform/local/state.h"
#include "platform/local/volume.h"

struct pod;

/* Where pods run. Lives longer than they do. */
struct pod_host {
    struct event_base *base;
    struct http_client *http;
    const struct state *state;
    const struct image_table *images;
    struct lookup lookup;
    struct token_issuer tokens;
    struct kvs env;                            /* of every container, below what its image and manifest say */
    const char *osm;                           /* this program, for the sidecar's containers */
    const char *envoy;                         /* likewise; NULL: none found */
    struct strs hidden;                        /* directories no pod may see */
    void (*changed)(void *arg, struct pod *p); /* its status is another one */
    void (*gone)(void *arg, struct pod *p);    /* it was deleted and all of it has ended; the callee frees it */
    void *arg;
};

/* Takes over |doc|, which has metadata.namespace, name and uid. |number| is the host part of its address. Nothing is
 * started before pod_advance. */
struct pod *pod_new(const struct pod_host *host, json_t *doc, unsigned number);
/* Only after gone, or when the supervisor ends. */
void pod_free(struct pod *p);
/* Starts whatever is due now; also to be called when objects it may wait for have changed. */
void pod_advance(struct pod *p);
/* Objects have changed: looks again for those it waits for, and at the files that it has of others. */
void pod_refresh(struct pod *p);
/* Ends the pod gracefully: application first, then sidecars in reverse; host->gone follows. Twice is fine. */
void pod_delete(struct pod *p);

/* Like pod_delete, within at most three seconds: the whole cluster ends. */
void pod_hurry(struct pod *p);
/* pod_advance from the loop, soon. */
void pod_touch(struct pod *p);
/* Unix seconds at which its last container ended; 0: none has. */
int64_t pod_finished_at(const struct pod *p);

/* Text of a pod's resolv.conf, from its document. Pure. */
void pod_resolv_conf(const json_t *pod, struct buf *out);

/* The document with its present status; borrowed, until the next event. */
const json_t *pod_document(const struct pod *p);
struct str pod_key(const struct pod *p); /* "ns/name" */
const char *pod_address(const struct pod *p);
unsigned pod_number(const struct pod *p);
bool pod_is_ready(const struct pod *p);
bool pod_is_deleting(const struct pod *p);
bool pod_is_finished(const struct pod *p); /* Succeeded or Failed */

/* Descriptors, -1: none. With |console| the process has a terminal in place of the three (process.h). */
struct exec_streams {
    int in, out, err, console;
};
/* Starts |argv| in container |name| (empty: the first) on |streams|, with the container's environment and user.
 * Returns a running process; its end is told by the reaper. */
MUST bool pod_exec(struct pod *p, struct str name, const char *const *argv, const struct exec_streams *streams,
                   struct process *out, struct err *err);
/* A TCP connection to the pod's own 127.0.0.1:|port|, made in its network namespace; -1 with err. Blocks briefly. */
int pod_connect(struct pod *p, int port, struct err *err);
