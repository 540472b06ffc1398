/* osm verify control-plane-health: is what an installation consists of there, does it run, and do its parts reach each
 * other. One line a check, with what to do when it fails. */
#include <stdio.h>

#include "base/names.h"
#include "cli/api.h"
#include "cli/place.h"
#include "cli/verb.h"
#include "cli/verify.h"
#include "install/apply.h"

struct health {
    struct arena *a;
    const struct place *place;
    struct installer in;
    struct str ns;
    struct checks checks;
};

/* The object, or NULL with what the server says. */
static const json_t *fetch(struct health *h, struct kube_request r, int *status, struct err *err)
{
    struct kube_answer x;
    err_clear(err);
    bool ok = kube_fetch(h->in.client, &r, h->a, &x, err);
    *status = x.status;
    return ok ? x.json : NULL;
}

/* ---- what was installed ---- */

static bool is_there(struct health *h, const json_t *object)
{
    struct kube_ref ref;
    struct err err = {0};
    int status;
    if (!install_ref(object, &ref) || fetch(h, kube_get(h->a, ref), &status, &err)) return true;
    if (status == 404)
        checks_say(&h->checks, false, 1, "%s %.*s is missing: osm mesh upgrade makes it again", ref.plural,
                   STR_FMT(ref.name));
    else
        checks_say(&h->checks, false, 1, "%s", err.text);
    return false;
}

/* |v|: what it was installed with. */
static bool check_objects(struct health *h, const struct install_found *f, struct install_values *v)
{
    struct err err = {0};
    struct strs remarks = {0};
    json_t *values = install_recall(f, &err), *all = NULL, *o;
    size_t i, there = 0;
    bool ok = values && install_decode(values, h->a, v, &remarks, &err) && install_render(v, h->a, &all, &err);
    json_decref(values);
    if (!ok) {
        checks_say(&h->checks, false, 0, "%s", err.text);
        return false;
    }
    json_array_foreach(all, i, o) there += is_there(h, o);
    checks_say(&h->checks, there == i, 0, "%zu of %zu objects of the installation are there", there, i);
    json_decref(all);
    return true;
}

/* ---- what runs ---- */

static const json_t *member(const json_t *o, const char *outer, const char *inner)
{
    return json_object_get(json_object_get(o, outer), inner);
}

static struct str why_not(const json_t *pod)
{
    const json_t *c;
    size_t i;
    json_array_foreach(member(pod, "status", "containerStatuses"), i, c)
    {
        struct str reason = json_text(member(c, "state", "waiting"), "reason");
        if (reason.n) return reason;
    }
    struct str phase = json_text(json_object_get(pod, "status"), "phase");
    return phase.n ? phase : S("not started");
}

static void check_pods(struct health *h)
{
    struct err err = {0};
    struct kube_ref ref = {.version = "v1", .plural = "pods", .ns = h->ns};
    int status;
    const json_t *pod,
        *list = fetch(h, kube_list(h->a, ref, "labelSelector=app%3D" INSTALL_ACCOUNT, 100, STR_NULL), &status, &err);
    size_t i, ready = 0;
    if (!list) {
        checks_say(&h->checks, false, 0, "%s", err.text);
        return;
    }
    json_array_foreach(json_object_get(list, "items"), i, pod)
    {
        struct str name = json_text(json_object_get(pod, "metadata"), "name"), why = why_not(pod);
        ready += kube_pod_is_ready(pod);
        if (!kube_pod_is_ready(pod))
            checks_say(&h->checks, false, 1, "pod %.*s is not ready (%.*s): kubectl -n %.*s describe pod %.*s",
                       STR_FMT(name), STR_FMT(why), STR_FMT(h->ns), STR_FMT(name));
    }
    checks_say(&h->checks, ready == i && i, 0, "%zu of %zu pods of the control plane are ready", ready, i);
}

static size_t ready_endpoints(const json_t *slices)
{
    const json_t *s, *e;
    size_t i, k, n = 0;
    json_array_foreach(json_object_get(slices, "items"), i, s) json_array_foreach(json_object_get(s, "endpoints"), k, e)
        n += !json_is_false(member(e, "conditions", "ready"));
    return n;
}

static void check_services(struct health *h)
{
    static const char *const names[] = {"osm-controller", "osm-injector", "osm-validator"};
    struct kube_ref ref = {.group = "discovery.k8s.io", .version = "v1", .plural = "endpointslices", .ns = h->ns};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct err err = {0};
        const char *query = str_fmt(h->a, "labelSelector=kubernetes.io%%2Fservice-name%%3D%s", names[i]).p;
        int status;
        const json_t *slices = fetch(h, kube_list(h->a, ref, query, 100, STR_NULL), &status, &err);
        size_t n = slices ? ready_endpoints(slices) : 0;
        if (!slices)
            checks_say(&h->checks, false, 0, "%s", err.text);
        else
            checks_say(&h->checks, n > 0, 0, "Service %s has %zu ready endpoint%s", names[i], n, n == 1 ? "" : "s");
    }
}

static void check_hooks(struct health *h, const struct install_values *v)
{
    static const char *const plurals[] = {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"};
    struct str names[] = {install_mutating_name(h->a, v), install_validating_name(h->a, v)};
    for (size_t i = 0; i < 2; i++) {
        struct kube_ref ref = {
            .group = "admissionregistration.k8s.io", .version = "v1", .plural = plurals[i], .name = names[i]};
        struct err err = {0};
        int status;
        const json_t *o = fetch(h, kube_get(h->a, ref), &status, &err), *hook;
        size_t k = 0, trusted = 0;
        json_array_foreach(json_object_get(o, "webhooks"), k, hook) trusted +=
            json_text(json_object_get(hook, "clientConfig"), "caBundle").n > 0;
        if (o)
            checks_say(&h->checks, trusted == k && k, 0, "webhook %.*s is %strusted by the API server",
                       STR_FMT(names[i]), trusted == k && k ? "" : "not yet ");
        else
            checks_say(&h->checks, false, 0, "%s", err.text);
    }
}

/* ---- what it says of itself ---- */

static void check_mesh(struct health *h)
{
    struct err err = {0};
    struct controllers *c = controllers_open(h->place, &err);
    json_t *st = c ? controllers_status(c, false, &err) : NULL, *d;
    controllers_close(c);
    if (!st) {
        checks_say(&h->checks, false, 0, "%s", err.text);
        return;
    }
    const json_t *proxies = json_object_get(st, "proxies");
    int64_t expected = json_number(proxies, "expected"), accepted = json_number(proxies, "accepted");
    size_t i, errors = 0;
    json_array_foreach(json_object_get(st, "diagnostics"), i, d) errors += json_flag(d, "error");
    checks_say(&h->checks, json_flag(st, "accepted"), 0, "%lld of %lld proxies have accepted the configuration%s",
               (long long)accepted, (long long)expected,
               json_flag(st, "accepted") ? "" : ": osm status shows which have not");
    /* Somebody's mistake in an object is no illness of the control plane. */
    checks_say(&h->checks, true, 0, "%zu objects are wrong%s", errors, errors ? ": osm status says how" : "");
    json_decref(st);
}

static bool find(struct health *h, const struct install_found **out, struct err *err)
{
    struct install_founds all;
    h->in.client = kube_connect(&h->place->kube, h->a, err);
    if (!h->in.client || !install_find(&h->in, h->a, &all, err)) return false;
    for (size_t i = 0; i < all.n; i++)
        if (str_eq(all.v[i].ns, h->ns) && !all.v[i].is_archived) *out = &all.v[i];
    return *out || err_set(err, "there is no control plane in namespace %.*s: osm mesh list shows where one is",
                           STR_FMT(h->ns));
}

int verify_control_plane(const struct place *p)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct health h = {.a = a, .place = p, .ns = str_of(place_namespace(p))};
    const struct install_found *f = NULL;
    struct install_values v;
    struct err err = {0};
    if (!kube_place_is_local(&p->kube)) {
        if (!find(&h, &f, &err)) {
            kube_client_free(h.in.client);
            return verb_fail("%s", err.text);
        }
        checks_say(&h.checks, true, 0, "mesh %.*s in namespace %.*s, %.*s", STR_FMT(f->mesh), STR_FMT(f->ns),
                   STR_FMT(f->version));
        bool is_known = check_objects(&h, f, &v);
        check_pods(&h);
        check_services(&h);
        if (is_known) check_hooks(&h, &v);
    }
    check_mesh(&h);
    kube_client_free(h.in.client);
    return h.checks.failed ? verb_fail("the control plane is not healthy") : 0;
}
