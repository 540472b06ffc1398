#include "kube/watch.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "kube/watch_internal.h"

enum { FIRST_MS = 800, MOST_MS = 30000, BAD_S = 60 };

#define NONE STR_NULL, STR_NULL

static struct metric live = {.name = "osm_kube_watch_live",
                             .help = "1: the kind is followed; 0: it is not, and what is known may be old",
                             .type = METRIC_GAUGE,
                             .labels = {"kind"}};
static struct metric restarts = {.name = "osm_kube_watch_restart_count",
                                 .help = "Streams and lists that ended, by why",
                                 .type = METRIC_COUNTER,
                                 .labels = {"kind", "reason"}};

void kube_watch_metrics_init(void)
{
    metric_register(&live);
    metric_register(&restarts);
}

void watch_count(struct kube_watch *w, const char *how)
{
    metric_add(&restarts, 1, str_of(w->opt.name), str_of(how), NONE);
}

int kube_version_compare(struct str x, struct str y)
{
    struct str both[] = {x, y};
    for (size_t i = 0; i < 2; i++)
        for (size_t c = 0; c < both[i].n; c++)
            if (both[i].p[c] < '0' || both[i].p[c] > '9') return 0;
    if (!x.n || !y.n) return 0;
    while (x.n > 1 && *x.p == '0') x = str_sub(x, 1, x.n);
    while (y.n > 1 && *y.p == '0') y = str_sub(y, 1, y.n);
    if (x.n != y.n) return x.n < y.n ? -1 : 1;
    int c = memcmp(x.p, y.p, x.n);
    return c < 0 ? -1 : c > 0;
}

const char *watch_path(const struct kube_watch *w) { return w->path ? w->opt.paths[w->path - 1] : w->opt.path; }

/* ---- turns: few whole states at once ---- */

static void dequeue(struct kube_watch *w)
{
    struct kube_lists *l = kube_client_lists(w->client);
    if (!w->is_queued) return;
    w->is_queued = false;
    *(w->prev ? &w->prev->next_queued : &l->first) = w->next_queued;
    *(w->next_queued ? &w->next_queued->prev : &l->last) = w->prev;
}

static bool take_turn(struct kube_watch *w)
{
    struct kube_lists *l = kube_client_lists(w->client);
    if (w->has_slot) return true;
    if (l->running < KUBE_LISTS_AT_ONCE) {
        l->running++;
        return w->has_slot = true;
    }
    if (w->is_queued) return false;
    w->is_queued = true;
    w->next_queued = NULL;
    w->prev = l->last;
    *(l->last ? &l->last->next_queued : &l->first) = w;
    l->last = w;
    return false;
}

static void end_turn(struct kube_watch *w)
{
    struct kube_lists *l = kube_client_lists(w->client);
    if (!w->has_slot) return;
    w->has_slot = false;
    l->running--;
    struct kube_watch *next = l->first;
    if (!next) return;
    dequeue(next);
    watch_again(next, 0);
}

/* ---- times ---- */

static void arm(struct event *e, int64_t ms)
{
    struct timeval t = {ms / 1000, ms % 1000 * 1000};
    event_add(e, &t);
}

void watch_limit(struct kube_watch *w, int64_t ms)
{
    if (ms < 0)
        event_del(w->limit);
    else
        arm(w->limit, ms);
}

void watch_again(struct kube_watch *w, int64_t ms)
{
    w->ask = ASK_NOTHING;
    arm(w->next, ms);
}

void watch_back_off(struct kube_watch *w, int64_t at_least_ms)
{
    int64_t ms = FIRST_MS;
    for (size_t i = 0; i < w->failures && ms < MOST_MS; i++) ms *= 2;
    if (ms > MOST_MS) ms = MOST_MS;
    if (ms < at_least_ms) ms = at_least_ms;
    w->failures++;
    end_turn(w);
    watch_again(w, ms + kube_jitter(w->client, ms));
}

/* ---- what came of it ---- */

void watch_set_state(struct kube_watch *w, enum kube_watch_state state, const char *why)
{
    bool is_same = w->state == state && strcmp(w->why.text, why ? why : "") == 0;
    if (state == KUBE_WATCH_LIVE) w->bad_since_ns = 0;
    metric_set(&live, state == KUBE_WATCH_LIVE, str_of(w->opt.name), STR_NULL, NONE);
    if (is_same) return;
    w->state = state;
    err_clear(&w->why);
    if (why) err_set(&w->why, "%s", why);
    if (state == KUBE_WATCH_FAILING || state == KUBE_WATCH_FORBIDDEN)
        log_warn("%s objects cannot be followed now: %s", w->opt.name, why ? why : "");
    else
        log_debug("%s: state %d", w->opt.name, (int)state);
    w->opt.ops->state(w->opt.arg, state, err_str(&w->why));
}

static void set_text(struct buf *b, struct str text)
{
    buf_reset(b);
    buf_str(b, text);
}

/* Another server, or one whose store was put back, may know less than was known: the store does not go back with it
 * unless it stays so. */
static bool is_stale(struct kube_watch *w, struct str version)
{
    if (kube_version_compare(version, buf_view(&w->floor)) >= 0 || w->stale >= WATCH_STALE_MAX) return false;
    w->stale++;
    watch_count(w, "stale");
    return true;
}

bool watch_whole(struct kube_watch *w, struct str version)
{
    struct buf copy SCOPED_BUF = {0};
    buf_str(&copy, version);
    if (is_stale(w, version)) {
        if (w->ask == ASK_LIST) watch_back_off(w, 0);
        return false;
    }
    w->stale = 0;
    w->events = 0;
    w->is_unpaged = false;
    w->ask = ASK_CHANGES; /* what follows on the same stream */
    set_text(&w->version, buf_view(&copy));
    set_text(&w->floor, buf_view(&copy));
    end_turn(w);
    w->opt.ops->whole(w->opt.arg);
    watch_set_state(w, KUBE_WATCH_LIVE, NULL);
    if (w->opt.ops->turn) w->opt.ops->turn(w->opt.arg);
    return true;
}

static void needs_whole(struct kube_watch *w)
{
    if (kube_version_compare(buf_view(&w->version), buf_view(&w->floor)) > 0)
        set_text(&w->floor, buf_view(&w->version));
    buf_reset(&w->version);
}

static void absent(struct kube_watch *w)
{
    size_t paths = 1;
    while (paths <= 3 && w->opt.paths[paths - 1]) paths++;
    w->path = (w->path + 1) % paths;
    if (w->path == 0) watch_set_state(w, KUBE_WATCH_ABSENT, NULL);
    needs_whole(w);
    buf_reset(&w->floor); /* a new API of that name counts anew */
    watch_count(w, "absent");
    if (w->path) {
        end_turn(w);
        watch_again(w, 0);
    } else
        watch_back_off(w, 0);
}

/* At once, but not again and again. */
static void expired(struct kube_watch *w)
{
    needs_whole(w);
    watch_count(w, "expired");
    if (w->failures == 0) {
        w->failures++;
        end_turn(w);
        watch_again(w, kube_jitter(w->client, 100));
    } else
        watch_back_off(w, 0);
}

static void refused(struct kube_watch *w, const struct kube_answer *answer)
{
    watch_count(w, "forbidden");
    watch_set_state(w, KUBE_WATCH_FORBIDDEN, answer->err.text);
    watch_back_off(w, answer->retry_after_ms);
}

/* A server that has said for a minute that it cannot go on from there may be able to begin anew. */
static void internal_error(struct kube_watch *w)
{
    int64_t now = clock_mono_ns();
    if (!w->bad_since_ns) w->bad_since_ns = now;
    if (now - w->bad_since_ns < BAD_S * INT64_C(1000000000)) return;
    w->bad_since_ns = 0;
    needs_whole(w);
}

static void failed(struct kube_watch *w, const struct kube_answer *answer)
{
    static const char *const reasons[] = {[END_BY_ITSELF] = "failed", [END_EXPIRED] = "expired", [END_STATUS] = "error",
                                          [END_LYING] = "lying",      [END_OVERDUE] = "overdue", [END_STALE] = "stale"};
    struct err why = answer->err;
    if (w->end != END_BY_ITSELF && w->end_why.is_set) err_set(&why, "%s: %s", watch_path(w), w->end_why.text);
    if (!why.is_set) err_set(&why, "%s: the stream ended at once", watch_path(w));
    if (w->end == END_STATUS && w->end_status == 500) internal_error(w);
    if (answer->status == 504 && str_is(answer->cause, "ResourceVersionTooLarge") && ++w->stale >= WATCH_STALE_MAX)
        buf_reset(&w->floor);
    watch_count(w, reasons[w->end]);
    if (w->end != END_STALE) watch_set_state(w, KUBE_WATCH_FAILING, why.text);
    watch_back_off(w, answer->retry_after_ms);
}

void watch_failed(struct kube_watch *w, const struct kube_answer *answer)
{
    bool is_http = w->end == END_BY_ITSELF;
    if (w->end == END_EXPIRED || (is_http && answer->status == 410))
        expired(w);
    else if (is_http && answer->status == 404)
        absent(w);
    else if (is_http && (answer->status == 401 || answer->status == 403))
        refused(w, answer);
    else
        failed(w, answer);
    err_clear(&w->end_why);
}

/* ---- life ---- */

static void on_next(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct kube_watch *w = arg;
    err_clear(&w->end_why);
    if (w->version.n)
        stream_start(w, false);
    else if (!take_turn(w))
        return;
    else if (kube_client_streams_lists(w->client))
        stream_start(w, true);
    else
        list_start(w);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct kube_watch *w = arg;
    struct kube_answer nothing = {0};
    if (!w->call) return;
    kube_call_cancel(w->call);
    w->call = NULL;
    frames_release(&w->frames);
    w->end = END_OVERDUE;
    err_set(&w->end_why, "the server says nothing more");
    watch_failed(w, &nothing);
}

struct kube_watch *kube_watch_new(struct kube_client *c, const struct kube_watch_options *o)
{
    struct kube_watch *w = xcalloc(1, sizeof *w);
    w->client = c;
    w->arena = arena_new();
    w->opt = *o;
    w->opt.path = str_c(w->arena, str_of(o->path));
    w->opt.name = str_c(w->arena, str_of(o->name));
    if (o->query) w->opt.query = str_c(w->arena, str_of(o->query));
    for (size_t i = 0; i < 3 && o->paths[i]; i++) w->opt.paths[i] = str_c(w->arena, str_of(o->paths[i]));
    w->next = evtimer_new(kube_client_base(c), on_next, w);
    w->limit = evtimer_new(kube_client_base(c), on_limit, w);
    metric_set(&live, 0, str_of(w->opt.name), STR_NULL, NONE);
    watch_again(w, 0);
    return w;
}

void kube_watch_free(struct kube_watch *w)
{
    if (!w) return;
    kube_call_cancel(w->call);
    dequeue(w);
    end_turn(w);
    event_free(w->next);
    event_free(w->limit);
    frames_release(&w->frames);
    struct buf *all[] = {&w->version, &w->floor, &w->go_on, &w->list_version};
    for (size_t i = 0; i < 4; i++) buf_free(all[i]);
    metric_set(&live, 0, str_of(w->opt.name), STR_NULL, NONE);
    arena_free(w->arena);
    free(w);
}

enum kube_watch_state kube_watch_state(const struct kube_watch *w) { return w->state; }
struct str kube_watch_why(const struct kube_watch *w) { return err_str(&w->why); }

void kube_watch_nudge(struct kube_watch *w)
{
    if (w->call || w->is_queued) return;
    w->failures = 0;
    watch_again(w, 0);
}
