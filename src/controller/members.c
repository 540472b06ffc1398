#include "controller/members.h"

#include <stdlib.h>

#include "base/map.h"
#include "plan/plan.h"

#define PART_IN "in:"

struct pod {
    char *uid, *workload;
};

struct members {
    struct sheet *sheet;
    struct publish *publish;
    struct map pods;      /* "ns/name" → struct pod */
    struct map workloads; /* key → number of pods, as a pointer */
};

/* Where changes of the revision under way go. */
struct out {
    struct arena *a;
    struct xds_revision *r;
};

struct members *members_new(struct sheet *sheet, struct publish *publish)
{
    struct members *m = xcalloc(1, sizeof *m);
    *m = (struct members){.sheet = sheet, .publish = publish};
    return m;
}

static void pod_free(struct pod *p)
{
    free(p->uid);
    free(p->workload);
    free(p);
}

void members_free(struct members *m)
{
    void *p;
    for (size_t it = 0; map_next(&m->pods, &it, NULL, &p);) pod_free(p);
    map_release(&m->pods);
    map_release(&m->workloads);
    free(m);
}

static void workload_watch(struct members *m, struct str workload, bool on, struct out o)
{
    struct str part = str_fmt(o.a, PART_IN "%.*s", STR_FMT(workload));
    (on ? sheet_observe : sheet_unobserve)(m->sheet, &plan_view_cell, workload);
    (on ? sheet_observe : sheet_unobserve)(m->sheet, &envoy_inbound_cell, workload);
    (on ? publish_join : publish_leave)(m->publish, part, &envoy_inbound_cell, workload, o.a, o.r);
}

static void workload_count(struct members *m, struct str workload, int by, struct out o)
{
    intptr_t was = (intptr_t)map_get(&m->workloads, workload), now = was + by;
    if (now)
        map_put(&m->workloads, workload, (void *)now);
    else
        map_del(&m->workloads, workload);
    if (!was || !now) workload_watch(m, workload, now > 0, o);
}

static void enter(struct members *m, struct str key, const struct mesh_pod *pod, struct out o)
{
    struct pod *p = xcalloc(1, sizeof *p);
    *p = (struct pod){xstrndup(pod->uid.p, pod->uid.n), xstrndup(pod->workload.p, pod->workload.n)};
    map_put(&m->pods, key, p);
    workload_count(m, pod->workload, 1, o);
    *list_add(o.a, &o.r->nodes) = (struct xds_node_change){.node_id = str_dup(o.a, pod->uid),
                                                           .spiffe_id = str_dup(o.a, pod->spiffe_id),
                                                           .title = str_dup(o.a, key),
                                                           .view = str_dup(o.a, pod->workload)};
}

static void leave(struct members *m, const struct pod *p, struct out o)
{
    workload_count(m, str_of(p->workload), -1, o);
    *list_add(o.a, &o.r->nodes) = (struct xds_node_change){.node_id = str_dup(o.a, str_of(p->uid)), .removed = true};
}

void members_pod(struct members *m, struct str key, const struct mesh_pod *pod, struct arena *a, struct xds_revision *r)
{
    struct out o = {a, r};
    struct pod *was = map_del(&m->pods, key);
    bool in = pod && pod->in_mesh;
    bool moves = was && in && str_eq(str_of(was->uid), pod->uid);
    if (was && !moves) leave(m, was, o);
    if (in) enter(m, key, pod, o);
    if (moves) workload_count(m, str_of(was->workload), -1, o);
    if (was) pod_free(was);
}
