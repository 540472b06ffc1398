/* net.h - links, addresses and routes of the outer namespace and of the pods in it.
 *
 * No bridge: each pod has a veth whose outer end carries a host route to the pod's address; everything else of a
 * pod goes through its default route to the outer namespace, which forwards and translates Service addresses. */
#pragma once
#include <netinet/in.h>
#include <sys/types.h>

#include "base/err.h"

#define NET_OUTER_ADDRESS "10.244.0.1"
#define NET_POD_RANGE     "10.244.0.0/16"
#define NET_SERVICE_RANGE "10.96.0.0/12"
/* Host parts of pod addresses; NET_HOST: of a pod that shares the outer network (hostNetwork). */
enum { NET_HOST = 1, NET_POD_FIRST = 2, NET_POD_LAST = 65534 };

/* Makes the calling process's (fresh) network namespace the outer one: loopback up, its address, forwarding. */
MUST bool net_outer_setup(struct err *err);
/* In the outer namespace: a veth to the network namespace of process |init|, and the route to the address with
 * host part |host|. The link and the route vanish with the pod's namespace. */
MUST bool net_pod_attach(unsigned host, pid_t init, struct err *err);
/* In the pod's own namespace, after net_pod_attach: address and default route of its end. */
MUST bool net_pod_setup(unsigned host, struct err *err);
/* "10.244.x.y" of a host part; |out| holds INET_ADDRSTRLEN bytes. */
void net_pod_address(unsigned host, char *out);
