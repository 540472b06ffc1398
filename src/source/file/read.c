#include <ctype.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "source/file/internal.h"

struct reader {
    const char *path;
    uint64_t skip;
    struct arena *a;
    struct source_problems *problems;
    struct reading *out;
};

void add_problem(struct arena *a, struct source_problems *l, struct source_problem p)
{
    *(struct source_problem *)list_grow(a, (void **)&l->v, &l->n, sizeof p) = p;
}

void add_unreadable(struct arena *a, struct source_problems *l, const char *path, const struct err *err)
{
    struct str where = str_dup(a, str_of(path)), text = str_dup(a, err_str(err));
    if (str_starts(text, where) && str_starts(str_sub(text, where.n, text.n), S(": ")))
        text = str_sub(text, where.n + 2, text.n);
    add_problem(a, l, (struct source_problem){.code = E_BAD_FILE, .where = where, .text = text, .is_error = true});
}

bool document_read(const char *path, struct buf *out, struct err *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) return err_set(err, "%s: not a regular file", path);
    return file_read(path, node_limits_default.bytes, out, err);
}

void file_objects_release(struct file_objects *l)
{
    for (size_t i = 0; i < l->n; i++) object_unref(l->v[i]);
    free(l->v);
    *l = (struct file_objects){0};
}

void file_objects_add(struct file_objects *l, struct object *o)
{
    if ((l->n & (l->n - 1)) == 0) l->v = xrealloc(l->v, (l->n ? l->n * 2 : 1) * sizeof *l->v);
    l->v[l->n++] = o;
}

static size_t skip_number(struct str s, size_t at)
{
    if (at >= s.n || s.p[at] != ':') return 0;
    size_t end = at + 1;
    while (end < s.n && isdigit((unsigned char)s.p[end])) end++;
    return end > at + 1 ? end : 0;
}

/* "file:3:7: what" taken apart; a message without place is all text, at the file. */
static struct source_problem parse_problem(const struct reader *r, struct str message)
{
    struct source_problem p = {.code = E_BAD_FILE, .where = str_of(r->path), .text = message, .is_error = true};
    if (!str_starts(message, p.where)) return p;
    size_t line = skip_number(message, p.where.n), col = line ? skip_number(message, line) : 0;
    size_t end = col ? col : line ? line : p.where.n;
    if (!str_starts(str_sub(message, end, message.n), S(": "))) return p;
    p.where = str_sub(message, 0, end);
    p.text = str_sub(message, end + 2, message.n);
    return p;
}

static void add_parse_problem(struct reader *r, const struct err *err)
{
    struct source_problem p = parse_problem(r, str_dup(r->a, err_str(err)));
    add_problem(r->a, r->problems, p);
}

static struct str place(const struct reader *r, uint32_t line, uint32_t col)
{
    if (!line) return str_dup(r->a, str_of(r->path));
    if (!col) return str_fmt(r->a, "%s:%u", r->path, line);
    return str_fmt(r->a, "%s:%u:%u", r->path, line, col);
}

/* "Kind ns/name" of what did not become an object, as far as it says. */
static struct str title_of(const struct reader *r, const struct node *doc)
{
    const struct node *meta = node_get(doc, S("metadata"));
    struct str kind = node_get_str(doc, S("kind")), name = node_get_str(meta, S("name"));
    struct str ns = node_get_str(meta, S("namespace"));
    return str_trim(str_fmt(r->a, "%.*s %.*s%s%.*s", STR_FMT(kind), STR_FMT(ns), ns.n ? "/" : "", STR_FMT(name)));
}

/* Manifests carry things that are not for us: a kind that nobody here knows is a warning. A kind of ours in another
 * version is an error, since it was meant for us and is not in force. */
static void add_decode_problem(struct reader *r, const struct node *doc, const struct problem *p)
{
    bool is_unknown = p->code == E_UNKNOWN_KIND;
    struct str text = p->text;
    if (p->path.n && !is_unknown) text = str_fmt(r->a, "%.*s: %.*s", STR_FMT(p->path), STR_FMT(p->text));
    add_problem(r->a, r->problems,
                (struct source_problem){.code = p->code ? p->code : E_BAD_OBJECT,
                                        .where = place(r, p->line ? p->line : doc->line, p->line ? p->col : doc->col),
                                        .object = title_of(r, doc),
                                        .path = p->path,
                                        .text = text,
                                        .is_error = p->is_error && !(is_unknown && str_is(p->path, "kind"))});
}

/* One that the manifest does not name gets one that every replica and every run agrees on. */
static void give_uid(struct object *o)
{
    struct hasher h;
    char x[33];
    if (o->meta.uid.n) return;
    hasher_init(&h);
    hasher_str(&h, str_of(kind_info(o->kind)->name));
    hasher_str(&h, o->meta.ns);
    hasher_str(&h, o->meta.name);
    hash128_hex(hasher_end(&h), x);
    o->meta.uid = str_fmt(o->arena, "%.8s-%.4s-%.4s-%.4s-%.12s", x, x + 8, x + 12, x + 16, x + 20);
}

static void add_object(struct reader *r, struct object *o)
{
    if (r->skip >> o->kind & 1) {
        object_unref(o);
        return;
    }
    give_uid(o);
    file_objects_add(&r->out->objects, o);
}

static void add_lost(struct reader *r, const struct node *doc, size_t first)
{
    const struct node *meta = node_get(doc, S("metadata"));
    struct str name = node_get_str(meta, S("name")), ns = node_get_str(meta, S("namespace"));
    enum kind k;
    if (!name.n || !kind_find(node_get_str(doc, S("apiVersion")), node_get_str(doc, S("kind")), &k) ||
        (r->skip >> k & 1))
        return;
    bool is_cluster = kind_info(k)->flags & KIND_CLUSTER_SCOPED;
    struct str key = is_cluster ? str_dup(r->a, name) : key_of(r->a, ns.n ? ns : S("default"), name);
    list_push(r->a, &r->out->lost, ((struct lost_object){k, key, first, r->problems->n - first}));
}

static void read_object(struct reader *r, const struct node *doc)
{
    struct problems problems = {0};
    struct object *o = object_decode(doc, str_of(r->path), r->a, &problems);
    if (o) {
        add_object(r, o); /* its warnings stand in it */
        return;
    }
    size_t first = r->problems->n;
    for (each(p, problems)) add_decode_problem(r, doc, p);
    add_lost(r, doc, first);
}

static void read_document(struct reader *r, const struct node *doc)
{
    if (doc->type == NODE_NULL) return;
    const struct node *items = node_get(doc, S("items"));
    bool is_list = str_is(node_get_str(doc, S("kind")), "List") && str_is(node_get_str(doc, S("apiVersion")), "v1");
    if (!is_list) {
        read_object(r, doc);
        return;
    }
    for (size_t i = 0; items && items->type == NODE_LIST && i < items->items.n; i++) read_object(r, items->items.v[i]);
}

void read_text(struct str text, const char *path, uint64_t skip, struct arena *a, struct source_problems *problems,
               struct reading *out)
{
    SCOPED_ARENA struct arena *tree = arena_new();
    struct reader r = {.path = path, .skip = skip, .a = a, .problems = problems, .out = out};
    struct nodes docs = {0};
    struct err err = {0};
    *out = (struct reading){0};
    out->is_parsed = node_parse(tree, text, path, &node_limits_default, &docs, &err);
    if (!out->is_parsed) {
        add_parse_problem(&r, &err);
        return;
    }
    out->is_blank = str_trim(text).n == 0;
    for (each(d, docs)) read_document(&r, *d);
}
