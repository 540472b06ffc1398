/* cluster.h - the local cluster: the user's objects, the pods made of them, and what follows from both.
 *
 * After every change one round compares what the manifests want with what is there: namespaces and accounts, claims,
 * workloads, pods, Service addresses, EndpointSlices, names, the ruleset. A round looks at everything; a cluster on
 * one machine is small. */
#pragma once
#include "platform/local/dns.h"
#include "platform/local/made.h"
#include "platform/local/nft.h"
#include "platform/local/node.h"
#include "platform/local/pod.h"
#include "platform/local/workload.h"
#include "source/source.h"

struct cluster_options {
    struct event_base *base;
    const struct state *state;
    const char *dir;            /* the user's folder; NULL: this is the node of an API, below */
    const char *node;           /* its name */
    struct kube_client *client; /* the API */
    const struct image_table *images;
    struct strs no_mesh;     /* namespaces that, undeclared, are not in the mesh */
    const char *osm, *envoy; /* programs of the sidecar */
    struct strs hidden;
    /* A pod came, changed or went; a line for people. */
    void (*tell)(void *arg, const char *line);
    void *arg;
};

/* A pod that is there, or (pod NULL) one that cannot be made. */
struct entry {
    struct pod *pod;
    struct str key, ns, name;
    struct str owner;    /* "Deployment/ns/name"; empty: a Pod of the manifests */
    struct str revision; /* hash of what it was made from */
    int64_t ordinal, serial;
    unsigned round; /* pod NULL: the last one that refused it */
    bool was_ready;
    struct arena *arena;
};

struct cluster {
    struct cluster_options opt;
    struct pod_host host;
    struct sheet *sheet;
    struct store *store;
    struct file_source *source; /* NULL: |node| */
    struct local_node *node;
    struct made *made;
    struct dns *dns;
    struct nft_loader *nft;
    struct map entries;       /* "ns/name" → struct entry */
    struct map jobs;          /* "ns/name" → when first seen, unix seconds */
    struct map addresses;     /* Service key → its address, kept while it lives (malloc'd) */
    unsigned char used[8192]; /* bit per host part of a pod's address */
    unsigned next_number, round_number;
    int64_t serial;
    struct event *round, *later;
    bool ending;
};

/* Starts reading; pods come with the first round, on the loop. */
MUST struct cluster *cluster_new(const struct cluster_options *opt, struct err *err);
void cluster_free(struct cluster *c);
/* A round soon. */
void cluster_touch(struct cluster *c);
/* Ends all pods, each within |grace_s|; no new ones come. */
void cluster_end(struct cluster *c);
/* No pod is left. */
bool cluster_is_empty(const struct cluster *c);
/* POD as users write it: "ns/name", "name" in |ns|, "deploy/name" (its first ready pod). NULL with err. */
struct pod *cluster_pod(struct cluster *c, struct str ns, struct str ref, struct err *err);

/* ---- cluster_pods.c ---- */
struct pod_plan {
    json_t *doc; /* taken over */
    struct str ns, name, owner, revision;
    int64_t ordinal;
};
/* Injects and starts a pod, or notes why it cannot be. */
void cluster_make_pod(struct cluster *c, const struct pod_plan *plan);
/* Starts it as the document says. No entry of that name is there. */
void cluster_start_pod(struct cluster *c, const struct pod_plan *plan);
/* Pods of the manifests themselves. */
void cluster_bare_pods(struct cluster *c);
/* Pods whose owner is gone; refusals that no longer are. */
void cluster_drop_orphans(struct cluster *c);
void cluster_pods_release(struct cluster *c);
struct lookup cluster_lookup(struct cluster *c);
void cluster_pod_changed(void *cluster, struct pod *p);
void cluster_pod_gone(void *cluster, struct pod *p);

/* ---- cluster_node.c: the pods of an API's node ---- */
void cluster_node_start(struct cluster *c, void (*on_batch)(void *cluster));
void cluster_node_round(struct cluster *c);
/* Is all there that the first round needs? */
bool cluster_is_up(const struct cluster *c);

/* ---- cluster_workloads.c ---- */
/* Seconds until it wants to be called again; 0: no wish. */
int64_t cluster_workloads(struct cluster *c);

/* ---- cluster_services.c ---- */
void cluster_namespaces(struct cluster *c);
void cluster_services(struct cluster *c);
