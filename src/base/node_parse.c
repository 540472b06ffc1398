#include <stdlib.h>
#include <yaml.h>

#include "base/map.h"
#include "base/node.h"
#include "base/node_scalar.h"

/* What an alias costs: the tree it stands for counts again, in nodes and in depth. */
struct anchor {
    struct node *node;
    size_t nodes, height;
};

struct walk {
    yaml_parser_t yaml;
    yaml_event_t event;
    struct arena *a;
    const char *file;
    struct str text;
    const struct node_limits *limits;
    size_t nodes;
    struct map anchors; /* struct anchor, of the document under way */
    struct err *err;
};

static bool fail(struct walk *w, yaml_mark_t at, const char *what)
{
    return err_set(w->err, "%s:%zu:%zu: %s", w->file, at.line + 1, at.column + 1, what);
}

/* Errors of the byte reader carry an offset instead of a mark. */
static yaml_mark_t mark_of_offset(struct str text, size_t offset)
{
    yaml_mark_t m = {0};
    for (size_t i = 0; i < offset && i < text.n; i++) {
        bool is_end = text.p[i] == '\n';
        m.line += is_end;
        m.column = is_end ? 0 : m.column + 1;
    }
    return m;
}

static bool fail_yaml(struct walk *w)
{
    yaml_parser_t *y = &w->yaml;
    const char *problem = y->problem ? y->problem : "not YAML";
    if (y->error == YAML_READER_ERROR) return fail(w, mark_of_offset(w->text, y->problem_offset), problem);
    if (!y->context) return fail(w, y->problem_mark, problem);
    return err_set(w->err, "%s:%zu:%zu: %s %s that began in line %zu", w->file, y->problem_mark.line + 1,
                   y->problem_mark.column + 1, problem, y->context, y->context_mark.line + 1);
}

static bool next(struct walk *w)
{
    yaml_event_delete(&w->event);
    return yaml_parser_parse(&w->yaml, &w->event) ? true : fail_yaml(w);
}

static struct str str_of_yaml(const yaml_char_t *p) { return str_of((const char *)p); }

static struct node *node_new(struct walk *w, enum node_type type, yaml_mark_t at)
{
    if (++w->nodes > w->limits->nodes) {
        fail(w, at, "more values than are read; split the file");
        return NULL;
    }
    struct node *n = arena_make(w->a, struct node);
    n->type = type;
    n->line = (uint32_t)at.line + 1;
    n->col = (uint32_t)at.column + 1;
    return n;
}

static bool has_tag(const yaml_char_t *tag, const char *name) { return str_is(str_of_yaml(tag), name); }

static bool scalar_text(struct walk *w, struct str *out)
{
    struct str s = str_make((const char *)w->event.data.scalar.value, w->event.data.scalar.length);
    if (str_find(s, '\0') >= 0) return fail(w, w->event.start_mark, "a NUL byte is not allowed");
    *out = str_dup(w->a, s);
    return true;
}

/* A tag decides only between "text" and "as it looks"; types of one's own have no meaning here. */
static bool scalar_is_plain(struct walk *w, bool *is_plain)
{
    const yaml_char_t *tag = w->event.data.scalar.tag;
    *is_plain = w->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (!tag) return true;
    if (has_tag(tag, YAML_STR_TAG) || has_tag(tag, "!")) {
        *is_plain = false;
        return true;
    }
    *is_plain = true;
    return has_tag(tag, YAML_NULL_TAG) || has_tag(tag, YAML_BOOL_TAG) || has_tag(tag, YAML_INT_TAG) ||
           has_tag(tag, YAML_FLOAT_TAG) || fail(w, w->event.start_mark, "this tag is not supported; remove it");
}

static struct node *read_scalar(struct walk *w)
{
    bool is_plain;
    struct node *n = node_new(w, NODE_STR, w->event.start_mark);
    if (!n || !scalar_text(w, &n->text) || !scalar_is_plain(w, &is_plain)) return NULL;
    if (is_plain) node_type_plain(n);
    return n;
}

static struct node *read_node(struct walk *w, size_t depth, size_t *height);

static bool read_items(struct walk *w, struct node *n, size_t depth, size_t *height)
{
    for (;;) {
        if (!next(w)) return false;
        if (w->event.type == YAML_SEQUENCE_END_EVENT) return true;
        struct node *item = read_node(w, depth, height);
        if (!item) return false;
        list_push(w->a, &n->items, item);
    }
}

static int cmp_pairs(const void *a, const void *b)
{
    const struct node_pair *x = *(const struct node_pair *const *)a, *y = *(const struct node_pair *const *)b;
    int c = str_cmp(x->key, y->key);
    return c ? c : (x > y) - (x < y);
}

static bool check_duplicates(struct walk *w, const struct node *n)
{
    if (n->pairs.n < 2) return true;
    const struct node_pair **sorted = xcalloc(n->pairs.n, sizeof *sorted);
    const struct node_pair *twice = NULL;
    for (size_t i = 0; i < n->pairs.n; i++) sorted[i] = &n->pairs.v[i];
    qsort(sorted, n->pairs.n, sizeof *sorted, cmp_pairs);
    for (size_t i = 1; i < n->pairs.n; i++)
        if (str_eq(sorted[i]->key, sorted[i - 1]->key) && (!twice || sorted[i] < twice)) twice = sorted[i];
    free(sorted);
    if (!twice) return true;
    return err_set(w->err, "%s:%u:%u: \"%.*s\" stands twice in one mapping; remove one", w->file, twice->line,
                   twice->col, STR_FMT(twice->key));
}

static bool read_pairs(struct walk *w, struct node *n, size_t depth, size_t *height)
{
    for (;;) {
        struct node_pair pair = {0};
        if (!next(w)) return false;
        if (w->event.type == YAML_MAPPING_END_EVENT) return check_duplicates(w, n);
        if (w->event.type != YAML_SCALAR_EVENT) return fail(w, w->event.start_mark, "a key must be a plain word");
        pair.line = (uint32_t)w->event.start_mark.line + 1;
        pair.col = (uint32_t)w->event.start_mark.column + 1;
        if (!scalar_text(w, &pair.key) || !next(w)) return false;
        if (!(pair.value = read_node(w, depth, height))) return false;
        list_push(w->a, &n->pairs, pair);
    }
}

static struct node *read_collection(struct walk *w, size_t depth, size_t *height)
{
    bool is_map = w->event.type == YAML_MAPPING_START_EVENT;
    yaml_mark_t at = w->event.start_mark;
    size_t inner = 0;
    if (depth >= w->limits->depth) {
        fail(w, at, "nested deeper than is read");
        return NULL;
    }
    struct node *n = node_new(w, is_map ? NODE_MAP : NODE_LIST, at);
    if (!n) return NULL;
    bool ok = is_map ? read_pairs(w, n, depth + 1, &inner) : read_items(w, n, depth + 1, &inner);
    if (inner + 1 > *height) *height = inner + 1;
    return ok ? n : NULL;
}

static struct node *read_alias(struct walk *w, size_t depth, size_t *height)
{
    const struct anchor *x = map_get(&w->anchors, str_of_yaml(w->event.data.alias.anchor));
    if (!x) {
        fail(w, w->event.start_mark, "an alias of something that does not stand before it");
        return NULL;
    }
    w->nodes += x->nodes;
    if (w->nodes > w->limits->nodes || depth + x->height > w->limits->depth) {
        fail(w, w->event.start_mark, "the aliases stand for more than is read");
        return NULL;
    }
    if (x->height > *height) *height = x->height;
    return x->node;
}

static const yaml_char_t *anchor_of(const yaml_event_t *e)
{
    if (e->type == YAML_SCALAR_EVENT) return e->data.scalar.anchor;
    return e->type == YAML_MAPPING_START_EVENT ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
}

/* The node that the current event begins. |*height| is raised to its own. */
static struct node *read_node(struct walk *w, size_t depth, size_t *height)
{
    if (w->event.type == YAML_ALIAS_EVENT) return read_alias(w, depth, height);
    const yaml_char_t *name = anchor_of(&w->event);
    struct str anchor = name ? str_dup(w->a, str_of_yaml(name)) : STR_NULL;
    size_t before = w->nodes, own = 0;
    struct node *n = w->event.type == YAML_SCALAR_EVENT ? read_scalar(w) : read_collection(w, depth, &own);
    if (!n) return NULL;
    if (own > *height) *height = own;
    if (anchor.p) {
        struct anchor *x = arena_make(w->a, struct anchor);
        *x = (struct anchor){n, w->nodes - before, own};
        map_put(&w->anchors, anchor, x);
    }
    return n;
}

static bool read_documents(struct walk *w, struct nodes *docs)
{
    for (;;) {
        size_t height = 0;
        if (!next(w)) return false;
        if (w->event.type == YAML_STREAM_END_EVENT) return true;
        if (w->event.type != YAML_DOCUMENT_START_EVENT) continue;
        map_release(&w->anchors);
        if (!next(w)) return false;
        struct node *n = read_node(w, 0, &height);
        if (!n) return false;
        if (n->type != NODE_NULL) list_push(w->a, docs, n);
    }
}

static bool parse_yaml(struct arena *a, struct str text, struct walk *w, struct nodes *docs)
{
    w->a = a;
    w->text = text;
    if (!yaml_parser_initialize(&w->yaml)) abort();
    yaml_parser_set_encoding(&w->yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&w->yaml, (const unsigned char *)(text.n ? text.p : ""), text.n);
    bool ok = read_documents(w, docs);
    yaml_event_delete(&w->event);
    yaml_parser_delete(&w->yaml);
    map_release(&w->anchors);
    return ok;
}

/* JSON that libyaml cannot read although it is JSON: surrogate pairs, keys over 1024 bytes. */
static bool parse_as_json(struct arena *a, struct str text, const struct node_limits *limits, struct nodes *docs)
{
    struct err ignored = {0};
    struct str trimmed = str_trim(text);
    if (!str_starts(trimmed, S("{"))) return false;
    struct node *n = node_parse_json(a, text, limits, &ignored);
    if (n) list_push(a, docs, n);
    return n != NULL;
}

bool node_parse(struct arena *a, struct str text, const char *file, const struct node_limits *limits,
                struct nodes *docs, struct err *err)
{
    struct walk w = {.file = file, .limits = limits, .err = err};
    *docs = (struct nodes){0};
    if (text.n > limits->bytes)
        return err_set(err, "%s:1:1: larger than %zu bytes, the most that is read; split the file", file,
                       limits->bytes);
    if (parse_yaml(a, text, &w, docs)) return true;
    *docs = (struct nodes){0};
    if (!parse_as_json(a, text, limits, docs)) return false;
    err_clear(err);
    return true;
}
