#include "platform/local/workload.h"

#include <stdlib.h>

static void create(struct arena *a, struct steps *out, int64_t ordinal)
{
    list_push(a, out, ((struct step){.create = true, .ordinal = ordinal}));
}

static void drop(struct arena *a, struct steps *out, const struct pod_view *p)
{
    list_push(a, out, ((struct step){.name = p->name}));
}

/* ---- Deployment ---- */

static int by_worth(const void *x, const void *y)
{
    const struct pod_view *a = x, *b = y;
    if (a->ready != b->ready) return a->ready - b->ready;
    return a->serial > b->serial ? -1 : a->serial < b->serial;
}

static void recreate(const struct deployment_want *w, struct pod_views pods, struct arena *a, struct steps *out)
{
    int64_t new = 0, old = 0;
    for (each(p, pods)) {
        bool current = str_eq(p->revision, w->revision) && !p->finished;
        new += current && !p->deleting;
        old += !current || p->deleting;
        if (!p->deleting && (!current || new > w->replicas)) drop(a, out, p);
    }
    for (; old == 0 && new < w->replicas; new ++) create(a, out, -1);
}

void deployment_plan(const struct deployment_want *w, struct pod_views pods, struct arena *a, struct steps *out)
{
    int64_t new = 0, alive = 0, ready = 0;
    struct pod_views sorted = {arena_array(a, struct pod_view, pods.n), 0};
    if (w->recreate) return recreate(w, pods, a, out);
    for (each(p, pods)) {
        if (p->deleting) continue;
        sorted.v[sorted.n++] = *p;
        alive++;
        ready += p->ready;
        new += str_eq(p->revision, w->revision) && !p->finished;
    }
    list_sort(&sorted, by_worth);
    int64_t surplus = new - w->replicas, room = w->replicas + (w->surge + w->unavailable ? w->surge : 1) - alive;
    for (int64_t i = 0; i < -surplus && i < room; i++) create(a, out, -1);
    for (each(p, sorted)) {
        bool is_new = str_eq(p->revision, w->revision) && !p->finished;
        bool may_go = !p->ready || ready > w->replicas - w->unavailable;
        if ((is_new && surplus <= 0) || !may_go) continue;
        drop(a, out, p);
        ready -= p->ready;
        surplus -= is_new;
    }
}

/* ---- StatefulSet ---- */

static const struct pod_view *at(struct pod_views pods, int64_t ordinal)
{
    for (each(p, pods))
        if (p->ordinal == ordinal) return p;
    return NULL;
}

static bool is_outdated(const struct stateful_want *w, const struct pod_view *p)
{
    return !w->on_delete && p->ordinal >= w->partition && !str_eq(p->revision, w->revision);
}

/* Missing ordinals; true when all are there and ready. */
static bool fill(const struct stateful_want *w, struct pod_views pods, struct arena *a, struct steps *out)
{
    bool all = true;
    for (int64_t i = w->start; i < w->start + w->replicas; i++) {
        const struct pod_view *p = at(pods, i);
        if (p && p->ready && !p->deleting) continue;
        if (!p)
            create(a, out, i);
        else if (!p->deleting && (p->finished || is_outdated(w, p)))
            drop(a, out, p); /* no use waiting for it */
        if (!w->parallel) return false;
        all = false;
    }
    return all;
}

void stateful_plan(const struct stateful_want *w, struct pod_views pods, struct arena *a, struct steps *out)
{
    const struct pod_view *highest = NULL;
    bool all = fill(w, pods, a, out), leaving = false;
    if (!all && !w->parallel) return;
    for (each(p, pods)) {
        if (p->ordinal >= w->start && p->ordinal < w->start + w->replicas) continue;
        leaving |= p->deleting;
        if (p->deleting) continue;
        if (w->parallel)
            drop(a, out, p);
        else if (!highest || p->ordinal > highest->ordinal)
            highest = p;
    }
    if (highest && !leaving) drop(a, out, highest);
    if (!all || highest || leaving) return;
    for (int64_t i = w->start + w->replicas; i-- > w->start;) {
        const struct pod_view *p = at(pods, i);
        if (!is_outdated(w, p)) continue;
        drop(a, out, p);
        return;
    }
}

/* ---- DaemonSet ---- */

void daemon_plan(struct str revision, bool on_delete, struct pod_views pods, struct arena *a, struct steps *out)
{
    for (each(p, pods))
        if (!p->deleting && (p->finished || (!on_delete && !str_eq(p->revision, revision)))) drop(a, out, p);
    if (!pods.n) create(a, out, -1);
}

/* ---- Job ---- */

static int64_t back_off(int64_t failures)
{
    int64_t wait = 10;
    while (--failures > 0 && wait < 360) wait *= 2;
    return wait < 360 ? wait : 360;
}

enum job_state job_plan(const struct job_want *w, struct pod_views pods, struct arena *a, struct steps *out)
{
    int64_t active = 0, succeeded = 0, failed = 0, last = 0;
    for (each(p, pods)) {
        active += !p->finished && !p->deleting;
        succeeded += p->finished && !p->failed;
        failed += p->finished && p->failed;
        if (p->failed && p->finished_at > last) last = p->finished_at;
    }
    bool queue = w->completions < 0;
    bool complete = queue ? succeeded > 0 && !active : succeeded >= w->completions;
    bool late = w->deadline && w->now >= w->deadline;
    enum job_state state = complete ? JOB_COMPLETE : failed > w->backoff_limit || late ? JOB_FAILED : JOB_RUNNING;
    if (state != JOB_RUNNING || w->suspend) {
        for (each(p, pods))
            if (!p->finished && !p->deleting && (state == JOB_FAILED || w->suspend)) drop(a, out, p);
        return state;
    }
    if (w->deadline) out->again_s = w->deadline - w->now;
    int64_t need = queue ? (succeeded ? 0 : w->parallelism) : w->completions - succeeded;
    if (need > w->parallelism) need = w->parallelism;
    int64_t due = failed ? last + back_off(failed) : 0;
    if (need > active && w->now < due) {
        if (!out->again_s || due - w->now < out->again_s) out->again_s = due - w->now;
        return state;
    }
    for (; active < need; active++) create(a, out, -1);
    return state;
}
