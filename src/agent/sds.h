/* sds.h - the two files from which Envoy reads certificate and roots: one JSON document per secret, PEM inline. Pure
 * text; who writes them renames them into place (a file that does not parse is printed into Envoy's log, key and all).
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* Secret SDS_CERTIFICATE. |out| then holds the key: wipe it. */
MUST bool sds_certificate(struct str chain, struct str key, struct buf *out, struct err *err);
/* Secret SDS_BUNDLE. |id| appears in Envoy's statistics as its version. */
MUST bool sds_bundle(struct str pem, struct str id, struct buf *out, struct err *err);
