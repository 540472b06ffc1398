/* gateway.h - the certificate of an ingress gateway, which has no sidecar that could ask for one: issued to a name,
 * put into a Secret, renewed in time, taken away when it is no longer wanted (reference section 5.6). */
#pragma once
#include "identity/issuer.h"
#include "identity/secret_sink.h"
#include "net/loop.h"

struct gateway;
struct gateway_options {
    struct event_base *base;  /* of the owner's loop */
    struct mailbox *mail;     /* on the same loop */
    struct issuer *issuer;    /* borrowed */
    struct secret_sink *sink; /* borrowed */
};
struct gateway_wish {
    struct str dns;        /* the name in the certificate */
    struct str ns, secret; /* the Secret */
    int64_t validity_s;
};

struct gateway *gateway_new(const struct gateway_options *opt);
/* Takes nothing away. NULL is fine. */
void gateway_free(struct gateway *g);
/* What is wanted from now on; NULL: nothing. The same as before changes nothing; anything else is issued anew, and a
 * Secret of another name goes. Texts are copied. */
void gateway_set(struct gateway *g, const struct gateway_wish *w);
