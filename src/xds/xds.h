/* xds.h - the delta ADS server: resources as opaque bytes, slots, parts, views, streams.
 *
 * The owner thread publishes revisions; one or more I/O threads hold the streams. Nothing is locked on the send
 * path: a published revision is immutable, counted, and handed over by message. design.md section 6; the
 * conformance list is the protocol's own plus what was tried with Envoy 1.40. */
#pragma once
#include <event2/event.h>
#include <openssl/ssl.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/list.h"

enum xds_type { XDS_CLUSTER, XDS_ENDPOINT, XDS_LISTENER, XDS_ROUTE, XDS_SECRET, XDS_TYPE_COUNT };
/* "type.googleapis.com/envoy.config.cluster.v3.Cluster" … */
const char *xds_type_url(enum xds_type t);

/* A resource: immutable bytes. Counted, shared by all streams that hold it. */
struct xds_resource {
    enum xds_type type;
    struct str name;
    struct hash128 version; /* of the bytes */
    struct str bytes;       /* the message itself, without the Any around it; the end of |wire| */
    struct str wire;        /* DeltaDiscoveryResponse.resources with tag and length, as it is sent to everyone */
    struct str origin;      /* "TrafficTarget ns/name; Service ns/name": what a NACK is charged to */
    struct str *clusters;   /* for LDS and RDS: names of clusters it refers to, so that it waits for them */
    size_t n_clusters;
    _Atomic int refs;
};
/* Copies everything; one allocation. version is computed. */
struct xds_resource *xds_resource_new(enum xds_type type, struct str name, struct str bytes, struct str origin,
                                      struct strs clusters);
struct xds_resource *xds_resource_ref(struct xds_resource *r);
void xds_resource_unref(struct xds_resource *r);

struct xds_server;

/* Who is at the other end, from the client certificate alone. */
struct xds_peer {
    struct str spiffe_id;
    struct str node_id; /* what the node says: a hint, checked by resolve */
    struct str address;
};
struct xds_options {
    int threads;             /* I/O threads, >= 1 */
    const char *address;     /* numeric, "0.0.0.0" */
    uint16_t port;           /* 0: any free one; xds_server_port tells */
    SSL_CTX *tls;            /* TLS 1.3, asks for a client certificate but does not require one; counted */
    int max_streams;         /* 0: unlimited (MeshConfig maxDataPlaneConnections) */
    int64_t drain_ns;        /* listener removals wait for this after what stopped naming them was accepted */
    int64_t request_wait_ns; /* a stream without a request is ended after so long; 0: 10 s */
    int64_t warm_wait_ns;    /* RDS and LDS wait at most this long for the CDS ACK of clusters they name; 15 s */
    int64_t keepalive_ns,
        idle_close_ns;  /* HTTP/2 PING interval; a stream without progress is closed after idle_close */
    int64_t max_age_ns; /* connection age before GOAWAY, ±10 % jitter; 0: never */
    /* Any request that is not the ADS stream: POST /v1/certificate and GET /v1/bundle are served by this handler
     * on the I/O thread; see net/h2.h. NULL: 404. */
    struct h2_handler *other;
};
MUST struct xds_server *xds_server_new(struct event_base *owner, const struct xds_options *opt, struct err *err);
/* Ends all streams (GOAWAY), joins the threads. */
void xds_server_free(struct xds_server *s);
uint16_t xds_server_port(const struct xds_server *s);
/* A new certificate for new connections. */
void xds_server_set_tls(struct xds_server *s, SSL_CTX *tls);
void xds_server_set_max_streams(struct xds_server *s, int n);
/* Moves those away that are connected: each gets its GOAWAY at a random time within |over_ns|. New streams are served.
 */
void xds_server_drain(struct xds_server *s, int64_t over_ns);

/* ---- publishing (owner thread) ---- */
/* One revision: what changed. Everything is copied or counted; the arguments may go after the call. */
struct xds_slot_change {
    struct str part;
    struct xds_resource *now; /* NULL: removed */
    enum xds_type type;       /* with name: which slot */
    struct str name;
};
struct xds_view_change {
    struct str view; /* a workload's key */
    bool removed;
    struct strs parts; /* its parts, in order: of resources with one type and name the first part's holds */
};
struct xds_node_change {
    struct str node_id;   /* pod uid */
    struct str spiffe_id; /* the identity that may speak for it */
    struct str title;     /* "ns/pod" for logs and status */
    struct str view;      /* STR_NULL view with removed: the pod is gone, its stream is closed */
    bool removed;
};
struct xds_revision {
    uint64_t revision;
    LIST(struct xds_slot_change) slots;
    LIST(struct xds_view_change) views;
    LIST(struct xds_node_change) nodes;
    LIST(struct str) causes; /* objects that changed, as people are told: some of them, if they are many */
    size_t n_causes;         /* all of them */
};
/* Hands the revision to the I/O threads. O(change). Before the first publish streams are refused UNAVAILABLE.
 * A stream whose node id is unknown waits up to 3 s for a revision that knows it; one whose certificate is not
 * the node's identity is refused PERMISSION_DENIED with a log line naming both. */
void xds_publish(struct xds_server *s, const struct xds_revision *r);

/* ---- receipts (owner thread) ---- */
struct xds_refusal {
    struct str node, type_name, resource, origin, text; /* text is Envoy's */
    struct hash128 version;
};
struct xds_proxy_status {
    struct str title, node_id, spiffe_id, view, address;
    struct str envoy;    /* its version as it says itself: "1.40.0" */
    uint64_t accepted;   /* every change up to this revision is accepted, or refused and recorded */
    uint64_t resources;  /* it holds now */
    int64_t connected_s; /* unix */
    int64_t ends_s;      /* of its certificate, unix */
};
/* A revision, and the streams that had to be sent something because of it. Streams that end are not counted. */
struct xds_change_status {
    uint64_t revision;
    int64_t at_s; /* published, unix */
    struct strs causes;
    size_t n_causes;
    uint32_t expected, accepted; /* accepted: or refused, and recorded */
    uint32_t refused;            /* refusals while it was waited for */
    int64_t last_ns;             /* from publishing to the last acceptance so far; 0: none */
    struct strs waiting;         /* titles of some that have not accepted */
};
struct xds_status {
    uint64_t revision;          /* last published */
    uint64_t streams, accepted; /* streams that accepted it (a stream whose view it did not touch has accepted it) */
    LIST(struct xds_proxy_status) proxies; /* by title */
    LIST(struct xds_refusal) refusals;
    LIST(struct xds_change_status) changes; /* the last 64, the newest last */
};
/* Asks the threads and calls |done| on the owner thread with a status in an arena that |done| frees. */
void xds_status_get(struct xds_server *s, void (*done)(void *arg, struct xds_status *st, struct arena *a), void *arg);
