/* set.c - Helm's language for single values: a.b=c,d.e={x,y},f[0].g=1 */
#include "base/node.h"
#include "install/values.h"

enum { MAX_INDEX = 1024 };

struct reader {
    struct arena *a;
    struct str text;
    size_t at;
    struct err *err;
};

static bool is_end(const struct reader *r) { return r->at >= r->text.n; }
static char peek(const struct reader *r) { return is_end(r) ? '\0' : r->text.p[r->at]; }

/* Up to one of |stops|, with backslashes taken away. */
static struct str piece(struct reader *r, const char *stops)
{
    char *out = arena_alloc(r->a, r->text.n + 1);
    size_t n = 0;
    while (!is_end(r) && !strchr(stops, peek(r))) {
        if (peek(r) == '\\' && r->at + 1 < r->text.n) r->at++;
        out[n++] = r->text.p[r->at++];
    }
    return str_make(out, n);
}

/* As a YAML scalar: true, 12, null and text. */
static json_t *scalar(struct reader *r, struct str text)
{
    struct nodes docs = {0};
    struct err ignored = {0};
    bool plain = text.n && !memchr(text.p, '\n', text.n) && !strchr("[{&*!|>'\"%@`#-?:,", text.p[0]);
    if (str_is(text, "null")) return json_null();
    if (!plain && !(text.n > 1 && text.p[0] == '-')) return json_stringn(text.p ? text.p : "", text.n);
    if (!node_parse(r->a, text, "value", &node_limits_default, &docs, &ignored) || docs.n != 1 ||
        docs.v[0]->type == NODE_MAP || docs.v[0]->type == NODE_LIST || docs.v[0]->type == NODE_FLOAT)
        return json_stringn(text.p, text.n);
    return node_to_json(docs.v[0]);
}

static json_t *value(struct reader *r)
{
    if (peek(r) != '{') return scalar(r, piece(r, ","));
    json_t *list = json_array();
    r->at++;
    while (!is_end(r) && peek(r) != '}') {
        json_array_append_new(list, scalar(r, piece(r, ",}")));
        if (peek(r) == ',') r->at++;
    }
    if (peek(r) == '}') {
        r->at++;
        return list;
    }
    json_decref(list);
    err_set(r->err, "a list { is not closed by }");
    return NULL;
}

/* The place behind a name or an index: an object when it is absent. */
static json_t *child(json_t *at, const char *name, int64_t index, bool is_list)
{
    json_t *next = name ? json_object_get(at, name) : json_array_get(at, (size_t)index);
    if (is_list ? json_is_array(next) : json_is_object(next)) return next;
    next = is_list ? json_array() : json_object();
    if (name)
        json_object_set_new(at, name, next);
    else if ((size_t)index < json_array_size(at))
        json_array_set_new(at, (size_t)index, next);
    else
        json_array_append_new(at, next);
    return next;
}

static void put(json_t *at, const char *name, int64_t index, json_t *v)
{
    if (name && json_is_null(v))
        json_object_del(at, name), json_decref(v);
    else if (name)
        json_object_set_new(at, name, v);
    else if ((size_t)index < json_array_size(at))
        json_array_set_new(at, (size_t)index, v);
    else
        json_array_append_new(at, v);
}

static bool read_index(struct reader *r, int64_t *index)
{
    r->at++;
    struct str text = piece(r, "]");
    if (peek(r) != ']' || !str_to_i64(text, 0, MAX_INDEX, index))
        return err_set(r->err, "[%.*s is no index of a list", STR_FMT(text));
    r->at++;
    return true;
}

static bool one(struct reader *r, json_t *at)
{
    size_t begin = r->at;
    for (;;) {
        struct str name = piece(r, ".=[,");
        if (!name.n) return err_set(r->err, "\"%.*s\" names no value", STR_FMT(str_sub(r->text, begin, r->text.n)));
        const char *key = str_fmt(r->a, "%.*s", STR_FMT(name)).p;
        int64_t index = 0;
        while (peek(r) == '[') {
            at = child(at, key, index, true);
            key = NULL;
            if (!read_index(r, &index)) return false;
        }
        char c = peek(r);
        if (c != '.' && c != '=')
            return err_set(r->err, "\"%.*s\" has no value: write name=value", STR_FMT(str_sub(r->text, begin, r->at)));
        r->at++;
        if (c == '=') {
            json_t *v = value(r);
            if (v) put(at, key, index, v);
            return v;
        }
        at = child(at, key, index, false);
    }
}

bool install_set(json_t *values, struct str text, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct reader r = {.a = a, .text = text, .err = err};
    if (!text.n) return err_set(err, "an empty setting: write name=value");
    while (!is_end(&r)) {
        if (!one(&r, values)) return false;
        if (!is_end(&r) && peek(&r) != ',') return err_set(err, "what stands behind } is not understood");
        r.at += !is_end(&r);
    }
    return true;
}

void install_merge(json_t *values, const json_t *more)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)more, key, v)
    {
        json_t *there = json_object_get(values, key);
        if (json_is_object(there) && json_is_object(v))
            install_merge(there, v);
        else
            json_object_set(values, key, v);
    }
}
