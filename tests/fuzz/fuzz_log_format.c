// rooms: mesh
/* Formats of access logs: what is let through is let through again, and JSON stays JSON. */
#include <stdlib.h>

#include "mesh/log_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str format = str_make((const char *)data, size), text, json, again_text, again;
    struct err err = {0};
    if (!log_format_parse(a, format, &text, &json, &err)) {
        if (!err.text[0]) abort();
        return 0;
    }
    if (!text.n == !json.n) abort();
    if (text.n && !log_text_check(text, &err)) abort();
    if (json.n && (!log_format_parse(a, json, &again_text, &again, &err) || !str_eq(json, again))) abort();
    return 0;
}
