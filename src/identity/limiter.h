/* limiter.h - how often one party may ask: a token bucket per name. One thread. */
#pragma once
#include "base/map.h"

struct limiter {
    struct map buckets;
    double per_s, burst;
};
/* |per_s| requests a second in the long run, |burst| at once. */
void limiter_init(struct limiter *l, double per_s, double burst);
void limiter_release(struct limiter *l);
/* May |name| ask at |now_ns| (monotonic)? Counts it if so. Memory is bounded: buckets that are full again are dropped.
 */
bool limiter_allow(struct limiter *l, struct str name, int64_t now_ns);
