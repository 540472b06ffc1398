/* bench_world.h - a mesh of any size, made of objects: what bench_flow measures.
 *
 * N Services of one HTTP port in namespaces of |per_namespace|; behind each two workloads (accounts <svc>-v1 and
 * <svc>-v2) of one pod, and one EndpointSlice. Each account is the destination of one TrafficTarget of three matches,
 * whose sources are the accounts of the |called| Services before it in the namespace: so many Services does a workload
 * reach in SMI mode, by twice as many TrafficTargets. Every tenth Service is
 * the root of a TrafficSplit over itself and its neighbour. */
#pragma once
#include "store/store.h"

struct bench_world {
    struct store *store;
    int services, per_namespace, called;
    int64_t
        *decode_ns; /* CPU time of decoding is added here: it is the source's work, not the flow's; NULL: not wanted */
};

/* Puts everything. */
void bench_world_put(const struct bench_world *w, bool permissive);
/* Number of objects that bench_world_put puts. */
int bench_world_objects(const struct bench_world *w);

/* Changes of one object of Service |i|; |turn| tells one from the next, so that none is without effect. */
void bench_world_endpoint(const struct bench_world *w, int i, int turn); /* an endpoint stops or begins being ready */
void bench_world_service(const struct bench_world *w, int i, int turn);  /* a second port comes or goes */
void bench_world_target(const struct bench_world *w, int i, int turn);   /* a method is added to or taken from a rule */
void bench_world_split(const struct bench_world *w, int i, int turn);    /* weights */
void bench_world_pod(const struct bench_world *w, int i, int turn);      /* a pod of a workload comes or goes */
