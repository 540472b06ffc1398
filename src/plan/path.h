/* path.h - what Envoy makes of a request's path before policy sees it, step by step the same (tried with 1.40):
 * normalize_path, merge_slashes, and escaped slashes refused. */
#pragma once
#include "base/arena.h"

/* |raw|: the path as sent, query included. False: Envoy answers 400. |*path| is what policy judges and what the
 * application receives, without the query; in |a|. |refuse_escaped|: the port has path rules, so %2F and %5C are
 * refused. */
bool path_normalize(struct arena *a, struct str raw, bool refuse_escaped, struct str *path);
