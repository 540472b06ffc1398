/* bench_meter.h - what a stretch of this thread costs: wall time, CPU time, which other work on the machine does not
 * lengthen, and under `valgrind --tool=callgrind --instr-atstart=no --collect-atstart=no` instructions, which caches do
 * not change. Work that is not the measured one's (ours, or that of decoding) is set aside.
 *
 * One stretch at a time, in one thread. */
#pragma once
#include <stdint.h>

struct bench_cost {
    int64_t wall_ns, cpu_ns;
};

void bench_meter_start(void);
/* What it cost since, without what was set aside. */
struct bench_cost bench_meter_stop(void);

/* Around work that is not to count; in a stretch or outside one, not one in another. */
void bench_meter_aside(void);
void bench_meter_back(void);

/* From here on instructions of stretches are counted: in a large mesh making everything first would take minutes. */
void bench_meter_instructions(void);
/* Writes those counted since the last call into callgrind's next file, with |what| in it. */
void bench_meter_write(const char *what);
