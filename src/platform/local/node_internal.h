/* node_internal.h - what node.c, node_feed.c, node_pods.c and node_token.c share. */
#pragma once
#include "base/map.h"
#include "kube/request.h"
#include "kube/watch.h"
#include "platform/local/doc.h"
#include "platform/local/node.h"

enum { NODE_FEEDS = 6, NODE_RETRY_MS = 1000 };

/* One kind, as its watch tells it. */
struct node_feed {
    struct local_node *node;
    enum kind kind;
    struct kube_watch *watch;
    struct map seen; /* keys, while a whole state comes */
    bool is_staging, is_synced;
};

struct local_node {
    struct node_options opt;
    struct node_feed feeds[NODE_FEEDS];
    struct map calls;   /* "bind UID", "delete UID" → struct call */
    struct map reports; /* UID → struct report */
    struct map tokens;  /* "UID AUDIENCE" → struct node_token */
    struct kube_call *registering;
    struct event *retry;
    struct arena *arena; /* of |env| */
    struct kvs env;
    bool is_registered;
};

/* ---- node.c ---- */
/* What failed is tried again in a moment. */
void node_retry(struct local_node *n);

/* ---- node_feed.c ---- */
void node_feeds_start(struct local_node *n);
void node_feeds_stop(struct local_node *n);

/* ---- node_pods.c ---- */
void node_pods_retry(struct local_node *n);
void node_pods_release(struct local_node *n);

/* ---- node_token.c ---- */
void node_tokens_forget(struct local_node *n, struct str uid);
void node_tokens_release(struct local_node *n);
