/* metrics.h - what the controller counts of objects and diagnostics; docs/metrics.md lists all metrics. Owner thread.
 */
#pragma once
#include "mesh/diag.h"

/* Before anything is counted; idempotent. |mesh|: the name of ours, lives on; NULL: NAME_MESH. */
void metrics_init(const char *mesh);
/* The store changed; old or new is NULL. */
void metrics_object(enum kind k, const struct object *old, const struct object *now);
/* Nothing that was counted by metrics_object waits to be computed any more. */
void metrics_settled(void);
/* An object's diagnostics are new or changed; NULL: there are none any more. */
void metrics_diagnostics(const struct mesh_diag_list *l);
