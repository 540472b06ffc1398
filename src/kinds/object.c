#include "kinds/object.h"

#include <stdatomic.h>

#include "base/errcode.h"
#include "kinds/meta.h"

static struct problem *last(struct problems *p) { return &p->v[p->n - 1]; }

/* "access.smi-spec.io/v1alpha3" and so on, for a reader who wrote another version. */
static struct str versions_text(const struct kind_info *i, struct arena *a)
{
    struct strs all = {0};
    for (size_t v = 0; v < sizeof i->versions / sizeof *i->versions && i->versions[v]; v++)
        list_push(a, &all, *i->group ? str_fmt(a, "%s/%s", i->group, i->versions[v]) : str_of(i->versions[v]));
    return str_join(a, all, S(" or "));
}

static void unknown_kind(const struct node *doc, struct str version, struct str kind, struct arena *a,
                         struct problems *out)
{
    const struct node *at = node_get(doc, S("kind"));
    enum kind k;
    if (kind_lookup(kind, &k) && str_is(kind, kind_info(k)->name)) {
        struct str known = versions_text(kind_info(k), a);
        problem_add(a, out, true, at, S("apiVersion"), "unknown kind %.*s of %.*s; write apiVersion: %.*s",
                    STR_FMT(kind), STR_FMT(version), STR_FMT(known));
    } else {
        problem_add(a, out, true, at, S("kind"), "unknown kind %.*s of %.*s; it is not read", STR_FMT(kind),
                    STR_FMT(version));
    }
    last(out)->code = E_UNKNOWN_KIND;
}

static bool find_kind(const struct node *doc, struct arena *a, struct problems *out, enum kind *k)
{
    struct str version = node_get_str(doc, S("apiVersion")), kind = node_get_str(doc, S("kind"));
    if (doc->type != NODE_MAP)
        problem_add(a, out, true, doc, S(""), "must be an object with apiVersion, kind and metadata");
    else if (!version.n)
        problem_add(a, out, true, doc, S("apiVersion"), "is required");
    else if (!kind.n)
        problem_add(a, out, true, doc, S("kind"), "is required");
    else if (kind_find(version, kind, k))
        return true;
    else
        unknown_kind(doc, version, kind, a, out);
    return false;
}

/* The document as the kind's table knows it. The status of our own kinds is ours to write, not to read. */
static struct node *body_node(const struct node *doc, const struct kind_info *info, struct arena *a)
{
    struct node *n = arena_make(a, struct node);
    *n = *doc;
    n->pairs.v = arena_array(a, struct node_pair, doc->pairs.n);
    n->pairs.n = 0;
    for (each(p, doc->pairs)) {
        bool is_frame = str_is(p->key, "apiVersion") || str_is(p->key, "kind") || str_is(p->key, "metadata");
        bool is_status = (info->flags & KIND_MESH) && str_is(p->key, "status");
        if (!is_frame && !is_status) n->pairs.v[n->pairs.n++] = *p;
    }
    return n;
}

static struct hash128 hash_object(const struct object *o)
{
    const struct meta *m = &o->meta;
    struct hasher h;
    hasher_init(&h);
    hasher_u64(&h, o->kind);
    struct meta counted = *m;
    counted.uid = STR_NULL;
    counted.generation = counted.created = 0;
    table_hash(&meta_table, &counted, &h);
    table_hash(kind_info(o->kind)->table, o->body, &h);
    return hasher_end(&h);
}

static bool decode_into(struct object *o, const struct node *doc, struct str file, bool keep_raw)
{
    struct arena *a = o->arena;
    if (!find_kind(doc, a, &o->problems, &o->kind)) return false;
    const struct kind_info *info = kind_info(o->kind);
    void *body = arena_alloc(a, info->table->size);
    bool ok = meta_decode(info, node_get(doc, S("metadata")), a, &o->meta, &o->problems);
    ok &= table_decode(info->table, body_node(doc, info, a), S(""), a, body, &o->problems);
    o->body = body;
    if (!ok) return false;
    if (keep_raw && info->flags & KIND_KEEP_RAW) {
        o->raw = node_to_json(doc);
        arena_on_free(a, (void (*)(void *))json_decref, o->raw);
    }
    o->file = str_dup(a, file);
    o->line = doc->line;
    o->hash = hash_object(o);
    return true;
}

static void hand_over(const struct problems *from, struct arena *a, struct problems *to)
{
    for (each(p, *from)) {
        struct problem copy = *p;
        copy.path = str_dup(a, p->path);
        copy.text = str_dup(a, p->text);
        list_push(a, to, copy);
    }
}

static struct object *decode(const struct node *doc, struct str file, bool keep_raw, struct arena *a,
                             struct problems *probs)
{
    struct arena *own = arena_new();
    struct object *o = arena_make(own, struct object);
    o->arena = own;
    atomic_init(&o->refs, 1);
    if (decode_into(o, doc, file, keep_raw)) return o;
    hand_over(&o->problems, a, probs);
    arena_free(own);
    return NULL;
}

struct object *object_decode(const struct node *doc, struct str file, struct arena *a, struct problems *probs)
{
    return decode(doc, file, true, a, probs);
}

struct object *object_decode_lean(const struct node *doc, struct str file, struct arena *a, struct problems *probs)
{
    return decode(doc, file, false, a, probs);
}

struct object *object_of_json(const json_t *doc, struct arena *a, struct problems *probs)
{
    struct arena *tree SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct node *n = node_of_json(tree, doc, &err);
    if (n) return object_decode(n, STR_NULL, a, probs);
    problem_add(a, probs, true, NULL, S(""), "%s", err.text);
    return NULL;
}

struct object *object_ref(const struct object *o)
{
    struct object *mine = (struct object *)o;
    atomic_fetch_add_explicit(&mine->refs, 1, memory_order_relaxed);
    return mine;
}

void object_unref(struct object *o)
{
    if (o && atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1) arena_free(o->arena);
}

struct str object_title(struct arena *a, const struct object *o)
{
    struct str key = object_key(a, o);
    return str_fmt(a, "%s %.*s", kind_info(o->kind)->name, STR_FMT(key));
}

struct str object_key(struct arena *a, const struct object *o)
{
    const char *slash = o->meta.ns.n ? "/" : "";
    return str_fmt(a, "%.*s%s%.*s", STR_FMT(o->meta.ns), slash, STR_FMT(o->meta.name));
}

bool labels_match(struct kvs selector, struct kvs labels)
{
    for (each(want, selector)) {
        struct str have = kvs_get(labels, want->key);
        if (!have.p || !str_eq(have, want->value)) return false;
    }
    return selector.n > 0;
}
