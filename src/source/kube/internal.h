/* internal.h - the Kubernetes source's parts. Private to src/source/kube.
 *
 * feed.c keeps one kind in the store as its watch tells it, lean.c leaves out of a document what nobody reads,
 * definitions.c says which kinds there are, ranges.c finds the cluster's addresses, problems.c lists what is wrong,
 * source.c ties them together. */
#pragma once
#include "base/map.h"
#include "kube/client.h"
#include "kube/watch.h"
#include "source/source.h"

/* An object that does not decode: what is wrong with it. */
struct refusal {
    struct arena *arena;
    struct str title, path, text;
    int code;
    const char *instead; /* what holds instead of it */
};

struct feed {
    struct kube_source *source;
    enum kind kind;
    const char *path, *paths[3]; /* of its versions, in the source's arena */
    struct kube_watch *watch;    /* NULL: its definition is absent */
    bool is_wanted;              /* what |watch| shall be */
    bool must_restart;           /* its definition is another one */
    bool is_synced;              /* was whole, or absent, once */
    bool is_staging;
    struct map staged;  /* while a whole state comes: key → object, one reference each */
    struct map refused; /* key → struct refusal; of the whole state while staging: |staged_refused| */
    struct map staged_refused;
};

/* ---- definitions.c ---- */
struct definitions {
    struct kube_source *source;
    struct kube_watch *watch;
    struct map uids;   /* "traffictargets.access.smi-spec.io" → its uid (malloc) */
    struct map staged; /* the same, while a whole state comes */
    bool is_staging;
    bool is_known;  /* whole once */
    bool is_denied; /* they cannot be read: the kinds themselves are asked for */
};
void definitions_start(struct definitions *d, struct kube_source *s);
void definitions_release(struct definitions *d);
/* Is the kind's definition there? False also when that is not known. */
bool definitions_has(const struct definitions *d, enum kind k);

/* ---- ranges.c ---- */
struct range_list {
    struct kube_source *source;
    struct kube_watch *watch;
    const char *name, *first, *second; /* fields of spec with one range, or a list of them; |first| is preferred */
    struct map found, staged;          /* object → ranges joined by "," (malloc) */
    bool is_staging, is_synced;
};
struct ranges {
    struct range_list services, pods;
    bool is_changed;
};
void ranges_start(struct ranges *r, struct kube_source *s);
void ranges_release(struct ranges *r);
/* Tells the owner when they changed. */
void ranges_tell(struct ranges *r);
/* Sorted and without doubles; two halves of a larger range become it, and what lies in another goes. What is no range
 * is left out. In |a|. */
struct strs ranges_join(struct arena *a, struct strs all);

struct kube_source {
    struct event_base *base;
    struct kube_source_options opt;
    struct store *store;
    struct arena *arena;
    struct feed feeds[KIND_COUNT];
    size_t n_feeds;
    struct definitions definitions;
    struct ranges ranges;
    struct event *sync; /* starts and stops watches, outside their callbacks */
    bool is_changed;    /* since the last on_batch */
    bool is_ready;
    int64_t first_change_ns; /* monotonic, of what is not published; 0: nothing */
    struct arena *listing;   /* of |problems|; NULL: to be made */
    struct source_problems problems;
};

/* ---- source.c ---- */
/* Something that the store or the problems show changed. */
void source_changed(struct kube_source *s);
/* After a callback's last change: one batch. */
void source_turn(struct kube_source *s);
/* Watches are to be started or stopped: soon. */
void source_sync_soon(struct kube_source *s);
struct feed *source_feed(struct kube_source *s, enum kind k);

/* ---- feed.c ---- */
void feed_init(struct feed *f, struct kube_source *s, enum kind k);
/* Makes |watch| be as wanted; a kind that went away takes its objects with it. Not inside a callback of it. */
void feed_sync(struct feed *f);
void feed_release(struct feed *f);

/* ---- lean.c ---- */
/* A copy in |a| of what is read of a document of that kind, with apiVersion and kind; shares its leaves. */
const struct node *lean_document(const struct node *doc, enum kind k, struct arena *a);
/* "ns/name" or "name"; empty when it has no usable name. */
struct str lean_key(const struct node *doc, enum kind k, struct arena *a);

/* ---- problems.c ---- */
void refusal_free(struct refusal *r);
struct refusal *refusal_new(const struct node *doc, enum kind k, struct problems problems, const char *instead);
