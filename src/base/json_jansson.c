#include "base/json_jansson.h"

struct node *node_parse_by_jansson(struct arena *a, struct str text, const struct node_limits *limits, struct err *err)
{
    json_error_t why;
    json_t *j = json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!j) return ERR_NULL(err, "%d:%d: not JSON: %s", why.line, why.column, why.text);
    struct node *n = node_of_json_limited(a, j, limits, err);
    json_decref(j);
    return n;
}

/* Before the parser, which recurses, sees it. */
static bool is_too_deep(struct str text, size_t limit)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']') && depth)
            depth--;
        if (depth > limit) return true;
    }
    return false;
}

json_t *json_read_by_jansson(struct str text, size_t depth, struct err *err)
{
    json_error_t at;
    if (is_too_deep(text, depth)) return ERR_NULL(err, "nested deeper than %zu levels", depth);
    json_t *j = json_loadb(text.p ? text.p : "", text.n, 0, &at);
    return j ? j : ERR_NULL(err, "not JSON: line %d, column %d: %s", at.line, at.column, at.text);
}
