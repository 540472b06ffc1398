/* ca.h - the built-in certificate authority: one ECDSA P-256 root in a directory.
 *
 * Files: ca-key.pem (key and root together, so that one never stands without the other; 0600) and ca.pem (the root
 * alone, for whoever mounts it; 0644, written again at each start). Signing is pure computation and thread safe. */
#pragma once
#include "base/buf.h"
#include "identity/issuer.h"

#define CA_FILE_KEY    "ca-key.pem"
#define CA_FILE_ROOT   "ca.pem"
#define CA_COMMON_NAME "osm-ca.openservicemesh.io"

enum {
    CA_ROOT_DAYS = 3650,
    CA_BACKDATE_S = 60, /* not_before lies so far back: clocks differ */
};

/* The CA of |dir|, made there (directory 0700) when there is none yet. Refuses a key file that others may read, a
 * pair that does not match, and a root that has ended. |now| in seconds since 1970. NULL with err. */
MUST struct issuer *ca_open(const char *dir, int64_t now, struct err *err);
/* The CA of a pair that is kept elsewhere: key and root, both PEM, in one text. The same refusals. */
MUST struct issuer *ca_of_pem(struct str pair, int64_t now, struct err *err);
/* A new pair: appends the key and the root as PEM; |key| is the caller's to wipe. */
MUST bool ca_make(int64_t now, struct buf *key, struct buf *root, struct err *err);
