/* ads.h - a delta ADS client that behaves as Envoy does: wildcards for clusters and listeners, endpoints by the
 * clusters that want them, routes by the listeners that name them, an acknowledgement for each response; after a
 * reconnect it says what it holds. Resources are not kept: names and versions are, once for all streams. */
#pragma once
#include "base/list.h"
#include "grpc.h"
#include "xds/xds.h"

struct ads_held { /* by slot */
    uint32_t slot, version;
};
struct ads_type {
    struct ads_held *v;
    size_t n, cap;
    bool is_answered; /* since the connection was made */
    size_t open;      /* names that were asked for and not yet answered */
};
struct ads {
    struct grpc grpc;
    const char *node;
    X509 *cert;
    struct ads_type types[XDS_TYPE_COUNT];
    bool wants_listeners;     /* has not asked for them on this connection */
    int64_t opened, synced;   /* CLOCK_MONOTONIC, ns; 0: not */
    int64_t again_at;         /* reconnect; 0: not due */
    int64_t hit;              /* when it got what ads_watch waits for; 0: not yet */
    unsigned failures;        /* connections in a row that did not become synced */
    uint64_t resources, gone; /* received, removals */
};
struct ads_options {
    const char *cluster;
    struct strs metadata; /* "key=value" */
    size_t ballast;       /* bytes of node.extensions */
    void (*synced)(struct ads *s);
    void (*hit)(struct ads *s);
    void (*ended)(struct ads *s, int status);
};
const struct grpc_ops *ads_grpc_ops(const struct ads_options *o);
/* Forgets everything, as a new Envoy in place of the old. */
void ads_forget(struct ads *s);
/* Before it is opened again. */
void ads_reset(struct ads *s);
/* From now on the first response of |type| that holds |needle| is the stream's hit. NULL bytes: none. */
void ads_watch(enum xds_type type, struct str needle);
