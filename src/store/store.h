/* store.h - the current set of objects, as inputs of the sheet, with the few indexes the mesh needs.
 *
 * Sources put and remove; cells read. One batch of puts followed by sheet_run is one revision. */
#pragma once
#include "kinds/object.h"
#include "sheet/sheet.h"

struct store;

struct store *store_new(struct sheet *sheet);
/* Before or after sheet_free of its sheet; no cell may be computed in between. */
void store_free(struct store *s);
/* Takes over one reference of |o|. Replaces an object of the same kind and key; one with the same content, uid,
 * generation and creation time changes nothing (and if it also stands at the same place of the same file, the old
 * pointer stays). Not inside sheet_run. O(its own size). */
void store_put(struct store *s, struct object *o);
/* Would putting the one over the other change nothing: equal content (the raw document too), uid, generation and
 * creation time? */
bool store_is_same(const struct object *x, const struct object *y);
/* Absent is fine. */
void store_remove(struct store *s, enum kind k, struct str key);
/* Outside cells: the object or NULL, not recorded; borrowed until the next put or remove of that key. */
const struct object *store_peek(const struct store *s, enum kind k, struct str key);
/* Outside cells: all keys of a kind in byte order, in |a|. O(their number). */
struct strs store_keys(const struct store *s, enum kind k, struct arena *a);
/* A listener is told of every change after it is applied; old or new is NULL. The pipeline uses it to observe the
 * cells that belong to an object. At most one. */
void store_on_change(struct store *s,
                     void (*fn)(void *arg, enum kind k, struct str key, const struct object *old,
                                const struct object *now),
                     void *arg);

/* ---- inside cells: recorded reads ---- */
const struct object *store_get(struct cell *c, enum kind k, struct str key);

enum store_index {
    INDEX_BY_NAMESPACE,           /* key "<kind name>/<ns>" → keys of objects of that kind in that namespace */
    INDEX_SLICES_BY_SERVICE,      /* key "ns/service" → EndpointSlice keys (label kubernetes.io/service-name) */
    INDEX_TARGETS_BY_SOURCE,      /* key "ns/sa" → TrafficTarget keys with that ServiceAccount among the sources */
    INDEX_TARGETS_BY_DESTINATION, /* key "ns/sa" → TrafficTarget keys */
    INDEX_SPLITS_BY_NAMESPACE,    /* key "ns" → TrafficSplit keys */
    INDEX_SERVICES_BY_ADDRESS,    /* key "10.0.0.1" → Service keys with that cluster IP */
    INDEX_PODS_BY_ACCOUNT,        /* key "ns/sa" → Pod keys */
    INDEX_SERVICES_BY_SELECTOR, /* key "ns/<label>=<value>", the first pair of the Service's selector in byte order (the
                                 * sorted map's first) → Service keys: a pod asks once per label of its own */
    INDEX_SPLITS_BY_SERVICE,    /* key "ns/svc" → TrafficSplit keys of that namespace that name the Service as root or
                                 * backend, in any dotted form: the text before the first dot counts */
    INDEX_UPSTREAMS_BY_SERVICE, /* key "ns/svc" → UpstreamTrafficSetting keys of that namespace whose host is its full
                                 * name */
    INDEX_INGRESS_BY_BACKEND,   /* key "ns/svc" → IngressBackend keys of that namespace that name the Service */
    INDEX_EGRESSES_BY_SOURCE,   /* key "ns/sa" → Egress keys with that ServiceAccount among the sources */
    INDEX_RETRIES_BY_SOURCE,    /* key "ns/sa" → keys of Retries with that ServiceAccount as source */
    INDEX_ALL, /* key "<kind name>" → all keys: allowed only for MeshConfig, TrafficSplit, Namespace and
                * Telemetry */
};
/* Keys in byte order, valid during this computation; only membership is recorded, not the objects' contents. Empty
 * when none. INDEX_ALL of any other kind is a programming error. */
struct strs store_index(struct cell *c, enum store_index i, struct str key);
