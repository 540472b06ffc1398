/* workload.h - what a workload's pods should become: pure planners, one per kind.
 *
 * A planner compares what is wanted with the pods that are there and says what to do now. It is called again after
 * every change, so it never plans further ahead than one step. */
#pragma once
#include "base/list.h"

struct pod_view {
    struct str name;
    struct str revision; /* hash of the template it was made from */
    int64_t ordinal;     /* StatefulSet's; -1 */
    int64_t serial;      /* rises with creation */
    int64_t finished_at; /* unix seconds, when finished */
    bool ready, deleting, finished, failed;
};
struct pod_views {
    struct pod_view *v;
    size_t n;
};

struct step {
    bool create;     /* else delete |name| */
    int64_t ordinal; /* of what is to be created; -1: any name */
    struct str name;
};
struct steps {
    struct step *v;
    size_t n;
    int64_t again_s; /* plan again in so many seconds even if nothing changes; 0: no */
};

struct deployment_want {
    int64_t replicas, surge, unavailable;
    bool recreate;
    struct str revision;
};
/* Rolling: never fewer than replicas - unavailable ready pods, never more than replicas + surge alive. Pods that are
 * not ready go first; surplus ones newest first. */
void deployment_plan(const struct deployment_want *w, struct pod_views pods, struct arena *a, struct steps *out);

struct stateful_want {
    int64_t replicas, start, partition; /* ordinals below |partition| keep their old template */
    bool parallel;                      /* podManagementPolicy */
    bool on_delete;                     /* updateStrategy OnDelete */
    struct str revision;
};
/* Ordinals come up in order and go in reverse, one at a time unless |parallel|; an update goes from the highest. */
void stateful_plan(const struct stateful_want *w, struct pod_views pods, struct arena *a, struct steps *out);

/* One machine, one pod: the old one goes, then the new one comes. */
void daemon_plan(struct str revision, bool on_delete, struct pod_views pods, struct arena *a, struct steps *out);

struct job_want {
    int64_t parallelism, backoff_limit;
    int64_t completions; /* -1: a work queue, done when one pod succeeded and none runs */
    int64_t now;         /* unix seconds */
    int64_t deadline;    /* unix seconds, activeDeadlineSeconds after the start; 0: none */
    bool suspend;
};
enum job_state { JOB_RUNNING, JOB_COMPLETE, JOB_FAILED };
/* Finished pods are kept. A failed pod's successor waits 10 s, doubling to 6 min. */
enum job_state job_plan(const struct job_want *w, struct pod_views pods, struct arena *a, struct steps *out);
