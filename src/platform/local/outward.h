/* outward.h - the way out of the local cluster: TCP to the machine's networks, without a link, rule or address there.
 *
 * A packet filter in the cluster's own namespace turns outward connections to a relay, whose other sockets are made in
 * the machine's network namespace. What is gone with the supervisor is everything. */
#pragma once
#include <event2/event.h>

#include "base/err.h"

struct outward;
struct evdns_base;

/* |host_net| is a descriptor of the machine's network namespace, borrowed. On the supervisor's loop, in the outer
 * namespace. NULL with err. */
MUST struct outward *outward_new(struct event_base *base, int host_net, struct err *err);
/* Asks the machine's own name servers; NULL when /etc/resolv.conf names none. Lives as long as |o|, which is until the
 * process ends. */
struct evdns_base *outward_resolver(struct outward *o);
