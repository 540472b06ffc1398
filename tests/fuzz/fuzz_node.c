// rooms: base
/* Documents: whatever parses must also survive the way to JSON and back. */
#include <stdlib.h>

#include "base/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct node_limits small = {.bytes = 1 << 16, .depth = 32, .nodes = 5000};
    struct arena *a SCOPED_ARENA = arena_new();
    struct str text = str_make((const char *)data, size);
    struct nodes docs;
    struct err err = {0};
    if (!node_parse(a, text, "fuzz.yaml", &small, &docs, &err)) {
        if (!err.is_set || err.text[0] == '\0') abort();
        docs.n = 0;
    }
    for (each(n, docs)) {
        json_t *j = node_to_json(*n);
        struct node *again = j ? node_of_json(a, j, &err) : NULL;
        if (!again || again->type != (*n)->type) {
            /* The one thing JSON cannot say: infinity and not-a-number become text. */
            if (!again || (*n)->type != NODE_FLOAT) abort();
        }
        json_decref(j);
    }
    err_clear(&err);
    if (!node_parse_json(a, text, &small, &err) && !err.is_set) abort();
    return 0;
}
