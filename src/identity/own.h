/* own.h - a certificate whose key the controller makes itself, renewed while it runs: its own server certificate,
 * issued to NAME_CONTROLLER_DNS, which no workload can get; an ingress gateway's. */
#pragma once
#include "identity/issuer.h"
#include "net/loop.h"

struct own_cert;
struct own_cert_options {
    struct event_base *base; /* of the owner's loop */
    struct mailbox *mail;    /* on the same loop */
    struct issuer *issuer;   /* borrowed */
    int64_t validity_s;      /* 0: a day */
    struct str dns;          /* its name; empty: NAME_CONTROLLER_DNS. Copied */
    /* A new key (PEM) and its chain. On the loop's thread; with an issuer that answers at once, the first time within
     * own_cert_new. The texts are wiped after the call. */
    void (*changed)(void *arg, struct str chain, struct str key);
    void *arg;
};
/* Asks for the certificate; a failure is logged and tried again with growing pauses (1 s to 1 min). NULL with err only
 * when no key can be made. On the loop's thread. */
MUST struct own_cert *own_cert_new(const struct own_cert_options *opt, struct err *err);
/* |changed| is not called any more. A request that the issuer has open is waited for on the loop: the issuer and the
 * mailbox must live on until it is answered. NULL is fine. */
void own_cert_free(struct own_cert *o);
