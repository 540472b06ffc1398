/* common.h - small things that several plan cells share. Private to the room. */
#pragma once
#include "mesh/upstream.h"
#include "mesh/workload.h"
#include "plan/plan.h"

/* The settings' TLS for connections between proxies. Borrowed. */
struct plan_tls plan_tls_of(struct cell *c);
/* "svc.ns.svc.cluster.local": what a client's SNI says and a server's chain waits for. */
struct str plan_server_name(struct arena *a, struct str ns, struct str service);
/* Its connection settings; |u| NULL: none. */
struct plan_connection plan_connection_of(const struct mesh_upstream *u);
extern const struct table plan_connection_table;
/* "ns/svc|<target port>|local": the cluster of the application itself. */
struct str plan_local_cluster(struct arena *a, struct str service, int64_t target);
/* Adds what IngressBackends open at the workload's pods. ingress.c. */
void plan_ingress_of(struct cell *c, struct arena *a, const struct workload *w, struct plan_inbound *out);
