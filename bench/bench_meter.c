#include "bench_meter.h"

#include <stdbool.h>
#include <time.h>

#include "base/clock.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION (void)0
#define CALLGRIND_TOGGLE_COLLECT        (void)0
#define CALLGRIND_DUMP_STATS_AT(what)   (void)(what)
#endif

static struct bench_cost at_start, at_aside, aside;
static bool runs, counts_instructions;

static struct bench_cost now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (struct bench_cost){clock_mono_ns(), (int64_t)t.tv_sec * 1000000000 + t.tv_nsec};
}

static struct bench_cost between(struct bench_cost from, struct bench_cost to)
{
    return (struct bench_cost){to.wall_ns - from.wall_ns, to.cpu_ns - from.cpu_ns};
}

static void toggle(void)
{
    if (runs && counts_instructions) CALLGRIND_TOGGLE_COLLECT;
}

void bench_meter_start(void)
{
    aside = (struct bench_cost){0};
    runs = true;
    at_start = now();
    toggle();
}

struct bench_cost bench_meter_stop(void)
{
    toggle();
    struct bench_cost whole = between(at_start, now());
    runs = false;
    return between(aside, whole);
}

void bench_meter_aside(void)
{
    toggle();
    at_aside = now();
}

void bench_meter_back(void)
{
    struct bench_cost d = between(at_aside, now());
    aside.wall_ns += d.wall_ns;
    aside.cpu_ns += d.cpu_ns;
    toggle();
}

void bench_meter_instructions(void)
{
    counts_instructions = true;
    CALLGRIND_START_INSTRUMENTATION;
}

void bench_meter_write(const char *what) { CALLGRIND_DUMP_STATS_AT(what); }
