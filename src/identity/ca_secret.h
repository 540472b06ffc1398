/* ca_secret.h - the built-in CA kept in a Kubernetes Secret, which all replicas share.
 *
 * Keys of the Secret: private.key (PKCS#8, P-256) and ca.crt (PEM), as in the archived project. */
#pragma once
#include "identity/issuer.h"
#include "kube/client.h"

/* Reads the Secret, or makes it: of replicas that start at once one creates it and the others take that one. Waits for
 * the API; not within a callback of the client's loop. Refuses a Secret whose pair does not match or has ended. */
MUST struct issuer *ca_secret_open(struct kube_client *client, struct str ns, struct str name, int64_t now,
                                   struct err *err);
