// simdjson behind json.h and node_parse_json. Nothing of C++ leaves this file.
#include <simdjson.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

extern "C" {
#include "base/json.h"
#include "base/json_jansson.h"
}

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

namespace
{

/* Kept between documents of usual size, one for each thread; what a large one needs goes with it. */
constexpr size_t KEPT_BYTES = 256 << 10;
/* One more than any caller allows, so that the caller's own limit is what is said. */
constexpr size_t PARSER_DEPTH = 128;

class document
{
  public:
    explicit document(struct str text)
    {
        static thread_local std::unique_ptr<simdjson::dom::parser> kept;
        std::unique_ptr<simdjson::dom::parser> &parser = text.n <= KEPT_BYTES ? kept : large;
        if (!parser) {
            parser.reset(new simdjson::dom::parser());
            is_good = parser->allocate(text.n <= KEPT_BYTES ? KEPT_BYTES : text.n, PARSER_DEPTH) == simdjson::SUCCESS;
            if (!is_good) return;
        }
        is_good = text.n && parser->parse(text.p, text.n).get(root) == simdjson::SUCCESS;
    }
    bool is_good = false;
    element root;

  private:
    std::unique_ptr<simdjson::dom::parser> large;
};

struct str piece(std::string_view s) { return str_make(s.data(), s.size()); }

bool has_nul(std::string_view s) { return s.find('\0') != s.npos; }

/* ---- jansson's values ---- */

/* NULL from any of these: what jansson has its own word for. */
json_t *value(element e, size_t depth, const char *const *without);

json_t *values(array a, size_t depth, const char *const *without)
{
    json_t *out = json_array();
    for (element e : a) {
        json_t *v = value(e, depth, without);
        if (!v || json_array_append_new(out, v) != 0) return json_decref(out), nullptr;
    }
    return out;
}

bool is_among(std::string_view key, const char *const *names)
{
    for (; names && *names; names++)
        if (key == *names) return true;
    return false;
}

json_t *members(object o, size_t depth, const char *const *without)
{
    json_t *out = json_object();
    for (auto m : o) {
        if (is_among(m.key, without)) continue;
        json_t *v = has_nul(m.key) ? nullptr : value(m.value, depth, without);
        /* The parser has looked at the encoding. */
        if (!v || json_object_setn_new_nocheck(out, m.key.data(), m.key.size(), v) != 0)
            return json_decref(out), nullptr;
    }
    return out;
}

json_t *value(element e, size_t depth, const char *const *without)
{
    switch (e.type()) {
    case element_type::ARRAY:
        return depth ? values(array(e), depth - 1, without) : nullptr;
    case element_type::OBJECT:
        return depth ? members(object(e), depth - 1, without) : nullptr;
    case element_type::STRING: {
        std::string_view s(e);
        return has_nul(s) ? nullptr : json_stringn_nocheck(s.data(), s.size());
    }
    case element_type::INT64:
        return json_integer(int64_t(e));
    case element_type::DOUBLE:
        return json_real(double(e));
    case element_type::BOOL:
        return json_boolean(bool(e));
    case element_type::NULL_VALUE:
        return json_null();
    default: /* UINT64: above what jansson takes */
        return nullptr;
    }
}

/* ---- nodes ---- */

struct walk {
    struct arena *a;
    size_t depth_left, nodes_left;
};

struct node *node_of(walk &w, element e);

bool has_twice(const struct node *n)
{
    constexpr size_t FEW = 16;
    size_t count = n->pairs.n;
    if (count <= FEW) {
        for (size_t i = 1; i < count; i++)
            for (size_t k = 0; k < i; k++)
                if (str_eq(n->pairs.v[i].key, n->pairs.v[k].key)) return true;
        return false;
    }
    std::vector<std::string_view> keys;
    keys.reserve(count);
    for (size_t i = 0; i < count; i++) keys.emplace_back(n->pairs.v[i].key.p, n->pairs.v[i].key.n);
    std::sort(keys.begin(), keys.end());
    return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

bool items_of(walk &w, array a, struct node *n)
{
    n->type = NODE_LIST;
    if (a.size() > w.nodes_left) return false;
    n->items.v = arena_array(w.a, struct node *, a.size());
    for (element e : a)
        if (!(n->items.v[n->items.n++] = node_of(w, e))) return false;
    return true;
}

bool pairs_of(walk &w, object o, struct node *n)
{
    n->type = NODE_MAP;
    if (o.size() > w.nodes_left) return false;
    n->pairs.v = arena_array(w.a, struct node_pair, o.size());
    for (auto m : o) {
        if (has_nul(m.key)) return false;
        struct node_pair *p = &n->pairs.v[n->pairs.n++];
        *p = {};
        p->key = str_dup(w.a, piece(m.key));
        if (!(p->value = node_of(w, m.value))) return false;
    }
    return !has_twice(n);
}

bool scalar_of(walk &w, element e, struct node *n)
{
    switch (e.type()) {
    case element_type::STRING:
        n->type = NODE_STR;
        n->text = str_dup(w.a, piece(std::string_view(e)));
        return !has_nul(std::string_view(e));
    case element_type::INT64:
        n->type = NODE_INT;
        n->i = int64_t(e);
        n->f = (double)n->i;
        n->text = str_fmt(w.a, "%lld", (long long)n->i);
        return true;
    case element_type::DOUBLE:
        n->type = NODE_FLOAT;
        n->f = double(e);
        n->text = str_fmt(w.a, "%.17g", n->f);
        return true;
    case element_type::BOOL:
        n->type = NODE_BOOL;
        n->i = bool(e);
        n->text = str_of(n->i ? "true" : "false");
        return true;
    case element_type::NULL_VALUE:
        n->text = str_of("null");
        return true;
    default:
        return false;
    }
}

struct node *node_of(walk &w, element e)
{
    if (w.nodes_left-- == 0) return nullptr;
    struct node *n = arena_make(w.a, struct node);
    element_type type = e.type();
    bool is_list = type == element_type::ARRAY;
    if (!is_list && type != element_type::OBJECT) return scalar_of(w, e, n) ? n : nullptr;
    if (w.depth_left == 0) return nullptr;
    w.depth_left--;
    bool ok = is_list ? items_of(w, array(e), n) : pairs_of(w, object(e), n);
    w.depth_left++;
    return ok ? n : nullptr;
}

} // namespace

extern "C" {

struct str json_text(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? str_make(json_string_value(v), json_string_length(v)) : STR_NULL;
}

json_t *json_read(struct str text, size_t depth, const char *const *without, struct err *err)
{
    document d(text);
    bool is_document = d.is_good && (d.root.is_array() || d.root.is_object());
    json_t *j = is_document ? value(d.root, depth, without) : nullptr;
    return j ? j : json_read_by_jansson(text, depth, err);
}

struct node *node_parse_json(struct arena *a, struct str text, const struct node_limits *limits, struct err *err)
{
    if (text.n > limits->bytes) {
        err_set(err, "larger than %zu bytes, the most that is read", limits->bytes);
        return nullptr;
    }
    document d(text);
    walk w = {a, limits->depth, limits->nodes};
    struct node *n = d.is_good ? node_of(w, d.root) : nullptr;
    return n ? n : node_parse_by_jansson(a, text, limits, err);
}
}
