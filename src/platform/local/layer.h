/* layer.h - an image's layer, where an overlay takes it.
 *
 * An overlay refuses a lower directory that lies within another one (ELOOP), which is so for every layer kept on the
 * machine's own root. Such a layer is copied. */
#pragma once
#include "base/err.h"

/* True when |layer| and |base| are on one file system, so that one may lie within the other. */
bool layer_overlaps(const char *layer, const char *base);
/* Copies directories, files and links of |from| into the new directory |to|, with owner and mode; anything else is
 * left out. O(bytes). */
MUST bool layer_copy(const char *from, const char *to, struct err *err);
