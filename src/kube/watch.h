/* watch.h - follows one collection of the API for as long as it lives, whatever the server does.
 *
 * First the whole state: as a streaming list where the server has them, else as a list in pages of 500. Then the
 * changes, resumed from the last seen version when the stream ends. It begins anew with the whole state when the server
 * says that the version is too old (410, as a status and as an event), and only then; nothing is ever taken away
 * because a request failed. Failures back off from 0.8 s to 30 s with jitter, Retry-After is honoured, a stream that
 * says nothing beyond its own time is given up. kubernetes.md 1.2 to 1.4 and 9.2. */
#pragma once
#include "kube/client.h"

enum kube_watch_state {
    KUBE_WATCH_STARTING,  /* nothing is known yet */
    KUBE_WATCH_LIVE,      /* the whole state was delivered; changes follow */
    KUBE_WATCH_ABSENT,    /* 404: there is no such API; asked again */
    KUBE_WATCH_FORBIDDEN, /* 401, 403; asked again */
    KUBE_WATCH_FAILING,   /* anything else; tried again */
};

enum kube_event_type {
    KUBE_SET,        /* is so now */
    KUBE_GONE,       /* is not there any more */
    KUBE_UNREADABLE, /* changed, but is beyond our limits (node.h): only its metadata is given */
};

/* Callbacks run on the loop. None may free the watch. */
struct kube_watch_ops {
    /* A whole state begins; what an earlier begin delivered without |whole| is void. */
    void (*begin)(void *arg);
    /* An object is so now, or (never before |whole|) is gone. Objects of one version may come twice. |o| is valid
     * during the call. Items of lists come without kind and apiVersion. */
    void (*event)(void *arg, enum kube_event_type type, const struct node *o);
    /* The state is whole: what was not named since |begin| is not there. */
    void (*whole)(void *arg);
    /* The state changed, or |why| (empty unless something is wrong). */
    void (*state)(void *arg, enum kube_watch_state state, struct str why);
    /* What arrived together was given. May be NULL. */
    void (*turn)(void *arg);
};

struct kube_watch_options {
    const char *path;     /* the collection: "/api/v1/pods" */
    const char *paths[3]; /* others to try when that API is absent: other versions; NULL-ended */
    const char *query;    /* NULL, or selectors: "fieldSelector=metadata.name%3Dx" */
    const char *name;     /* for metrics and log: "Pod" */
    bool metadata_only;   /* PartialObjectMetadata: no spec, no status */
    const struct kube_watch_ops *ops;
    void *arg;
};

/* Two versions as numbers: -1, 0, 1; 0 also when one of them is no number. For telling that a server is behind, never
 * for more. */
int kube_version_compare(struct str x, struct str y);

struct kube_watch;
/* Starts at the loop's next turn. |o| is copied. At most three watches of a client are in their first list at once. */
struct kube_watch *kube_watch_new(struct kube_client *c, const struct kube_watch_options *o);
/* NULL is fine. */
void kube_watch_free(struct kube_watch *w);
enum kube_watch_state kube_watch_state(const struct kube_watch *w);
/* What is wrong, or empty; borrowed until the next callback. */
struct str kube_watch_why(const struct kube_watch *w);
/* Asks now instead of waiting for the next try: something says that the API is there. */
void kube_watch_nudge(struct kube_watch *w);
