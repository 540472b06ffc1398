// rooms: base
/* JSON: what simdjson makes of any bytes is what jansson makes of them, as values and as nodes. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_jansson.h"

enum { DEPTH = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make((const char *)data, size);
    struct arena *a SCOPED_ARENA = arena_new();
    struct err e[4] = {0};
    json_t *fast = json_read(text, DEPTH, NULL, &e[0]), *slow = json_read_by_jansson(text, DEPTH, &e[1]);
    if (!fast != !slow || (fast && !json_equal(fast, slow))) abort();
    json_decref(fast);
    json_decref(slow);
    struct node_limits limits = {.bytes = 1 << 20, .depth = DEPTH, .nodes = 1000};
    struct node *x = node_parse_json(a, text, &limits, &e[2]), *y = node_parse_by_jansson(a, text, &limits, &e[3]);
    if (!x != !y) abort();
    if (x) {
        fast = node_to_json(x);
        slow = node_to_json(y);
        if (!json_equal(fast, slow)) abort();
        json_decref(fast);
        json_decref(slow);
    }
    return 0;
}
