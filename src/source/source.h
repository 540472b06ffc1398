/* source.h - where objects come from. A source turns bytes into objects and puts them into the store; it never
 * decides what they mean. */
#pragma once
#include <event2/event.h>

#include "base/errcode.h"
#include "store/store.h"

/* Something that a file or an API said which is not an object: listed by `osm status`. Replaced as a whole per
 * |where| whenever that place is read again. */
struct source_problem {
    int code;          /* errcode.h */
    struct str where;  /* "demo/app.yaml:3:7" */
    struct str object; /* title, or empty */
    struct str path;   /* "spec.rules[0].name" when it is about one field of an object; |text| begins with it */
    struct str text;
    bool is_error;
};
struct source_problems {
    struct source_problem *v;
    size_t n;
};

struct file_source;

struct file_source_options {
    /* Folders in rising precedence: an object in a later folder replaces the same object of an earlier one.
     * Within one folder a second object of the same kind and name is a problem (E8002) and the first (by file
     * name, then position) stays. */
    const char *dirs[4];
    /* Kinds to pass over per folder (bit 1 << kind); 0: none. */
    uint64_t skip[4];
    /* The last text of each file that parsed is kept here and is what holds while the present text does not
     * parse, across restarts too. NULL: in memory only. */
    const char *state_dir;
    /* Called when a batch of changes is in the store (one revision) or the problems changed. */
    void (*on_batch)(void *arg);
    void *arg;
};

/* Reads every *.yaml, *.yml and *.json below the folders (hidden names passed over, links to folders not followed)
 * and follows them by inotify on |base|: on close-write and rename at once; an emptied or vanished file gets 200 ms
 * to return (editors). The first batch is in the store when this returns; on_batch is for later ones. Files over
 * node_limits_default.bytes are a problem. A text that does not parse leaves the file's last good objects; in one
 * that does, each object stands for itself: one with errors is absent, an unknown kind a warning (E8010). Objects
 * without uid get one made of kind, namespace and name, so that every run agrees. Returns NULL with err only when a
 * folder cannot be read at all. |opt| is copied. */
MUST struct file_source *file_source_new(struct event_base *base, struct store *store,
                                         const struct file_source_options *opt, struct err *err);
void file_source_free(struct file_source *f);
/* Takes in now what the kernel already reports, instead of at the loop's next turn: a file that was saved before the
 * call is in the store after it (on_batch is called if it changed anything). */
void file_source_catch_up(struct file_source *f);
/* What is wrong now, by folder and file; borrowed until the next batch. Includes the warnings of decoded objects.
 * O(all objects) once per batch. */
struct source_problems file_source_problems(const struct file_source *f);

/* Reads files and folders once into |store|, for who judges them: same texts, problems (in |a|) and precedence as one
 * followed folder has, but a text or object with errors is absent. "-" is standard input. What cannot be read is a
 * problem (E8001). */
struct source_problems file_read_once(struct strs paths, struct store *store, struct arena *a);

/* ---- Kubernetes ---- */

struct kube_client;
struct kube_source;
struct kube_source_options {
    struct kube_client *client;
    const char *system_ns; /* the namespace of the MeshConfig */
    /* Called when a batch of changes is in the store (one revision), the problems changed, or it became ready. */
    void (*on_batch)(void *arg);
    /* Follows the cluster's own addresses as far as the API tells them: ServiceCIDRs, and podCIDRs of Nodes. Sorted,
     * neighbours joined. Before the first batch and when they change. NULL: they are not asked for. */
    void (*on_ranges)(void *arg, struct strs services, struct strs pods);
    void *arg;
};

/* Follows Namespaces, ServiceAccounts, Services, EndpointSlices, Pods, the MeshConfig and all kinds of policy, each by
 * one list and watch (kube/watch.h). Of an object only what the mesh reads is kept. A kind whose definition (CRD) is
 * absent is empty, and followed from the moment it appears; when the definition goes, so do its objects. One that does
 * not decode leaves its last good form, and a MeshConfig that never was good is read as an empty one (SMI policy,
 * egress off). A kind that cannot be followed any more keeps what is known of it. Nothing is in the store when this
 * returns. */
struct kube_source *kube_source_new(struct event_base *base, struct store *store,
                                    const struct kube_source_options *opt);
/* Before its client is freed. NULL is fine. The store keeps its objects. */
void kube_source_free(struct kube_source *s);
/* Was every kind whole once? It stays so. Until then the store holds a part of the world, which must not be
 * published. */
bool kube_source_is_ready(const struct kube_source *s);
/* What readiness waits for, as a sentence in |a|; empty when it is ready. */
struct str kube_source_waits_for(const struct kube_source *s, struct arena *a);
/* As file_source_problems. */
struct source_problems kube_source_problems(const struct kube_source *s);
/* What was in the store is published now: ends the measure of osm_kube_publish_time. */
void kube_source_published(struct kube_source *s);
/* Idempotent: makes the metrics known. */
void kube_source_metrics_init(void);
