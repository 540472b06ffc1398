#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "source/kube/internal.h"

#define NONE STR_NULL, STR_NULL, STR_NULL

static const double seconds[] = {0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 0};
static struct metric lag = {.name = "osm_kube_publish_time",
                            .help = "Seconds from reading a change from the Kubernetes API to its revision",
                            .type = METRIC_HISTOGRAM,
                            .buckets = seconds};
static struct metric refused = {.name = "osm_kube_refused_objects",
                                .help = "Objects of the Kubernetes API that do not decode now",
                                .type = METRIC_GAUGE};
static struct metric ready = {
    .name = "osm_kube_ready", .help = "1: every kind was read whole once", .type = METRIC_GAUGE};

void kube_source_metrics_init(void)
{
    metric_register(&lag);
    metric_set(&refused, 0, STR_NULL, NONE);
    metric_set(&ready, 0, STR_NULL, NONE);
}

static const enum kind kinds[] = {KIND_NAMESPACE, KIND_SERVICE_ACCOUNT, KIND_SERVICE, KIND_ENDPOINT_SLICE, KIND_POD};

struct feed *source_feed(struct kube_source *s, enum kind k)
{
    for (size_t i = 0; i < s->n_feeds; i++)
        if (s->feeds[i].kind == k) return &s->feeds[i];
    return NULL;
}

/* ---- batches ---- */

void source_changed(struct kube_source *s)
{
    s->is_changed = true;
    if (!s->first_change_ns) s->first_change_ns = clock_mono_ns();
}

static bool is_synced(const struct kube_source *s)
{
    bool all = s->definitions.is_known || s->definitions.is_denied;
    for (size_t i = 0; i < s->n_feeds; i++) all &= s->feeds[i].is_synced;
    if (s->ranges.services.watch) all &= s->ranges.services.is_synced && s->ranges.pods.is_synced;
    return all;
}

static void count_refused(const struct kube_source *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_feeds; i++) n += s->feeds[i].refused.n;
    metric_set(&refused, (double)n, STR_NULL, NONE);
}

void source_turn(struct kube_source *s)
{
    if (!s->is_changed) return;
    s->is_changed = false;
    arena_free(s->listing);
    s->listing = NULL;
    count_refused(s);
    if (s->ranges.services.watch) ranges_tell(&s->ranges);
    if (!s->is_ready && is_synced(s)) {
        s->is_ready = true;
        metric_set(&ready, 1, STR_NULL, NONE);
        log_info("all kinds of objects are read");
    }
    s->opt.on_batch(s->opt.arg);
}

void kube_source_published(struct kube_source *s)
{
    if (!s->first_change_ns) return;
    metric_observe(&lag, (double)(clock_mono_ns() - s->first_change_ns) / 1e9, STR_NULL, NONE);
    s->first_change_ns = 0;
}

/* ---- watches come and go ---- */

static void on_sync(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct kube_source *s = arg;
    for (size_t i = 0; i < s->n_feeds; i++) feed_sync(&s->feeds[i]);
    source_turn(s);
}

void source_sync_soon(struct kube_source *s) { event_active(s->sync, EV_TIMEOUT, 0); }

/* ---- readiness ---- */

bool kube_source_is_ready(const struct kube_source *s) { return s->is_ready; }

static void waits(struct arena *a, struct strs *l, const char *kind, const struct kube_watch *w)
{
    struct str why = w ? kube_watch_why(w) : STR_NULL;
    list_push(a, l, why.n ? str_fmt(a, "%s (%.*s)", kind, STR_FMT(why)) : str_of(kind));
}

struct str kube_source_waits_for(const struct kube_source *s, struct arena *a)
{
    struct strs l = {0};
    if (s->is_ready) return STR_NULL;
    if (!s->definitions.is_known && !s->definitions.is_denied)
        waits(a, &l, "CustomResourceDefinition", s->definitions.watch);
    for (size_t i = 0; i < s->n_feeds; i++)
        if (!s->feeds[i].is_synced && s->feeds[i].is_wanted)
            waits(a, &l, kind_info(s->feeds[i].kind)->name, s->feeds[i].watch);
    const struct range_list *ranges[] = {&s->ranges.services, &s->ranges.pods};
    for (size_t i = 0; i < 2; i++)
        if (ranges[i]->watch && !ranges[i]->is_synced) waits(a, &l, ranges[i]->name, ranges[i]->watch);
    struct str names = str_join(a, l, S(", "));
    return str_fmt(a, "the Kubernetes API has not yet told all objects of: %.*s", STR_FMT(names));
}

/* ---- life ---- */

struct kube_source *kube_source_new(struct event_base *base, struct store *store, const struct kube_source_options *opt)
{
    struct kube_source *s = xcalloc(1, sizeof *s);
    kube_source_metrics_init();
    s->base = base;
    s->store = store;
    s->arena = arena_new();
    s->opt = *opt;
    s->opt.system_ns = str_c(s->arena, str_of(opt->system_ns));
    s->sync = event_new(base, -1, 0, on_sync, s);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) feed_init(&s->feeds[s->n_feeds++], s, kinds[i]);
    for (int k = 0; k < KIND_COUNT; k++)
        if (kind_info((enum kind)k)->flags & KIND_MESH) feed_init(&s->feeds[s->n_feeds++], s, (enum kind)k);
    definitions_start(&s->definitions, s);
    if (opt->on_ranges) ranges_start(&s->ranges, s);
    source_sync_soon(s);
    return s;
}

void kube_source_free(struct kube_source *s)
{
    if (!s) return;
    definitions_release(&s->definitions);
    ranges_release(&s->ranges);
    for (size_t i = 0; i < s->n_feeds; i++) feed_release(&s->feeds[i]);
    event_free(s->sync);
    arena_free(s->listing);
    arena_free(s->arena);
    free(s);
}
