/* object.h - a typed, immutable object: what a source makes of bytes, what the store holds.
 *
 * Counted; everything in it lives in its own arena and never changes after object_decode. Safe to share
 * between threads. */
#pragma once
#include "base/field.h"

/* Names of all kinds. Kubernetes' own are read in part; the mesh's are read whole. */
enum kind {
    KIND_NAMESPACE,
    KIND_SERVICE_ACCOUNT,
    KIND_CONFIG_MAP,
    KIND_SECRET,
    KIND_SERVICE,
    KIND_ENDPOINT_SLICE,
    KIND_POD,
    KIND_DEPLOYMENT,
    KIND_STATEFUL_SET,
    KIND_DAEMON_SET,
    KIND_JOB,
    KIND_PERSISTENT_VOLUME_CLAIM,
    KIND_MESH_CONFIG,
    KIND_MESH_ROOT_CERTIFICATE,
    KIND_EXTENSION_SERVICE,
    KIND_TRAFFIC_TARGET,
    KIND_HTTP_ROUTE_GROUP,
    KIND_TCP_ROUTE,
    KIND_TRAFFIC_SPLIT,
    KIND_EGRESS,
    KIND_INGRESS_BACKEND,
    KIND_RETRY,
    KIND_UPSTREAM_TRAFFIC_SETTING,
    KIND_TELEMETRY,
    KIND_COUNT
};

enum kind_flag {
    KIND_CLUSTER_SCOPED = 1,
    KIND_MESH = 2,         /* ours or SMI's: has a CRD */
    KIND_NOT_ENFORCED = 4, /* decoded and validated, not carried out yet (E8004) */
    KIND_KEEP_RAW = 8,     /* object.raw is kept (Pod and what carries a pod template) */
};

struct kind_info {
    const char *name, *plural, *short_name; /* "TrafficTarget", "traffictargets", "tt" (NULL: none) */
    const char *group;                      /* "" for core */
    const char *versions[4];                /* accepted in apiVersion; [0] is written and stored */
    unsigned flags;
    const struct table *table; /* the object without apiVersion, kind, metadata */
};

struct meta {
    struct str ns, name, uid;
    int64_t generation, created /* unix seconds */, deleted /* deletionTimestamp, 0: alive */;
    struct kvs labels, annotations;
    struct str owner_kind, owner_name; /* controller owner reference, or empty */
};
extern const struct table meta_table;

struct object {
    enum kind kind;
    struct meta meta;
    const void *body;    /* the kind's struct, as kind_info.table describes it */
    json_t *raw;         /* whole document when KIND_KEEP_RAW, else NULL; never changed */
    struct hash128 hash; /* meta (but uid, generation, created) and body */
    struct str file;     /* where it came from; empty when from an API */
    uint32_t line;
    struct problems problems; /* warnings only: an object with errors is never made */
    struct arena *arena;
    _Atomic int refs;
};

/* The table entry; never NULL. */
const struct kind_info *kind_info(enum kind k);
/* By apiVersion and kind as written; false when unknown to us. */
bool kind_find(struct str api_version, struct str kind, enum kind *out);
/* By name, plural or short name in any case (CLI); false when unknown. */
bool kind_lookup(struct str word, enum kind *out);

/* Makes an object of a parsed document. |file| may be empty. On failure NULL, and |probs| (in |a|) says all that is
 * wrong with line and path. A namespaced object without namespace gets "default". Unknown apiVersion/kind is a
 * problem with text "unknown kind …". */
MUST struct object *object_decode(const struct node *doc, struct str file, struct arena *a, struct problems *probs);
/* Same without |raw|, for who runs no pods. */
MUST struct object *object_decode_lean(const struct node *doc, struct str file, struct arena *a,
                                       struct problems *probs);
/* Same from a JSON value (API server, platform). */
MUST struct object *object_of_json(const json_t *doc, struct arena *a, struct problems *probs);
struct object *object_ref(const struct object *o);
void object_unref(struct object *o);
/* "TrafficTarget bookstore/buyer" in |a|. */
struct str object_title(struct arena *a, const struct object *o);
/* "ns/name", or "name" for cluster-scoped kinds, in |a|: the store's key. */
struct str object_key(struct arena *a, const struct object *o);
/* Does the label selector's matchLabels (all of them) fit? An empty selector fits nothing here (Service semantics). */
bool labels_match(struct kvs selector, struct kvs labels);
