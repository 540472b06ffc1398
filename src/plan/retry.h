/* retry.h - the third half of an outbound key: how a caller repeats its calls. Private to the room. */
#pragma once
#include "mesh/retry.h"
#include "plan/plan.h"

#define RETRY_PART "~" /* begins a part's name behind "out:" */

/* "ns/svc|<reach>|<conditions>;<times>;<ns per try>;<ns before the first>" from "ns/svc|<reach>". The policy itself and
 * not its name is in the key, so that callers with equal policies share. */
struct str retry_key(struct arena *a, struct str plain, const struct mesh_repeat *r);
/* The other way. |*retry| NULL when the key has none. False when it is no such key. Texts point into |key|. */
MUST bool retry_key_parse(struct arena *a, struct str key, struct str *plain, struct plan_retry **retry);
