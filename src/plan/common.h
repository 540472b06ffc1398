/* common.h - small things that several plan cells share. Private to the room. */
#pragma once
#include "mesh/upstream.h"
#include "mesh/workload.h"
#include "plan/plan.h"

/* The settings' TLS for connections between proxies. Borrowed. */
struct plan_tls plan_tls_of(struct cell *c);
/* "svc.ns.svc.cluster.local": what a client's SNI says and a server's chain waits for. */
struct str plan_server_name(struct arena *a, struct str ns, struct str service);
/* What an UpstreamTrafficSetting asks of the callers' proxies; |u| NULL: nothing. Texts are borrowed. */
struct plan_connection plan_connection_of(const struct mesh_upstream *u);
struct plan_timeouts plan_timeouts_of(const struct mesh_upstream *u);
struct plan_balance plan_balance_of(struct arena *a, const struct mesh_upstream *u);

/* And of the server's, for one of its chains: the services that count for all are added to the list. */
struct limits_plan {
    struct arena *a;
    const struct mesh_upstream *upstream; /* NULL: no limits */
    __typeof__(((struct plan_inbound *)0)->counters) *counters;
};
struct plan_limits plan_limits_of(struct limits_plan *p, bool is_http);
bool plan_has_limits(const struct plan_limits *l);
/* "ns/svc|<target port>|local": the cluster of the application itself. */
struct str plan_local_cluster(struct arena *a, struct str service, int64_t target);
/* Adds what IngressBackends open at the workload's pods. ingress.c. */
void plan_ingress_of(struct cell *c, struct arena *a, const struct workload *w, struct plan_inbound *out);
