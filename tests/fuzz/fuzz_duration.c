// rooms: base
/* Durations and times: what parses prints as text that means the same. */
#include <stdlib.h>

#include "base/field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str s = str_make((const char *)data, size);
    int64_t v, again;
    if (duration_parse(s, &v) && (v < 0 || !duration_parse(duration_text(a, v), &again) || again != v)) abort();
    if (time_parse(s, &v)) {
        struct str text = time_text(a, v);
        bool has_four_digits = text.n == 20; /* 9999-12-31 west of Greenwich is in the year 10000 */
        if (has_four_digits && (!time_parse(text, &again) || again != v)) abort();
    }
    return 0;
}
