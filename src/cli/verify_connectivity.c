/* osm verify connectivity: what keeps a pod from calling another. */
#include <stdio.h>
#include <string.h>

#include "cli/api.h"
#include "cli/verb.h"
#include "cli/verify.h"

struct look {
    struct arena *a;
    struct controllers *from;
    struct checks checks;
    json_t *status;
};

static bool is_named(const json_t *pod, struct str key, struct arena *a)
{
    return str_eq(key, str_fmt(a, "%.*s/%.*s", STR_FMT(json_text(pod, "namespace")), STR_FMT(json_text(pod, "name"))));
}

static const json_t *pod_of(struct look *l, struct str key)
{
    const json_t *pod;
    size_t i;
    json_array_foreach(json_object_get(l->status, "pods"), i, pod) if (is_named(pod, key, l->a)) return pod;
    return NULL;
}

/* Is it in the mesh, and does its proxy hold the configuration? */
static bool check_pod(struct look *l, struct str key)
{
    const json_t *pod = pod_of(l, key);
    struct str proxy = json_text(pod, "proxy");
    int before = l->checks.failed;
    if (!pod) {
        checks_say(&l->checks, false, 0, "pod %.*s: there is none", STR_FMT(key));
        return false;
    }
    if (!json_flag(pod, "inMesh"))
        checks_say(&l->checks, false, 0, "pod %.*s is not in the mesh: %.*s", STR_FMT(key),
                   STR_FMT(json_text(pod, "why")));
    else if (!str_is(proxy, "accepted"))
        checks_say(&l->checks, false, 0, "the proxy of pod %.*s: %.*s; osm status says what is wrong", STR_FMT(key),
                   STR_FMT(proxy));
    else if (!json_flag(pod, "ready"))
        checks_say(&l->checks, false, 0, "pod %.*s is not ready: %.*s (%.*s)", STR_FMT(key),
                   STR_FMT(json_text(pod, "status")), STR_FMT(json_text(pod, "containersReady")));
    else
        checks_say(&l->checks, true, 0,
                   "pod %.*s is in the mesh and ready, and its proxy has accepted the configuration", STR_FMT(key));
    return l->checks.failed == before;
}

static void check_policy(struct look *l, struct str source, struct str destination)
{
    const char *path =
        str_fmt(l->a, "/v1/check?source=%.*s&destination=%.*s", STR_FMT(api_escape(l->a, str_c(l->a, source))),
                STR_FMT(api_escape(l->a, str_c(l->a, destination))))
            .p;
    struct err err = {0};
    json_t *answer = controllers_get(l->from, path, &err), *p;
    size_t i;
    if (!answer) {
        checks_say(&l->checks, false, 0, "%s", err.text);
        return;
    }
    bool ok = json_flag(answer, "allowed");
    checks_say(&l->checks, ok, 0, "%.*s may %scall %.*s (%.*s)", STR_FMT(source), ok ? "" : "not ",
               STR_FMT(destination), STR_FMT(json_text(answer, "mode")));
    json_array_foreach(json_object_get(answer, "ports"), i, p)
    {
        struct str rule = json_text(p, "rule"), why = json_text(p, "why");
        printf("    %.*s port %lld: %.*s%s%.*s%s%.*s\n", STR_FMT(json_text(p, "service")),
               (long long)json_number(p, "port"), STR_FMT(json_text(p, "result")), rule.n ? ", " : "", STR_FMT(rule),
               why.n ? ": " : "", STR_FMT(why));
    }
    json_decref(answer);
}

static void check_service(struct look *l, struct str source, struct str service)
{
    struct str rest = service, ns = str_cut(&rest, '/');
    const json_t *pod, *name;
    size_t i, k, n = 0;
    json_array_foreach(json_object_get(l->status, "pods"), i, pod)
    {
        bool is_behind = false;
        if (!str_eq(json_text(pod, "namespace"), ns)) continue;
        json_array_foreach(json_object_get(pod, "services"), k, name) is_behind =
            is_behind || str_is(rest, json_string_value(name));
        if (!is_behind) continue;
        struct str key = str_fmt(l->a, "%.*s/%.*s", STR_FMT(ns), STR_FMT(json_text(pod, "name")));
        n++;
        if (check_pod(l, key)) check_policy(l, source, key);
    }
    if (!n)
        checks_say(
            &l->checks, false, 0,
            "Service %.*s: no pod of the mesh is behind it (is there such a Service, and does its selector fit?)",
            STR_FMT(service));
}

static void check_all(struct look *l, const struct connectivity *q)
{
    struct str from = str_of(q->from);
    if (!check_pod(l, from)) return;
    if (q->to_pod && check_pod(l, str_of(q->to_pod))) check_policy(l, from, str_of(q->to_pod));
    if (q->to_service) check_service(l, from, str_of(q->to_service));
    if (q->host)
        check_policy(l, from,
                     str_fmt(l->a, "%s://%s%s%s%s", q->protocol ? q->protocol : "http", q->host, q->port ? ":" : "",
                             q->port ? q->port : "", q->protocol && strcmp(q->protocol, "http") ? "" : "/"));
}

int verify_connectivity(const struct place *p, const struct connectivity *q)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct look l = {.a = a, .from = controllers_open(p, &err)};
    if (l.from) l.status = controllers_status(l.from, false, &err);
    if (l.status) check_all(&l, q);
    controllers_close(l.from);
    if (!l.status) return verb_fail("%s", err.text);
    json_decref(l.status);
    return l.checks.failed ? 1 : 0;
}
