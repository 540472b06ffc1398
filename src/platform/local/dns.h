/* dns.h - the DNS server of the pods, over UDP and TCP, on the outer address. */
#pragma once
#include <event2/event.h>

#include "base/err.h"
#include "platform/local/zone.h"

struct dns;

MUST struct dns *dns_new(struct event_base *base, const char *address, int port, struct err *err);
struct evdns_base;
/* Names that are not the cluster's are asked of |resolver| (A records); without one they do not exist. Borrowed. */
void dns_set_forward(struct dns *d, struct evdns_base *resolver);
/* NULL is fine. */
void dns_free(struct dns *d);
/* What it answers from now on; takes over |z|. */
void dns_set_zone(struct dns *d, struct zone *z);
