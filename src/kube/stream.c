/* Events, with or without the whole state before them. */
#include <stdlib.h>

#include "base/clock.h"
#include "kube/watch_internal.h"

static bool end_by(struct kube_watch *w, enum watch_end end, const char *why)
{
    w->end = end;
    if (why) err_set(&w->end_why, "%s", why);
    return false;
}

/* An ERROR event carries a Status. */
static bool take_error(struct kube_watch *w, const struct node *status)
{
    const struct node *code = node_get(status, S("code"));
    struct str text = node_get_str(status, S("message")), reason = node_get_str(status, S("reason"));
    w->end_status = code && code->type == NODE_INT ? (int)code->i : 0;
    bool is_gone = w->end_status == 410 || str_is(reason, "Expired") || str_is(reason, "Gone");
    w->end = is_gone ? END_EXPIRED : END_STATUS;
    return err_set(&w->end_why, "%.*s (%d)", STR_FMT(text.n ? text : reason), w->end_status);
}

static void set_version(struct kube_watch *w, struct str version)
{
    if (!version.n) return;
    buf_reset(&w->version);
    buf_str(&w->version, version);
}

static bool take_bookmark(struct kube_watch *w, const struct node *meta)
{
    struct str version = node_get_str(meta, S("resourceVersion"));
    const struct node *notes = node_get(meta, S("annotations"));
    bool is_end = str_is(node_get_str(notes, S("k8s.io/initial-events-end")), "true");
    if (w->ask != ASK_STREAMING_LIST) {
        set_version(w, version);
        return true;
    }
    if (!is_end) return true;
    if (!version.n) return end_by(w, END_LYING, "the end of the list has no resourceVersion");
    return watch_whole(w, version) || end_by(w, END_STALE, NULL);
}

static bool take_object(struct kube_watch *w, struct str type, const struct node *o, bool unreadable)
{
    const struct node *meta = node_get(o, S("metadata"));
    bool is_gone = str_is(type, "DELETED");
    if (!is_gone && !str_is(type, "ADDED") && !str_is(type, "MODIFIED"))
        return end_by(w, END_LYING, "an event is of no known type");
    if (!node_get_str(meta, S("name")).n) return end_by(w, END_LYING, "an object has no name");
    w->events++;
    w->is_turn = true;
    w->opt.ops->event(w->opt.arg, is_gone ? KUBE_GONE : unreadable ? KUBE_UNREADABLE : KUBE_SET, o);
    /* What comes before the end of the state is in no order: no version to resume from. */
    if (w->ask == ASK_CHANGES) set_version(w, node_get_str(meta, S("resourceVersion")));
    return true;
}

static bool on_document(void *arg, struct str json, bool is_item)
{
    (void)is_item;
    struct kube_watch *w = arg;
    struct arena *a SCOPED_ARENA = arena_new();
    bool unreadable;
    struct node *n = watch_parse(a, json, &unreadable, &w->end_why);
    if (!n) return end_by(w, END_LYING, NULL);
    struct str type = node_get_str(n, S("type"));
    const struct node *o = node_get(n, S("object"));
    if (str_is(type, "ERROR")) return take_error(w, o);
    if (str_is(type, "BOOKMARK")) return take_bookmark(w, node_get(o, S("metadata")));
    return take_object(w, type, o, unreadable);
}

static int64_t time_left_ms(const struct kube_watch *w, int64_t whole_s)
{
    return whole_s * 1000 + WATCH_OVERDUE_MS - (clock_mono_ns() - w->began_ns) / 1000000;
}

static void on_started(void *arg)
{
    struct kube_watch *w = arg;
    watch_limit(w, w->ask == ASK_CHANGES ? time_left_ms(w, 2 * WATCH_MIN_S) : WATCH_IDLE_MS);
    if (w->ask == ASK_CHANGES) watch_set_state(w, KUBE_WATCH_LIVE, NULL);
}

static bool on_data(void *arg, struct str piece)
{
    struct kube_watch *w = arg;
    bool was_whole = w->ask == ASK_CHANGES;
    w->is_turn = false;
    bool ok = frames_feed(&w->frames, piece, &w->end_why);
    if (!ok && w->end == END_BY_ITSELF) w->end = END_LYING;
    if (ok && !was_whole) watch_limit(w, w->ask == ASK_CHANGES ? time_left_ms(w, 2 * WATCH_MIN_S) : WATCH_IDLE_MS);
    if (w->is_turn && w->ask == ASK_CHANGES && w->opt.ops->turn) w->opt.ops->turn(w->opt.arg);
    return ok;
}

/* Streaming lists are new: what is no answer to everybody is an answer to that. */
static bool refuses_streaming_lists(const struct kube_watch *w, const struct kube_answer *answer)
{
    int s = answer->status;
    if (w->ask != ASK_STREAMING_LIST || w->end == END_EXPIRED) return false;
    if (w->end == END_STATUS) return w->end_status == 500;
    return w->end == END_BY_ITSELF && !answer->is_ok && s >= 400 && s < 500 && s != 401 && s != 403 && s != 404 &&
           s != 410 && s != 429;
}

/* It brought changes, or stood for a second: what ends it is no reason to wait. */
static bool lived(const struct kube_watch *w)
{
    return w->ask == ASK_CHANGES && (w->events || clock_mono_ns() - w->began_ns > INT64_C(1000000000));
}

static void on_done(void *arg, const struct kube_answer *answer)
{
    struct kube_watch *w = arg;
    bool was_good = lived(w) && answer->status == 200 && w->end == END_BY_ITSELF;
    w->call = NULL;
    watch_limit(w, -1);
    frames_release(&w->frames);
    if (lived(w)) w->failures = 0;
    if (refuses_streaming_lists(w, answer)) {
        watch_count(w, "no-streaming-lists");
        kube_client_no_streaming_lists(w->client);
        list_start(w);
    } else if (was_good) { /* its time was over, or the line was cut: nothing is lost */
        watch_count(w, "ended");
        watch_again(w, kube_jitter(w->client, 100));
    } else
        watch_failed(w, answer);
}

static struct str query_of(struct kube_watch *w, bool with_state, struct arena *a)
{
    int64_t s = WATCH_MIN_S + kube_jitter(w->client, WATCH_MIN_S);
    struct str version = buf_view(with_state ? &w->floor : &w->version), q;
    q = str_fmt(a, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%d", (int)s);
    if (with_state) q = str_fmt(a, "%.*s&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", STR_FMT(q));
    if (!with_state || (w->stale && version.n))
        q = str_fmt(a, "%.*s&resourceVersion=%.*s", STR_FMT(q), STR_FMT(version));
    return w->opt.query ? str_fmt(a, "%.*s&%s", STR_FMT(q), w->opt.query) : q;
}

void stream_start(struct kube_watch *w, bool with_state)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str query = query_of(w, with_state, a);
    w->ask = with_state ? ASK_STREAMING_LIST : ASK_CHANGES;
    w->end = END_BY_ITSELF;
    w->events = 0;
    w->began_ns = clock_mono_ns();
    w->frames = (struct frames){.kind = FRAMES_STREAM, .max = WATCH_MAX_OBJECT, .document = on_document, .arg = w};
    if (with_state) w->opt.ops->begin(w->opt.arg);
    watch_limit(w, WATCH_HEAD_MS);
    struct kube_request r = {.path = str_fmt(a, "%s?%.*s", watch_path(w), STR_FMT(query)).p,
                             .accept = w->opt.metadata_only
                                           ? "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
                                             "application/json"
                                           : NULL,
                             .timeout_ms = -1,
                             .is_stream = true,
                             .no_retry = true,
                             .started = on_started,
                             .data = on_data};
    w->call = kube_call_start(w->client, &r, on_done, w);
}
