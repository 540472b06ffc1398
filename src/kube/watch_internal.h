/* watch_internal.h - the parts of a watch. Private to src/kube.
 *
 * watch.c decides what to ask next, whole.c gets a whole state, stream.c reads events. */
#pragma once
#include "kube/client_internal.h"
#include "kube/frames.h"
#include "kube/watch.h"

enum {
    WATCH_MAX_OBJECT = 8 << 20,
    WATCH_MIN_S = 300, /* a stream is asked for so long, plus up to as much again */
    WATCH_HEAD_MS = 30000,
    WATCH_IDLE_MS = 60000, /* in a whole state something must come */
    WATCH_OVERDUE_MS = 30000,
    WATCH_PAGE = 500,
    WATCH_STALE_MAX = 3,
};

/* What is on its way. */
enum watch_ask { ASK_NOTHING, ASK_STREAMING_LIST, ASK_LIST, ASK_CHANGES };

/* Why a stream or list ended, when it was not the server's or the line's doing. */
enum watch_end { END_BY_ITSELF, END_EXPIRED, END_STATUS, END_LYING, END_OVERDUE, END_STALE };

struct kube_watch {
    struct kube_client *client;
    struct kube_watch_options opt;
    struct arena *arena; /* of |opt| */
    size_t path;         /* in use: 0: opt.path, else opt.paths[path - 1] */
    enum kube_watch_state state;
    struct err why;
    enum watch_ask ask;
    struct kube_call *call;
    struct event *next;  /* asks again */
    struct event *limit; /* what takes too long */
    struct frames frames;
    struct buf version; /* of the last event; empty: a whole state is needed */
    struct buf floor;   /* the highest version that was ever whole */
    struct buf go_on, list_version;
    enum watch_end end;
    int end_status; /* of an ERROR event */
    struct err end_why;
    bool has_slot, is_queued, is_unpaged, is_turn;
    int64_t began_ns, bad_since_ns; /* monotonic; 0: never */
    size_t events, failures, stale;
    struct kube_watch *prev, *next_queued; /* in the client's queue */
};

/* ---- watch.c ---- */
const char *watch_path(const struct kube_watch *w);
void watch_set_state(struct kube_watch *w, enum kube_watch_state state, const char *why);
void watch_limit(struct kube_watch *w, int64_t ms);
/* The state is whole as of |version|; false: it is older than what is known and was given up. */
bool watch_whole(struct kube_watch *w, struct str version);
void watch_count(struct kube_watch *w, const char *how);
/* Asks again after |ms|. */
void watch_again(struct kube_watch *w, int64_t ms);
void watch_back_off(struct kube_watch *w, int64_t at_least_ms);
/* Common to all answers: 401, 403, 404, 410, 429 and the rest. */
void watch_failed(struct kube_watch *w, const struct kube_answer *answer);

/* ---- stream.c ---- */
void stream_start(struct kube_watch *w, bool with_state);
/* ---- whole.c ---- */
void list_start(struct kube_watch *w);
/* An object as a tree; NULL with err when it is no JSON at all. |unreadable|: only its metadata is given. */
struct node *watch_parse(struct arena *a, struct str json, bool *unreadable, struct err *err);
