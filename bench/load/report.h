/* report.h - times of many streams as one line of JSON. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline int report_order(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* {"n": .., "first_us": .., "p50_us": .., "p99_us": .., "last_us": ..: the object is left open. Sorts |ns|. */
static inline void report_times(int64_t *ns, size_t n)
{
    qsort(ns, n, sizeof *ns, report_order);
    printf("{\"n\": %zu", n);
    if (!n) return;
    printf(", \"first_us\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"last_us\": %.1f", (double)ns[0] / 1e3,
           (double)ns[n / 2] / 1e3, (double)ns[n * 99 / 100] / 1e3, (double)ns[n - 1] / 1e3);
}

/* CPU time of this process. */
static inline int64_t report_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
