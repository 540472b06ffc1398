#include "platform/local/doc.h"

#include <stdlib.h>

json_t *doc_at(const json_t *o, const char *path)
{
    struct str rest = str_of(path);
    while (o && rest.p) {
        struct str step = str_cut(&rest, '.');
        o = json_object_getn(o, step.p, step.n);
    }
    return (json_t *)o;
}

struct str doc_text(const json_t *o, const char *path)
{
    const json_t *v = doc_at(o, path);
    return json_is_string(v) ? str_make(json_string_value(v), json_string_length(v)) : STR_NULL;
}

const char *doc_cstr(const json_t *o, const char *path) { return json_string_value(doc_at(o, path)); }

int64_t doc_int(const json_t *o, const char *path, int64_t otherwise)
{
    const json_t *v = doc_at(o, path);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool doc_flag(const json_t *o, const char *path, bool otherwise)
{
    const json_t *v = doc_at(o, path);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

void doc_put(json_t *o, const char *path, json_t *value)
{
    struct str rest = str_of(path), step = str_cut(&rest, '.');
    for (; rest.p; step = str_cut(&rest, '.')) {
        json_t *next = json_object_getn(o, step.p, step.n);
        if (!json_is_object(next)) json_object_setn_new(o, step.p, step.n, next = json_object());
        o = next;
    }
    json_object_setn_new(o, step.p, step.n, value);
}

json_t *doc_str(struct str s)
{
    json_t *v = json_stringn(s.p ? s.p : "", s.n);
    return v ? v : json_string("");
}

struct str doc_line(struct arena *a, const json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    struct str s = str_dup(a, str_of(text));
    free(text);
    return s;
}
