/* base64.h - RFC 4648 section 4, with padding. */
#pragma once
#include "base/buf.h"

/* Appends the text of |bytes|. */
void base64_write(struct str bytes, struct buf *out);
/* Bytes of |text| in |a|; line breaks are passed over, anything else that is not base64 gives false. */
bool base64_read(struct arena *a, struct str text, struct str *out);
