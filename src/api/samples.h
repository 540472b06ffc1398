/* samples.h - reading Prometheus' text format 0.0.4, as far as our own agents write it. */
#pragma once
#include "base/field.h"

struct sample {
    struct str name;
    struct kvs labels; /* in the order written; values unescaped */
    double value;
};
struct samples {
    struct sample *v;
    size_t n;
};
/* Every sample line of |text| whose name starts with |prefix|; lines that are malformed are passed over. At most
 * 100,000 samples. Everything lives in |a| or points into |text|. */
struct samples samples_parse(struct str text, struct str prefix, struct arena *a);
/* The value of a label, or STR_NULL (p == NULL). */
struct str sample_label(const struct sample *s, const char *name);
