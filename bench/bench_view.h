/* bench_view.h - what a proxy of each workload would hold, in bytes, from the revisions that a pipeline publishes. */
#pragma once
#include "xds/xds.h"

/* Takes a revision in. There is one record in the process, because xds_publish has no argument for it. */
void bench_view_take(const struct xds_revision *r);
/* Bytes of all resources in the view whose name begins with |prefix| ("ns/account/"), as they are sent; 0 when there is
 * none. */
uint64_t bench_view_bytes(struct str prefix);
