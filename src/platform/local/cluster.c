#include "platform/local/cluster.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/names.h"
#include "net/loop.h"
#include "platform/local/net.h"

void cluster_touch(struct cluster *c) { event_active(c->round, EV_TIMEOUT, 0); }

static void on_round(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct cluster *c = arg;
    if (c->ending) return;
    c->round_number++;
    made_round_begin(c->made);
    int64_t again = 0;
    if (c->node) {
        cluster_node_round(c);
    } else {
        cluster_namespaces(c);
        cluster_bare_pods(c);
        again = cluster_workloads(c);
    }
    cluster_drop_orphans(c);
    cluster_services(c);
    made_round_end(c->made);
    if (again > 0) event_add(c->later, &(struct timeval){.tv_sec = again});
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    cluster_touch(arg);
}

/* The sheet lets go of replaced objects after a run; nothing is computed here. */
static void settle(struct cluster *c)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct sheet_delta delta;
    sheet_run(c->sheet, 0, a, &delta);
}

/* Pods that wait for an object look again now. */
static void on_batch(void *arg)
{
    struct cluster *c = arg;
    size_t it = 0;
    void *e;
    settle(c);
    cluster_touch(c);
    while (map_next(&c->entries, &it, NULL, &e))
        if (((struct entry *)e)->pod) pod_refresh(((struct entry *)e)->pod);
}

static bool start_source(struct cluster *c, struct err *err)
{
    c->sheet = sheet_new();
    c->store = store_new(c->sheet);
    if (!c->opt.dir) return cluster_node_start(c, on_batch), true;
    struct file_source_options opt = {.dirs = {c->opt.dir, c->opt.state->secrets},
                                      .state_dir = c->opt.state->last_good,
                                      .on_batch = on_batch,
                                      .arg = c};
    c->source = file_source_new(c->opt.base, c->store, &opt, err);
    return c->source != NULL;
}

struct cluster *cluster_new(const struct cluster_options *opt, struct err *err)
{
    struct cluster *c = xcalloc(1, sizeof *c);
    c->opt = *opt;
    c->next_number = NET_POD_FIRST;
    c->host = (struct pod_host){.base = opt->base,
                                .state = opt->state,
                                .images = opt->images,
                                .lookup = cluster_lookup(c),
                                .tokens = {token_issue, (void *)(uintptr_t)opt->state->tokens},
                                .osm = opt->osm,
                                .envoy = opt->envoy,
                                .hidden = opt->hidden,
                                .changed = cluster_pod_changed,
                                .gone = cluster_pod_gone,
                                .arg = c};
    c->made = made_new(opt->state->objects);
    c->nft = nft_loader_new(opt->base);
    c->round = evtimer_new(opt->base, on_round, c);
    c->later = evtimer_new(opt->base, on_later, c);
    c->host.http = http_client_new(opt->base, err);
    if (c->host.http && (c->dns = dns_new(opt->base, NET_OUTER_ADDRESS, 53, err)) && start_source(c, err)) {
        cluster_touch(c);
        return c;
    }
    cluster_free(c);
    return NULL;
}

void cluster_free(struct cluster *c)
{
    if (!c) return;
    cluster_pods_release(c);
    file_source_free(c->source);
    node_free(c->node);
    if (c->store) store_free(c->store);
    if (c->sheet) sheet_free(c->sheet);
    dns_free(c->dns);
    nft_loader_free(c->nft);
    made_free(c->made);
    http_client_free(c->host.http);
    event_free(c->round);
    event_free(c->later);
    free(c);
}

void cluster_end(struct cluster *c)
{
    size_t it = 0;
    void *e;
    c->ending = true;
    while (map_next(&c->entries, &it, NULL, &e))
        if (((struct entry *)e)->pod) pod_hurry(((struct entry *)e)->pod);
}

bool cluster_is_empty(const struct cluster *c)
{
    size_t it = 0;
    void *e;
    while (map_next(&c->entries, &it, NULL, &e))
        if (((struct entry *)e)->pod) return false;
    return true;
}

/* ---- names that users write ---- */

static struct pod *of_owner(struct cluster *c, struct str owner)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs keys = map_keys(&c->entries, a);
    struct pod *found = NULL;
    for (each(k, keys)) {
        const struct entry *e = map_get(&c->entries, *k);
        if (!e->pod || !str_eq(e->owner, owner) || pod_is_deleting(e->pod)) continue;
        if (!found || (!pod_is_ready(found) && pod_is_ready(e->pod))) found = e->pod;
    }
    return found;
}

struct pod *cluster_pod(struct cluster *c, struct str ns, struct str ref, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str first, rest;
    enum kind kind;
    key_split(ref, &first, &rest);
    if (!ns.n) ns = S("default");
    if (str_is(first, "deploy") || str_is(first, "sts") || str_is(first, "ds"))
        kind_lookup(first, &kind);
    else if (!first.n || !kind_lookup(first, &kind))
        kind = KIND_COUNT;
    struct entry *e = map_get(&c->entries, first.n ? ref : key_of(a, ns, ref));
    if (e && e->pod) return e->pod;
    if (kind == KIND_POD && (e = map_get(&c->entries, key_of(a, ns, rest))) && e->pod) return e->pod;
    struct pod *p = kind < KIND_COUNT
                        ? of_owner(c, str_fmt(a, "%s/%.*s/%.*s", kind_info(kind)->name, STR_FMT(ns), STR_FMT(rest)))
                        : NULL;
    if (!p)
        err_set(err, "there is no pod %.*s%s%.*s; osm status lists them", STR_FMT(first.n ? STR_NULL : ns),
                first.n ? "" : "/", STR_FMT(ref));
    return p;
}
