/* clock.h - time for the rooms that do I/O. The pure middle never includes it. */
#pragma once
#include <stdint.h>
#include <time.h>

/* Monotonic nanoseconds. */
static inline int64_t clock_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
/* Seconds since 1970. */
static inline int64_t clock_unix_s(void) { return (int64_t)time(NULL); }
