/* apply.c - JSON Patch (RFC 6902): the operations that inject_patch uses. */
#include "inject/internal.h"

/* A pointer's token with ~1 and ~0 resolved; NUL-terminated in |a|. */
static const char *unescaped(struct arena *a, struct str token)
{
    char *out = arena_alloc(a, token.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < token.n; i++) {
        bool escape = token.p[i] == '~' && i + 1 < token.n && (token.p[i + 1] == '0' || token.p[i + 1] == '1');
        out[n++] = !escape ? token.p[i] : token.p[i + 1] == '0' ? '~' : '/';
        i += escape;
    }
    return out;
}

/* Index of an array's token, |limit| at most; -1 when it is none. "-" is |end|. */
static ptrdiff_t index_of(struct str token, size_t end, size_t limit)
{
    int64_t i;
    if (str_is(token, "-")) return end <= limit ? (ptrdiff_t)end : -1;
    if (token.n > 1 && token.p[0] == '0') return -1;
    return str_to_i64(token, 0, INT32_MAX, &i) && (size_t)i <= limit ? (ptrdiff_t)i : -1;
}

static json_t *child(json_t *of, struct str token, struct arena *a)
{
    if (json_is_object(of)) return json_object_get(of, unescaped(a, token));
    size_t n = json_array_size(of);
    ptrdiff_t i = n ? index_of(token, n, n - 1) : -1;
    return i < 0 ? NULL : json_array_get(of, (size_t)i);
}

/* Adds or replaces the member |token| of |parent|; false when there is no such place. */
static bool set_child(json_t *parent, struct str token, bool replace, json_t *value, struct arena *a)
{
    json_t *there = child(parent, token, a);
    if (replace && !there) return false;
    if (json_is_object(parent)) return json_object_set(parent, unescaped(a, token), value) == 0;
    size_t n = json_array_size(parent);
    ptrdiff_t i = json_is_array(parent) ? index_of(token, n, n) : -1;
    if (i < 0) return false;
    return (replace ? json_array_set(parent, (size_t)i, value) : json_array_insert(parent, (size_t)i, value)) == 0;
}

static bool apply_one(json_t *doc, const json_t *operation, struct arena *a)
{
    struct str op = json_text(operation, "op"), path = json_text(operation, "path");
    json_t *value = json_object_get(operation, "value");
    if (!value || path.n == 0 || path.p[0] != '/') return false;
    ptrdiff_t last = str_rfind(path, '/');
    struct str parents = str_sub(path, 1, last > 0 ? (size_t)last : 1), token = str_sub(path, (size_t)last + 1, path.n);
    json_t *parent = doc;
    if (last > 0)
        while (parent && parents.p) parent = child(parent, str_cut(&parents, '/'), a);
    if (!parent) return false;
    if (str_is(op, "test")) return json_equal(child(parent, token, a), value);
    if (!str_is(op, "add") && !str_is(op, "replace")) return false;
    json_t *copy = json_deep_copy(value);
    bool done = set_child(parent, token, str_is(op, "replace"), copy, a);
    json_decref(copy);
    return done;
}

bool patch_apply(json_t *doc, const json_t *patch, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const json_t *operation;
    size_t i;
    if (!json_is_array(patch)) return err_set(err, "a patch must be an array of operations");
    json_array_foreach(patch, i, operation)
    {
        if (apply_one(doc, operation, a)) continue;
        struct str op = json_text(operation, "op"), path = json_text(operation, "path");
        return err_set(err, "operation %zu of the patch (%.*s %.*s) does not apply", i, STR_FMT(op), STR_FMT(path));
    }
    return true;
}
