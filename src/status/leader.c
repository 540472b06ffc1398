#include "status/leader.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

#define NS_PER_S INT64_C(1000000000)

struct leader {
    struct leader_options opt;
    struct arena *arena;  /* of the options */
    struct arena *seen_a; /* of |seen| */
    struct kube_lease seen;
    int64_t changed_ns; /* when |seen|.version was first seen; 0: never */
    int64_t renewed_ns; /* when our last renewal that was accepted began */
    int64_t began_ns;   /* the call under way */
    bool leads;
    struct kube_call *call;
    struct event *timer;
};

static void set_leads(struct leader *l, bool leads)
{
    if (l->leads == leads) return;
    l->leads = leads;
    log_info(leads ? "this controller writes to the API now" : "another controller writes to the API now");
    l->opt.changed(l->opt.arg, leads);
}

static void again_in(struct leader *l, int64_t ms)
{
    event_add(l->timer, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
}

static bool is_ours(const struct leader *l) { return str_eq(l->seen.holder, l->opt.identity); }

/* Free, or its holder has not been heard of for as long as it said. */
static bool is_to_be_had(const struct leader *l)
{
    if (!l->seen.version.n || !l->seen.holder.n) return true;
    int64_t s = l->seen.duration_s > 0 ? l->seen.duration_s : LEADER_LEASE_S;
    return clock_mono_ns() - l->changed_ns > s * NS_PER_S;
}

static void see(struct leader *l, const json_t *json)
{
    struct err err = {0};
    struct arena *a = arena_new();
    struct kube_lease now = {0};
    if (json && !kube_lease_read(json, a, &now, &err)) log_warn("the lease: %s", err.text);
    if (!l->changed_ns || !str_eq(now.version, l->seen.version)) l->changed_ns = clock_mono_ns();
    if (l->seen_a) arena_free(l->seen_a);
    l->seen_a = a;
    l->seen = now;
}

/* Whatever was not heard: leading ends in time. */
static void check_deadline(struct leader *l)
{
    if (l->leads && clock_mono_ns() - l->renewed_ns > LEADER_DEADLINE_S * NS_PER_S) set_leads(l, false);
}

static void on_written(void *arg, const struct kube_answer *x)
{
    struct leader *l = arg;
    l->call = NULL;
    if (x->is_ok) {
        see(l, x->json);
        l->renewed_ns = l->began_ns;
        set_leads(l, true);
    } else {
        if (x->status == 409) set_leads(l, false); /* somebody was faster: read it again */
        check_deadline(l);
    }
    again_in(l, LEADER_RETRY_MS);
}

static void write_lease(struct leader *l)
{
    struct arena *a SCOPED_ARENA = arena_new();
    int64_t now_us = clock_unix_s() * 1000000;
    struct kube_lease next = l->seen;
    bool taken_over = !is_ours(l);
    next.ns = l->opt.ns;
    next.name = l->opt.name;
    next.holder = l->opt.identity;
    next.duration_s = LEADER_LEASE_S;
    next.renewed_us = now_us;
    if (taken_over) next.acquired_us = now_us;
    if (taken_over && l->seen.version.n) next.transitions++;
    struct kube_request r = kube_lease_write(a, &next);
    r.timeout_ms = (LEADER_DEADLINE_S * 1000) / 2;
    l->began_ns = clock_mono_ns();
    l->call = kube_call_start(l->opt.client, &r, on_written, l);
}

static void on_read(void *arg, const struct kube_answer *x)
{
    struct leader *l = arg;
    l->call = NULL;
    bool known = x->is_ok || x->status == 404;
    if (known) see(l, x->is_ok ? x->json : NULL);
    if (known && l->leads && !is_ours(l)) set_leads(l, false);
    check_deadline(l);
    if (known && (is_ours(l) || is_to_be_had(l)))
        write_lease(l);
    else
        again_in(l, LEADER_RETRY_MS);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct leader *l = arg;
    struct arena *a SCOPED_ARENA = arena_new();
    check_deadline(l);
    struct kube_request r = kube_get(a, kube_lease_ref(l->opt.ns, l->opt.name));
    r.timeout_ms = (LEADER_DEADLINE_S * 1000) / 2;
    l->call = kube_call_start(l->opt.client, &r, on_read, l);
}

struct leader *leader_new(const struct leader_options *opt)
{
    struct leader *l = xcalloc(1, sizeof *l);
    l->opt = *opt;
    l->arena = arena_new();
    l->opt.ns = str_dup(l->arena, opt->ns);
    l->opt.name = str_dup(l->arena, opt->name);
    l->opt.identity = str_dup(l->arena, opt->identity);
    l->timer = evtimer_new(opt->base, on_timer, l);
    again_in(l, 0);
    return l;
}

static void give_back(struct leader *l)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct kube_answer x;
    struct err err = {0};
    struct kube_lease next = l->seen;
    next.ns = l->opt.ns;
    next.name = l->opt.name;
    next.holder = STR_NULL;
    next.duration_s = 1;
    struct kube_request r = kube_lease_write(a, &next);
    r.timeout_ms = 1000;
    r.no_retry = true;
    if (!kube_fetch(l->opt.client, &r, a, &x, &err)) log_info("the lease was not given back: %s", err.text);
}

void leader_free(struct leader *l)
{
    if (!l) return;
    kube_call_cancel(l->call);
    event_free(l->timer);
    if (l->leads) give_back(l);
    if (l->seen_a) arena_free(l->seen_a);
    arena_free(l->arena);
    free(l);
}

bool leader_leads(const struct leader *l) { return l->leads; }
