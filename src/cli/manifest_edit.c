#include "cli/manifest_edit.h"

/* Of the Namespace, in its text. */
struct place_in {
    const struct node_pair *meta, *map, *entry; /* "metadata", "labels" in it, the key in that; NULL: not there */
};

static const struct node_pair *pair_of(const struct node *n, const char *key)
{
    if (!n || n->type != NODE_MAP) return NULL;
    for (each(p, n->pairs))
        if (str_is(p->key, key)) return p;
    return NULL;
}

const struct node *manifest_namespace(struct nodes docs, struct str ns)
{
    for (each(d, docs))
        if (str_is(node_get_str(*d, S("kind")), "Namespace") &&
            str_eq(node_get_str(node_get(*d, S("metadata")), S("name")), ns))
            return *d;
    return NULL;
}

static struct place_in find(const struct node *doc, const char *map, const char *key)
{
    const struct node_pair *meta = pair_of(doc, "metadata"), *m = pair_of(meta->value, map);
    return (struct place_in){meta, m, m ? pair_of(m->value, key) : NULL};
}

/* ---- lines ----------------------------------------------------------------------------------------------- */

static size_t start_of(struct str text, uint32_t line)
{
    size_t at = 0;
    for (uint32_t n = 1; n < line && at < text.n; at++)
        if (text.p[at] == '\n') n++;
    return at;
}

/* |text| with lines |from| up to |to| (not included) replaced. */
static struct str splice(struct arena *a, struct str text, uint32_t from, uint32_t to, struct str with)
{
    struct str head = str_sub(text, 0, start_of(text, from)), tail = str_sub(text, start_of(text, to), text.n);
    return str_fmt(a, "%.*s%.*s%.*s", STR_FMT(head), STR_FMT(with), STR_FMT(tail));
}

/* What stands behind a value on its line: a remark. */
static struct str remark(struct str line)
{
    for (size_t i = 1; i < line.n; i++)
        if (line.p[i] == '#' && line.p[i - 1] == ' ') return str_sub(line, i - 1, line.n);
    return S("\n");
}

static struct str replaced(struct arena *a, struct str text, const struct node_pair *entry, const char *value)
{
    uint32_t line = entry->value->line;
    struct str whole = str_sub(text, start_of(text, line), start_of(text, line + 1));
    struct str head = str_sub(whole, 0, entry->value->col - 1), tail = remark(str_sub(whole, head.n, whole.n));
    return splice(a, text, line, line + 1, str_fmt(a, "%.*s\"%s\"%.*s", STR_FMT(head), value, STR_FMT(tail)));
}

static struct str without(struct arena *a, struct str text, const struct place_in *at)
{
    uint32_t from = at->map->value->pairs.n == 1 ? at->map->line : at->entry->line;
    return splice(a, text, from, at->entry->line + 1, S(""));
}

static struct str inserted(struct arena *a, struct str text, const struct place_in *at, struct manifest_edit e)
{
    const struct node *into = at->map ? at->map->value : at->meta->value;
    if (into->type != NODE_MAP || !into->pairs.n) return text;
    const struct node_pair *first = &into->pairs.v[0];
    int indent = (int)first->col - 1;
    struct str line = at->map
                          ? str_fmt(a, "%*s%s: \"%s\"\n", indent, "", e.key, e.value)
                          : str_fmt(a, "%*s%s:\n%*s%s: \"%s\"\n", indent, "", e.map, indent + 2, "", e.key, e.value);
    return splice(a, text, first->line, first->line, line);
}

/* ---- what must come out ---------------------------------------------------------------------------------- */

static json_t *wanted(const struct node *doc, struct manifest_edit e)
{
    json_t *o = node_to_json(doc), *meta = json_object_get(o, "metadata"), *map = json_object_get(meta, e.map);
    if (e.value && !map) json_object_set_new(meta, e.map, map = json_object());
    if (e.value) json_object_set_new(map, e.key, json_string(e.value));
    if (!e.value) json_object_del(map, e.key);
    if (!e.value && map && !json_object_size(map)) json_object_del(meta, e.map);
    return o;
}

/* Text is changed by rules that know little of YAML: what it says is what counts. */
static bool says_it(struct arena *a, struct nodes before, const struct node *doc, struct str text,
                    struct manifest_edit e)
{
    struct nodes after = {0};
    struct err ignored = {0};
    if (!node_parse(a, text, "", &node_limits_default, &after, &ignored) || after.n != before.n) return false;
    bool same = true;
    for (size_t i = 0; i < before.n; i++) {
        json_t *want = before.v[i] == doc ? wanted(doc, e) : node_to_json(before.v[i]), *is = node_to_json(after.v[i]);
        same = same && json_equal(want, is);
        json_decref(want);
        json_decref(is);
    }
    return same;
}

bool manifest_edit(struct arena *a, struct str text, const char *file, struct str ns, struct manifest_edit e,
                   struct str *out, struct err *err)
{
    struct nodes docs = {0};
    if (!node_parse(a, text, file, &node_limits_default, &docs, err)) return false;
    const struct node *doc = manifest_namespace(docs, ns);
    if (!doc) return err_set(err, "%s has no Namespace %.*s", file, STR_FMT(ns));
    struct place_in at = find(doc, e.map, e.key);
    *out = text;
    if (!e.value && !at.entry) return true;
    if (e.value && at.entry && str_is(at.entry->value->text, e.value)) return true;
    *out = !e.value   ? without(a, text, &at)
           : at.entry ? replaced(a, text, at.entry, e.value)
                      : inserted(a, text, &at, e);
    if (says_it(a, docs, doc, *out, e)) return true;
    uint32_t line = at.entry ? at.entry->line : at.map ? at.map->line : at.meta->line;
    if (!e.value)
        return err_set(err, "%s:%u: take %s out of the %s of Namespace %.*s here: this text is not changed by itself",
                       file, line, e.key, e.map, STR_FMT(ns));
    return err_set(err, "%s:%u: write %s: %s to the %s of Namespace %.*s here: this text is not changed by itself",
                   file, line, e.key, e.value, e.map, STR_FMT(ns));
}
