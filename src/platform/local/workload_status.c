#include "platform/local/workload_status.h"

#include "base/field.h"

struct count {
    int64_t all, ready, updated, updated_ready, succeeded, failed, last_end;
};

static struct count count(struct pod_views pods, struct str revision)
{
    struct count n = {0};
    for (each(p, pods)) {
        if (p->finished_at > n.last_end) n.last_end = p->finished_at;
        n.succeeded += p->finished && !p->failed;
        n.failed += p->finished && p->failed;
        if (p->deleting || p->finished) continue;
        bool is_updated = str_eq(p->revision, revision);
        n.all++;
        n.ready += p->ready;
        n.updated += is_updated;
        n.updated_ready += is_updated && p->ready;
    }
    return n;
}

static json_t *condition(const char *type, bool value, const char *reason)
{
    return json_pack("{s:s, s:s, s:s}", "type", type, "status", value ? "True" : "False", "reason", reason);
}

json_t *deployment_status(const struct deployment_want *w, struct pod_views pods)
{
    struct count n = count(pods, w->revision);
    bool is_available = n.ready >= w->replicas - w->unavailable;
    bool is_complete = n.updated_ready >= w->replicas && n.all == n.updated;
    json_t *available =
        condition("Available", is_available, is_available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable");
    json_t *progressing = condition("Progressing", true, is_complete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated");
    int64_t missing = w->replicas > n.ready ? w->replicas - n.ready : 0;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:[o, o]}", "replicas", n.all, "updatedReplicas", n.updated,
                     "readyReplicas", n.ready, "availableReplicas", n.ready, "unavailableReplicas", missing,
                     "conditions", available, progressing);
}

json_t *stateful_status(const struct stateful_want *w, struct pod_views pods)
{
    struct count n = count(pods, w->revision);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "replicas", n.all, "updatedReplicas", n.updated,
                     "currentReplicas", n.all - n.updated, "readyReplicas", n.ready, "availableReplicas", n.ready,
                     "updateRevision", doc_str(w->revision));
}

json_t *daemon_status(struct str revision, struct pod_views pods)
{
    struct count n = count(pods, revision);
    return json_pack("{s:i, s:I, s:i, s:I, s:I, s:I, s:I}", "desiredNumberScheduled", 1, "currentNumberScheduled",
                     n.all, "numberMisscheduled", 0, "numberReady", n.ready, "numberAvailable", n.ready,
                     "numberUnavailable", n.ready ? INT64_C(0) : INT64_C(1), "updatedNumberScheduled", n.updated);
}

static json_t *time_of(int64_t unix_s)
{
    struct arena *a SCOPED_ARENA = arena_new();
    return doc_str(time_text(a, unix_s));
}

json_t *job_status(const struct job_want *w, enum job_state state, int64_t started, struct pod_views pods)
{
    bool is_late = w->deadline && w->now >= w->deadline;
    struct count n = count(pods, STR_NULL);
    json_t *s = json_pack("{s:o, s:I, s:I, s:I, s:I, s:[]}", "startTime", time_of(started), "active", n.all, "ready",
                          n.ready, "succeeded", n.succeeded, "failed", n.failed, "conditions");
    json_t *conditions = json_object_get(s, "conditions");
    if (w->suspend) json_array_append_new(conditions, condition("Suspended", true, "JobSuspended"));
    if (state == JOB_COMPLETE) json_array_append_new(conditions, condition("Complete", true, "CompletionsReached"));
    if (state == JOB_FAILED)
        json_array_append_new(conditions,
                              condition("Failed", true, is_late ? "DeadlineExceeded" : "BackoffLimitExceeded"));
    if (state == JOB_COMPLETE && n.last_end) json_object_set_new(s, "completionTime", time_of(n.last_end));
    return s;
}
