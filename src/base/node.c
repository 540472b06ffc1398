#include "base/node.h"

#include <stdlib.h>

#include "base/json_jansson.h"

const struct node_limits node_limits_default = {.bytes = 4 << 20, .depth = 64, .nodes = 400000};

const struct node *node_get(const struct node *n, struct str key)
{
    if (!n || n->type != NODE_MAP) return NULL;
    for (each(p, n->pairs))
        if (str_eq(p->key, key)) return p->value;
    return NULL;
}

struct str node_get_str(const struct node *n, struct str key)
{
    const struct node *v = node_get(n, key);
    return v && v->type == NODE_STR ? v->text : STR_NULL;
}

static json_t *text_to_json(struct str s)
{
    json_t *j = json_stringn(s.n ? s.p : "", s.n);
    return j ? j : json_null();
}

static json_t *list_to_json(const struct node *n)
{
    json_t *out = json_array();
    for (each(item, n->items)) json_array_append_new(out, node_to_json(*item));
    return out;
}

static json_t *map_to_json(const struct node *n)
{
    json_t *out = json_object();
    for (each(p, n->pairs)) json_object_setn_new(out, p->key.p, p->key.n, node_to_json(p->value));
    return out;
}

static json_t *float_to_json(const struct node *n)
{
    json_t *j = json_real(n->f);
    return j ? j : text_to_json(n->text); /* JSON has no infinity */
}

json_t *node_to_json(const struct node *n)
{
    switch (n->type) {
    case NODE_NULL:
        return json_null();
    case NODE_BOOL:
        return json_boolean(n->i);
    case NODE_INT:
        return json_integer(n->i);
    case NODE_FLOAT:
        return float_to_json(n);
    case NODE_STR:
        return text_to_json(n->text);
    case NODE_LIST:
        return list_to_json(n);
    case NODE_MAP:
        return map_to_json(n);
    }
    return json_null();
}

struct json_walk {
    struct arena *a;
    size_t depth_left, nodes_left;
    struct err *err;
};

static struct node *of_json(struct json_walk *w, const json_t *j);

static bool list_of_json(struct json_walk *w, const json_t *j, struct node *n)
{
    n->type = NODE_LIST;
    for (size_t i = 0; i < json_array_size(j); i++) {
        struct node *item = of_json(w, json_array_get(j, i));
        if (!item) return false;
        list_push(w->a, &n->items, item);
    }
    return true;
}

static bool map_of_json(struct json_walk *w, const json_t *j, struct node *n)
{
    const char *key;
    size_t key_n;
    json_t *member;
    n->type = NODE_MAP;
    json_object_keylen_foreach((json_t *)j, key, key_n, member)
    {
        struct node *v = of_json(w, member);
        if (!v) return false;
        struct node_pair pair = {.key = str_dup(w->a, str_make(key, key_n)), .value = v};
        list_push(w->a, &n->pairs, pair);
    }
    return true;
}

static void scalar_of_json(struct json_walk *w, const json_t *j, struct node *n)
{
    switch (json_typeof(j)) {
    case JSON_STRING:
        n->type = NODE_STR;
        n->text = str_dup(w->a, str_make(json_string_value(j), json_string_length(j)));
        break;
    case JSON_INTEGER:
        n->type = NODE_INT;
        n->i = json_integer_value(j);
        n->f = (double)n->i;
        n->text = str_fmt(w->a, "%lld", (long long)n->i);
        break;
    case JSON_REAL:
        n->type = NODE_FLOAT;
        n->f = json_real_value(j);
        n->text = str_fmt(w->a, "%.17g", n->f);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        n->type = NODE_BOOL;
        n->i = json_is_true(j);
        n->text = n->i ? S("true") : S("false");
        break;
    default:
        n->text = S("null");
    }
}

static struct node *of_json(struct json_walk *w, const json_t *j)
{
    if (w->nodes_left-- == 0) return ERR_NULL(w->err, "has more values than are read; split it");
    struct node *n = arena_make(w->a, struct node);
    if (!json_is_array(j) && !json_is_object(j)) {
        scalar_of_json(w, j, n);
        return n;
    }
    if (w->depth_left == 0) return ERR_NULL(w->err, "is nested deeper than is read");
    w->depth_left--;
    bool ok = json_is_array(j) ? list_of_json(w, j, n) : map_of_json(w, j, n);
    w->depth_left++;
    return ok ? n : NULL;
}

struct node *node_of_json_limited(struct arena *a, const json_t *j, const struct node_limits *l, struct err *err)
{
    struct json_walk w = {a, l->depth, l->nodes, err};
    return of_json(&w, j);
}

struct node *node_of_json(struct arena *a, const json_t *j, struct err *err)
{
    struct node_limits l = node_limits_default;
    l.nodes = SIZE_MAX;
    return node_of_json_limited(a, j, &l, err);
}
