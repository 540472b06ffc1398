/* tickets.h - the secret from which the keys of TLS session tickets come: kept in a file beside the CA, so that proxies
 * resume their sessions with a controller that was restarted, and need no new proof of who they are. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum { TICKETS_DAYS = 7 };

/* Appends the secret of |dir| to |out|, which is to be wiped (key_wipe); makes a new one (0600) when there is none or it
 * is older than TICKETS_DAYS: then old tickets end. A file that others may read is replaced. |now|: Unix seconds. */
MUST bool tickets_secret(const char *dir, int64_t now, struct buf *out, struct err *err);
