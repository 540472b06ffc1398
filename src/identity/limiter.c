#include "identity/limiter.h"

#include <stdlib.h>

enum { SWEEP_AT = 8192 };

struct bucket {
    double left;
    int64_t at;
};

void limiter_init(struct limiter *l, double per_s, double burst)
{
    *l = (struct limiter){.per_s = per_s, .burst = burst};
}

static double level(const struct limiter *l, const struct bucket *b, int64_t now)
{
    double n = b->left + (double)(now - b->at) / 1e9 * l->per_s;
    return n < l->burst ? n : l->burst;
}

/* Drops what says nothing any more; all of it, if that is not enough: letting some ask early is better than running
 * out of memory. */
static void sweep(struct limiter *l, int64_t now, bool all)
{
    size_t it = 0;
    struct str key;
    struct bucket *b;
    while (map_next(&l->buckets, &it, &key, (void **)&b)) {
        if (!all && level(l, b, now) < l->burst) continue;
        map_del(&l->buckets, key);
        free(b);
    }
}

static struct bucket *bucket_of(struct limiter *l, struct str name, int64_t now)
{
    struct bucket *b = map_get(&l->buckets, name);
    if (b) return b;
    if (l->buckets.n >= SWEEP_AT) sweep(l, now, false);
    if (l->buckets.n >= SWEEP_AT) sweep(l, now, true);
    b = xcalloc(1, sizeof *b);
    *b = (struct bucket){.left = l->burst, .at = now};
    map_put(&l->buckets, name, b);
    return b;
}

bool limiter_allow(struct limiter *l, struct str name, int64_t now_ns)
{
    struct bucket *b = bucket_of(l, name, now_ns);
    b->left = level(l, b, now_ns);
    b->at = now_ns;
    if (b->left < 1) return false;
    b->left -= 1;
    return true;
}

void limiter_release(struct limiter *l)
{
    sweep(l, 0, true);
    map_release(&l->buckets);
}
