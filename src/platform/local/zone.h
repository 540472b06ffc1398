/* zone.h - the names of the local cluster, as Kubernetes' DNS has them. Pure; built anew after each change. */
#pragma once
#include "base/map.h"
#include "platform/local/endpoint.h"

/* RFC 1035 and 2782. event2/dns.h has a macro DNS_PTR of another value. */
enum dns_type { RECORD_A = 1, RECORD_PTR = 12, RECORD_AAAA = 28, RECORD_SRV = 33 };

struct dns_srv {
    uint16_t port;
    struct str target;
};
struct dns_name {
    LIST(uint32_t) addresses; /* network byte order */
    LIST(struct dns_srv) services;
    struct str pointer; /* of in-addr.arpa names */
    struct str alias;   /* ExternalName: CNAME */
};

struct zone {
    struct arena *arena;
    struct map names; /* lower case, without the last dot → struct dns_name */
};

/* An empty zone for suffix cluster.local. */
struct zone *zone_new(void);
void zone_free(struct zone *z);
/* A Service; |address| empty when headless or without address. */
void zone_add_service(struct zone *z, const struct meta *meta, const struct kube_service *service, struct str address);
/* An EndpointSlice's document; |headless| says whether its Service's own name means the pods. */
void zone_add_slice(struct zone *z, const json_t *slice, bool headless, bool publish_not_ready);
/* 10-244-0-7.ns.pod.cluster.local */
void zone_add_pod(struct zone *z, const json_t *pod);
/* NULL: there is no such name. Any case, with or without the last dot; "x.ns.svc.cluster" is taken for "….local". */
const struct dns_name *zone_find(const struct zone *z, struct str name);
/* Is it ours to answer (under cluster.local or a reverse name of our ranges)? */
bool zone_owns(struct str name);
