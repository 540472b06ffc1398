/* pipeline.h - the flow on one screen: store → sheet → bundles → xDS. Owner thread.
 *
 * Objects put into the store dirty cells; the pipeline computes in slices of 2 ms between loop turns, follows what
 * came into view (a new workload, a new reach), and publishes one revision when nothing is dirty any more. */
#pragma once
#include <event2/event.h>

#include "store/store.h"
#include "xds/xds.h"

struct pipeline;

struct pipeline_options {
    struct event_base *base;
    struct sheet *sheet;
    struct store *store;
    struct xds_server *xds;
    const char *mesh; /* for the metrics: which namespaces are ours; lives on */
    /* An object of the store, or what is said of it (mesh/diag.h), came, changed or (|now| NULL) went. NULL: nobody
     * asks. */
    void (*on_object)(void *arg, enum kind k, struct str key, const struct object *now);
    /* A revision is computed; its settings can be read. Called before anything of it leaves the process. */
    void (*on_settled)(void *arg, uint64_t revision);
    /* Then, a pod of the mesh came (or changed, or went: |alive| false): it may have certificates. */
    void (*on_pod)(void *arg, struct str uid, bool alive);
    void *arg;
};

/* Registers itself with the store, and computes nothing before it is released: a part of the world must not be
 * published. */
struct pipeline *pipeline_new(const struct pipeline_options *opt);
void pipeline_free(struct pipeline *p);
/* The store holds the whole world: from now on changes are computed and published. May be called again. */
void pipeline_release(struct pipeline *p);
/* The store changed: compute soon. */
void pipeline_kick(struct pipeline *p);
/* Computes to the end and publishes before it returns: for answers that must not lag behind what was read. */
void pipeline_settle(struct pipeline *p);
/* The last published revision. */
uint64_t pipeline_revision(const struct pipeline *p);
