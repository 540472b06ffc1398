/* pod_status.c - a pod's status as Kubernetes writes it. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/names.h"
#include "platform/local/pod_internal.h"

static json_t *time_of(int64_t unix_s)
{
    struct arena *a SCOPED_ARENA = arena_new();
    return unix_s ? doc_str(time_text(a, unix_s)) : NULL;
}

static json_t *ended(const struct container *c)
{
    return json_pack("{s:i, s:i, s:s, s:s, s:o*, s:o*}", "exitCode", c->exit_code, "signal", c->signal, "reason",
                     c->reason, "message", c->message, "startedAt", time_of(c->started_at), "finishedAt",
                     time_of(c->finished_at));
}

static json_t *state_of(const struct container *c)
{
    if (c->phase == CONTAINER_RUNNING) return json_pack("{s:{s:o*}}", "running", "startedAt", time_of(c->started_at));
    if (c->phase == CONTAINER_DONE) return json_pack("{s:o}", "terminated", ended(c));
    const char *reason = *c->reason ? c->reason : "ContainerCreating";
    return json_pack("{s:{s:s, s:s}}", "waiting", "reason", reason, "message", c->message);
}

static json_t *status_of(const struct container *c)
{
    char id[40] = "";
    if (c->process.pid) snprintf(id, sizeof id, "proc://%d", c->process.pid);
    json_t *s = json_pack("{s:o, s:o, s:s, s:s, s:b, s:b, s:i, s:o}", "name", doc_str(c->name), "image",
                          doc_str(doc_text(c->spec, "image")), "imageID", "", "containerID", id, "ready",
                          c->role == ROLE_INIT ? c->phase == CONTAINER_DONE && !c->exit_code : c->ready, "started",
                          c->started, "restartCount", c->restarts, "state", state_of(c));
    if (c->restarts && c->finished_at) json_object_set_new(s, "lastState", json_pack("{s:o}", "terminated", ended(c)));
    return s;
}

static void add_condition(json_t *list, const char *type, struct condition *c, bool value, const char *reason)
{
    if (c->value != value || !c->since) c->since = clock_unix_s();
    c->value = value;
    json_array_append_new(list, json_pack("{s:s, s:s, s:o*, s:s*}", "type", type, "status", value ? "True" : "False",
                                          "lastTransitionTime", time_of(c->since), "reason", reason));
}

/* No cgroup is made, as it would outlive a killed supervisor; so nobody holds a container to its limits. */
static void add_limits(json_t *list, const struct pod *p)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        const struct container *c = &p->containers.v[i];
        if (container_is_ours(c) || !json_object_size(doc_at(c->spec, "resources.limits"))) continue;
        struct arena *a SCOPED_ARENA = arena_new();
        struct str text =
            str_fmt(a, "container %.*s: resources.limits is not carried out on one machine", STR_FMT(c->name));
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:o}", "type", CONDITION_LIMITS, "status", "False", "message", doc_str(text)));
        return;
    }
}

static const char *phase_of(const struct pod *p)
{
    if (p->phase && (p->stage == STAGE_ENDED || p->stage == STAGE_STOP_INIT)) return p->phase;
    for (size_t i = 0; i < p->containers.n; i++)
        if (p->containers.v[i].role == ROLE_APP && p->containers.v[i].started_at) return "Running";
    return "Pending";
}

bool pod_status_update(struct pod *p)
{
    json_t *apps = json_array(), *inits = json_array(), *conditions = json_array();
    bool all = true;
    for (each(c, p->containers)) {
        json_array_append_new(c->role == ROLE_APP ? apps : inits, status_of(c));
        if (c->role != ROLE_INIT) all = all && c->ready;
    }
    bool ready = all && !p->deleting && p->stage == STAGE_RUN;
    const char *why = ready ? NULL : p->phase && p->stage != STAGE_RUN ? "PodCompleted" : "ContainersNotReady";
    add_condition(conditions, "Initialized", &p->initialized, p->initialized.value, NULL);
    add_condition(conditions, "ContainersReady", &p->containers_ready, ready, why);
    add_condition(conditions, "Ready", &p->ready, ready, why);
    add_limits(conditions, p);
    json_t *status = json_pack("{s:s, s:s, s:s, s:[{s:s}], s:o*, s:o, s:o, s:o}", "phase", phase_of(p), "hostIP",
                               doc_cstr(p->doc, "status.hostIP"), "podIP", p->address, "podIPs", "ip", p->address,
                               "startTime", time_of(p->started_at), "conditions", conditions, "containerStatuses", apps,
                               "initContainerStatuses", inits);
    if (p->message[0]) json_object_set_new(status, "message", json_string(p->message));
    if (ready != p->was_ready) log_info("pod %.*s is %s", STR_FMT(p->key), ready ? "ready" : "not ready");
    p->was_ready = ready;
    bool changed = !json_equal(status, json_object_get(p->doc, "status"));
    json_object_set_new(p->doc, "status", status);
    return changed;
}
