/* bench_world.h - a mesh of any size, made of objects: what bench_flow measures.
 *
 * N Services of one HTTP port in namespaces of |per_namespace|; behind each two workloads (accounts <svc>-v1 and
 * <svc>-v2) of one pod, and one EndpointSlice. Each account is the destination of one TrafficTarget of three matches,
 * whose sources are the accounts of the |called| Services before it in the namespace: so many Services does a workload
 * reach in SMI mode, by twice as many TrafficTargets. Every tenth Service is
 * the root of a TrafficSplit over itself and its neighbour.
 *
 * With |policies| there are for every Service one Egress, IngressBackend, Retry and UpstreamTrafficSetting of a usual
 * size, for every namespace one Telemetry, and the MeshConfig has traces (bench_world_policy.c). */
#pragma once
#include "store/store.h"

struct bench_world {
    struct store *store;
    int services, per_namespace, called;
    bool permissive, policies;
};

/* Puts everything. */
void bench_world_put(const struct bench_world *w);
/* Number of objects that bench_world_put puts. */
int bench_world_objects(const struct bench_world *w);

/* Changes of one object of Service |i|; |turn| tells one from the next, so that none is without effect. */
void bench_world_endpoint(const struct bench_world *w, int i, int turn); /* an endpoint stops or begins being ready */
void bench_world_service(const struct bench_world *w, int i, int turn);  /* a second port comes or goes */
void bench_world_target(const struct bench_world *w, int i, int turn);   /* a method is added to or taken from a rule */
void bench_world_split(const struct bench_world *w, int i, int turn);    /* weights */
void bench_world_pod(const struct bench_world *w, int i, int turn);      /* a pod of a workload comes or goes */

/* Likewise one policy; it is made if it is not there. What each says: bench_world_policy.c. */
void bench_world_egress(const struct bench_world *w, int i, int turn);    /* of <svc>-v1: a third host comes or goes */
void bench_world_ingress(const struct bench_world *w, int i, int turn);   /* a second address range comes or goes */
void bench_world_retry(const struct bench_world *w, int i, int turn);     /* number of repetitions of <svc>-v1 */
void bench_world_setting(const struct bench_world *w, int i, int turn);   /* numbers that callers and servers have */
void bench_world_telemetry(const struct bench_world *w, int i, int turn); /* the log's format in the whole namespace */
/* The MeshConfig: a field that no proxy sees, and one that every proxy does. */
void bench_world_log_level(const struct bench_world *w, int i, int turn);
void bench_world_sampling(const struct bench_world *w, int i, int turn);

/* Puts the MeshConfig: members after the first of its "traffic" (each with a comma before it), and all of its
 * "observability". */
void bench_world_config(const struct bench_world *w, const char *traffic, const char *observability);
#define BENCH_TRACING(percent)                                                                                         \
    "\"tracing\":{\"enable\":true,\"address\":\"10.127.0.9\",\"samplingPercent\":" percent "}"

/* ---- for what makes further objects ---- */

/* Decodes the JSON |text| and puts the object; ends the process if it is none. */
void bench_world_object(const struct bench_world *w, struct arena *a, struct str text);
#define BENCH_PUT(w, ...)                                                                                              \
    do {                                                                                                               \
        struct arena *put_arena SCOPED_ARENA = arena_new();                                                            \
        bench_world_object((w), put_arena, str_fmt(put_arena, __VA_ARGS__));                                           \
    } while (0)
/* Number of the namespace "ns<n>" of Service |i|. */
int bench_world_ns(const struct bench_world *w, int i);
/* The Service |back| places before |i| in its namespace, in a ring; after it, if negative. */
int bench_world_before(const struct bench_world *w, int i, int back);
