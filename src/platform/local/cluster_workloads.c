/* cluster_workloads.c - from workload objects to the planners, and from their steps to pods. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/names.h"
#include "kinds/daemon_set.h"
#include "kinds/deployment.h"
#include "kinds/job.h"
#include "kinds/stateful_set.h"
#include "platform/local/cluster.h"
#include "platform/local/workload_status.h"

/* One workload in one round. */
struct round {
    struct cluster *c;
    struct arena *a;
    const struct object *o;
    struct str owner; /* "Deployment/ns/name" */
    json_t *template;
    char revision[33];
    struct pod_views pods;
    struct steps steps;
    json_t *status; /* set by the kind's planner, taken over by publish() */
};

static struct pod_views views_of(struct cluster *c, struct str owner, struct arena *a)
{
    struct pod_views out = {0};
    struct strs keys = map_keys(&c->entries, a);
    for (each(k, keys)) {
        const struct entry *e = map_get(&c->entries, *k);
        if (!e->pod || !str_eq(e->owner, owner)) continue;
        struct str phase = doc_text(pod_document(e->pod), "status.phase");
        struct pod_view v = {.name = e->name, .revision = e->revision, .ordinal = e->ordinal, .serial = e->serial};
        v.ready = pod_is_ready(e->pod);
        v.deleting = pod_is_deleting(e->pod);
        v.failed = str_is(phase, "Failed");
        v.finished = v.failed || str_is(phase, "Succeeded");
        v.finished_at = v.finished ? pod_finished_at(e->pod) : 0;
        list_push(a, &out, v);
    }
    return out;
}

static void begin(struct round *r, struct cluster *c, struct arena *a, const struct object *o, json_t *template)
{
    struct str text = doc_line(a, template);
    *r = (struct round){.c = c, .a = a, .o = o, .template = template};
    r->owner = str_fmt(a, "%s/%.*s/%.*s", kind_info(o->kind)->name, STR_FMT(o->meta.ns), STR_FMT(o->meta.name));
    hash128_hex(hash128_of(text.p, text.n), r->revision);
    r->revision[10] = '\0';
    r->pods = views_of(c, r->owner, a);
}

static void label(json_t *doc, const char *key, struct str value)
{
    if (!doc_at(doc, "metadata.labels")) doc_put(doc, "metadata.labels", json_object());
    json_object_set_new(doc_at(doc, "metadata.labels"), key, doc_str(value));
}

static void set_owner(json_t *doc, const char *version, const char *kind, struct str name)
{
    doc_put(doc, "metadata.ownerReferences",
            json_pack("[{s:s, s:s, s:o, s:s, s:b}]", "apiVersion", version, "kind", kind, "name", doc_str(name), "uid",
                      "", "controller", 1));
}

/* Five letters and digits without vowels, as Kubernetes ends names. */
static const char *suffix(struct round *r)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    struct str seed =
        str_fmt(r->a, "%.*s %lld %lld", STR_FMT(r->owner), (long long)++r->c->serial, (long long)clock_mono_ns());
    uint64_t h = hash128_of(seed.p, seed.n).lo;
    char *out = arena_alloc(r->a, 6);
    for (int i = 0; i < 5; i++, h /= 27) out[i] = letters[h % 27];
    return out;
}

static void of_deployment(struct round *r, json_t *doc, struct str *name)
{
    struct str set = str_fmt(r->a, "%.*s-%s", STR_FMT(r->o->meta.name), r->revision);
    *name = str_fmt(r->a, "%.*s-%s", STR_FMT(set), suffix(r));
    label(doc, "pod-template-hash", str_of(r->revision));
    set_owner(doc, "apps/v1", "ReplicaSet", set);
}

static void of_daemon_set(struct round *r, json_t *doc, struct str *name)
{
    *name = str_fmt(r->a, "%.*s-%s", STR_FMT(r->o->meta.name), suffix(r));
    label(doc, "controller-revision-hash", str_of(r->revision));
    set_owner(doc, "apps/v1", "DaemonSet", r->o->meta.name);
}

static void of_job(struct round *r, json_t *doc, struct str *name)
{
    *name = str_fmt(r->a, "%.*s-%s", STR_FMT(r->o->meta.name), suffix(r));
    label(doc, "job-name", r->o->meta.name);
    label(doc, "batch.kubernetes.io/job-name", r->o->meta.name);
    set_owner(doc, "batch/v1", "Job", r->o->meta.name);
    if (!doc_at(doc, "spec.restartPolicy")) doc_put(doc, "spec.restartPolicy", json_string("Never"));
}

/* volumeClaimTemplates: "<template>-<pod>", kept when the pod goes. */
static void add_claims(struct round *r, json_t *doc, struct str pod, const json_t *templates)
{
    size_t i;
    json_t *t;
    json_array_foreach(templates, i, t)
    {
        struct str volume = doc_text(t, "metadata.name"),
                   claim = str_fmt(r->a, "%.*s-%.*s", STR_FMT(volume), STR_FMT(pod));
        if (!doc_at(doc, "spec.volumes")) doc_put(doc, "spec.volumes", json_array());
        json_array_append_new(
            doc_at(doc, "spec.volumes"),
            json_pack("{s:o, s:{s:o}}", "name", doc_str(volume), "persistentVolumeClaim", "claimName", doc_str(claim)));
    }
}

static void of_stateful_set(struct round *r, json_t *doc, struct str *name, int64_t ordinal)
{
    const struct kube_stateful_set *s = kube_stateful_set_of(r->o);
    *name = str_fmt(r->a, "%.*s-%lld", STR_FMT(r->o->meta.name), (long long)ordinal);
    label(doc, "statefulset.kubernetes.io/pod-name", *name);
    label(doc, "apps.kubernetes.io/pod-index", str_fmt(r->a, "%lld", (long long)ordinal));
    label(doc, "controller-revision-hash", str_of(r->revision));
    set_owner(doc, "apps/v1", "StatefulSet", r->o->meta.name);
    doc_put(doc, "spec.hostname", doc_str(*name));
    if (s->spec.service_name.n) doc_put(doc, "spec.subdomain", doc_str(s->spec.service_name));
    add_claims(r, doc, *name, s->spec.claim_templates);
}

/* Claims of all ordinals that may be: they are derived anew in each round, so that a pod finds its own. */
static void make_claims(struct round *r, const struct kube_stateful_set *s)
{
    size_t i;
    json_t *t;
    for (int64_t n = s->spec.ordinals.start; n < s->spec.ordinals.start + s->spec.replicas; n++)
        json_array_foreach(s->spec.claim_templates, i, t)
        {
            struct str name = str_fmt(r->a, "%.*s-%.*s-%lld", STR_FMT(doc_text(t, "metadata.name")),
                                      STR_FMT(r->o->meta.name), (long long)n);
            json_t *spec = doc_at(t, "spec");
            made_set(r->c->made, KIND_PERSISTENT_VOLUME_CLAIM, r->o->meta.ns, name,
                     json_pack("{s:O}", "spec", spec ? spec : json_null()));
        }
}

static void make(struct round *r, int64_t ordinal)
{
    struct pod_plan plan = {.doc = json_deep_copy(r->template),
                            .ns = r->o->meta.ns,
                            .owner = r->owner,
                            .revision = str_of(r->revision),
                            .ordinal = ordinal};
    if (r->o->kind == KIND_DEPLOYMENT) of_deployment(r, plan.doc, &plan.name);
    if (r->o->kind == KIND_DAEMON_SET) of_daemon_set(r, plan.doc, &plan.name);
    if (r->o->kind == KIND_JOB) of_job(r, plan.doc, &plan.name);
    if (r->o->kind == KIND_STATEFUL_SET) of_stateful_set(r, plan.doc, &plan.name, ordinal);
    cluster_make_pod(r->c, &plan);
}

static void carry_out(struct round *r)
{
    struct arena *a = r->a;
    for (each(s, r->steps)) {
        if (s->create) {
            make(r, s->ordinal);
            continue;
        }
        const struct entry *e = map_get(&r->c->entries, key_of(a, r->o->meta.ns, s->name));
        if (e && e->pod) pod_delete(e->pod);
    }
}

/* The object with its status, among the platform's; it stands before the user's file, as it says more. */
static void publish(struct round *r)
{
    json_t *doc = json_deep_copy(r->o->raw);
    json_object_set_new(doc, "status", r->status);
    made_set(r->c->made, r->o->kind, r->o->meta.ns, r->o->meta.name, doc);
}

/* ---- the four kinds ---- */

static void deployment(struct round *r)
{
    const struct kube_deployment_spec *s = &kube_deployment_of(r->o)->spec;
    struct deployment_want want = {.replicas = s->replicas,
                                   .recreate = s->strategy.type == KUBE_STRATEGY_RECREATE,
                                   .revision = str_of(r->revision)};
    want.surge = kube_scaled(s->strategy.rolling.max_surge, s->replicas, true);
    want.unavailable = kube_scaled(s->strategy.rolling.max_unavailable, s->replicas, false);
    if (!s->paused) deployment_plan(&want, r->pods, r->a, &r->steps);
    r->status = deployment_status(&want, r->pods);
}

static void stateful_set(struct round *r)
{
    const struct kube_stateful_set_spec *s = &kube_stateful_set_of(r->o)->spec;
    struct stateful_want want = {.replicas = s->replicas,
                                 .start = s->ordinals.start,
                                 .partition = s->update.rolling.partition,
                                 .parallel = s->pod_management == KUBE_MANAGEMENT_PARALLEL,
                                 .on_delete = s->update.type == KUBE_UPDATE_ON_DELETE,
                                 .revision = str_of(r->revision)};
    make_claims(r, kube_stateful_set_of(r->o));
    stateful_plan(&want, r->pods, r->a, &r->steps);
    r->status = stateful_status(&want, r->pods);
}

static void daemon_set(struct round *r)
{
    daemon_plan(str_of(r->revision), kube_daemon_set_of(r->o)->spec.update.type == KUBE_UPDATE_ON_DELETE, r->pods, r->a,
                &r->steps);
    r->status = daemon_status(str_of(r->revision), r->pods);
}

static void job(struct round *r)
{
    const struct kube_job_spec *s = &kube_job_of(r->o)->spec;
    struct str key = key_of(r->a, r->o->meta.ns, r->o->meta.name);
    int64_t now = clock_unix_s(), started = (int64_t)(intptr_t)map_get(&r->c->jobs, key);
    if (!started) map_put(&r->c->jobs, key, (void *)(intptr_t)(started = now));
    struct job_want want = {
        .parallelism = s->parallelism, .backoff_limit = s->backoff_limit, .now = now, .suspend = s->suspend};
    want.completions = s->completions.is_set ? s->completions.v : s->parallelism > 1 ? -1 : 1;
    if (s->active_deadline_s.is_set) want.deadline = started + s->active_deadline_s.v;
    enum job_state state = job_plan(&want, r->pods, r->a, &r->steps);
    r->status = job_status(&want, state, started, r->pods);
}

static int64_t sooner(int64_t a, int64_t b) { return !a || (b && b < a) ? b : a; }

static int64_t each_of(struct cluster *c, enum kind kind, void (*plan)(struct round *),
                       json_t *(*template)(const struct object *))
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs keys = store_keys(c->store, kind, a);
    int64_t again = 0;
    for (each(k, keys)) {
        struct round r;
        const struct object *o = store_peek(c->store, kind, *k);
        begin(&r, c, a, o, template(o));
        plan(&r);
        publish(&r);
        carry_out(&r);
        again = sooner(again, r.steps.again_s);
    }
    return again;
}

static json_t *deployment_template(const struct object *o) { return kube_deployment_of(o)->spec.template; }
static json_t *stateful_template(const struct object *o) { return kube_stateful_set_of(o)->spec.template; }
static json_t *daemon_template(const struct object *o) { return kube_daemon_set_of(o)->spec.template; }
static json_t *job_template(const struct object *o) { return kube_job_of(o)->spec.template; }

static void forget_jobs(struct cluster *c)
{
    size_t it = 0;
    struct str key;
    void *started;
    while (map_next(&c->jobs, &it, &key, &started))
        if (!store_peek(c->store, KIND_JOB, key)) map_del(&c->jobs, key);
}

int64_t cluster_workloads(struct cluster *c)
{
    forget_jobs(c);
    each_of(c, KIND_DEPLOYMENT, deployment, deployment_template);
    each_of(c, KIND_STATEFUL_SET, stateful_set, stateful_template);
    each_of(c, KIND_DAEMON_SET, daemon_set, daemon_template);
    return each_of(c, KIND_JOB, job, job_template);
}
