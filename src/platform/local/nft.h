/* nft.h - Service addresses in the outer namespace: one ruleset, loaded whole by the nft program. */
#pragma once
#include <event2/event.h>

#include "base/buf.h"
#include "platform/local/endpoint.h"

struct nft_target {
    struct str address;
    int64_t port;
};
/* One port of one Service address. */
struct nft_service {
    struct str address;
    int64_t port;
    int protocol;                    /* enum kube_ip_protocol; SCTP is passed over */
    LIST(struct nft_target) targets; /* ready ones; empty: no rule, the call is refused as unreachable */
};
struct nft_services {
    struct nft_service *v;
    size_t n;
};

/* The ruleset: destination translation, and source translation for a pod that gets to itself. Pure. */
void nft_ruleset(struct nft_services services, struct buf *out);

struct nft_loader;
/* Loads rulesets one after the other, the newest only when several wait. */
struct nft_loader *nft_loader_new(struct event_base *base);
void nft_loader_free(struct nft_loader *l);
/* The same text as before costs nothing. Failures are logged. */
void nft_load(struct nft_loader *l, struct str ruleset);
