/* metrics.h - counters, gauges and histograms in Prometheus' text format.
 *
 * Metrics are declared in static tables by the rooms that own them and updated with relaxed atomics from any
 * thread; label sets are created on first use and never leave. */
#pragma once
#include "base/buf.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum { METRIC_MAX_LABELS = 4 };

struct metric {
    const char *name, *help;
    enum metric_type type;
    const char *labels[METRIC_MAX_LABELS]; /* NULL-terminated when fewer */
    const double *buckets;                 /* histogram: ascending upper bounds, ended by a value <= 0 */
    struct metric_state *state;            /* owned by metrics.c */
    struct metric *next;
};

/* Makes |m| (static storage) part of the exposition; idempotent. Thread safe. */
void metric_register(struct metric *m);
/* Values for the labels in the table's order; pass STR_NULL for unused ones. */
void metric_add(struct metric *m, double v, struct str l0, struct str l1, struct str l2, struct str l3);
void metric_set(struct metric *m, double v, struct str l0, struct str l1, struct str l2, struct str l3);
void metric_observe(struct metric *m, double v, struct str l0, struct str l1, struct str l2, struct str l3);
/* Current value of a counter or gauge without labels (tests, status). */
double metric_value(const struct metric *m);
/* Everything registered, sorted by name: text format 0.0.4. */
void metrics_write(struct buf *out);
