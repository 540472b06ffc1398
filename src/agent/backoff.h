/* backoff.h - pauses between tries: doubling, with jitter, bounded. */
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>

struct backoff {
    int64_t first_ms, max_ms;
    int64_t now_ms; /* 0: not failed yet */
};

/* The next pause: between half of it and all of it. */
static inline int64_t backoff_next_ms(struct backoff *b)
{
    b->now_ms = b->now_ms ? b->now_ms * 2 : b->first_ms;
    if (b->now_ms > b->max_ms) b->now_ms = b->max_ms;
    return b->now_ms / 2 + random() % (b->now_ms / 2 + 1);
}
static inline void backoff_reset(struct backoff *b) { b->now_ms = 0; }
static inline struct timeval timeval_ms(int64_t ms) { return (struct timeval){ms / 1000, ms % 1000 * 1000}; }
