/* edges.h - who calls whom, from the proxies' own statistics.
 *
 * Every call reads the statistics of the proxies that are connected; rates are over the time since the call before,
 * and are empty the first time. Owner thread. */
#pragma once
#include <event2/event.h>
#include <jansson.h>

#include "xds/xds.h"

struct edges;
MUST struct edges *edges_new(struct event_base *base, struct err *err);
void edges_free(struct edges *e); /* NULL is fine; calls under way are dropped without |done| */
/* |done| gets [{"from": "ns/name", "to": "ns/service", "requests": N, "rate": "2.0", "success": "100.0%", "p99": "3
 * ms", "denied": N, "tls": "TLSv1.3", "protocol": "http"}] by (from, to), borrowed. Of TCP ("protocol": "tcp") there
 * are "connections", those that could not be made as "denied", and "sentBytes" and "receivedBytes" of those that ended.
 * A proxy that does not answer within a second is left out. */
void edges_get(struct edges *e, const struct xds_status *st, void (*done)(void *arg, json_t *edges), void *arg);
