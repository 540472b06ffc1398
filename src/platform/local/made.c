#include "platform/local/made.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "platform/local/doc.h"

struct item {
    json_t *doc;
    struct hash128 hash;
    enum kind kind;
    unsigned round;
};

struct made {
    char *dir;
    struct map items; /* "kind_ns_name" → struct item */
    unsigned round;
};

struct made *made_new(const char *dir)
{
    struct made *m = xcalloc(1, sizeof *m);
    m->dir = xstrdup(dir);
    return m;
}

static void item_free(struct item *i)
{
    json_decref(i->doc);
    free(i);
}

void made_free(struct made *m)
{
    size_t it = 0;
    void *i;
    while (map_next(&m->items, &it, NULL, &i)) item_free(i);
    map_release(&m->items);
    free(m->dir);
    free(m);
}

static struct str file_key(struct arena *a, enum kind kind, struct str ns, struct str name)
{
    return str_lower(a, str_fmt(a, "%s_%.*s_%.*s", kind_info(kind)->name, STR_FMT(ns), STR_FMT(name)));
}

static void write_file(struct made *m, struct arena *a, struct str key, struct str text)
{
    struct err err = {0};
    if (!file_write_atomic(str_fmt(a, "%s/%.*s.json", m->dir, STR_FMT(key)).p, text, 0600, &err))
        log_error("%s", err.text);
}

static void identify(json_t *doc, enum kind kind, struct str ns, struct str name)
{
    const struct kind_info *k = kind_info(kind);
    struct arena *a SCOPED_ARENA = arena_new();
    struct str version = str_fmt(a, "%s%s%s", k->group, *k->group ? "/" : "", k->versions[0]);
    if (strchr(k->versions[0], '/')) version = str_of(k->versions[0]);
    doc_put(doc, "apiVersion", doc_str(version));
    doc_put(doc, "kind", json_string(k->name));
    doc_put(doc, "metadata.name", doc_str(name));
    if (ns.n) doc_put(doc, "metadata.namespace", doc_str(ns));
}

void made_set(struct made *m, enum kind kind, struct str ns, struct str name, json_t *doc)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str key = file_key(a, kind, ns, name);
    struct item *i = map_get(&m->items, key);
    identify(doc, kind, ns, name);
    struct str text = doc_line(a, doc);
    struct hash128 hash = hash128_of(text.p, text.n);
    bool same = i && hash128_eq(i->hash, hash);
    if (!i) map_put(&m->items, key, i = xcalloc(1, sizeof *i));
    json_decref(i->doc);
    *i = (struct item){.doc = doc, .hash = hash, .kind = kind, .round = m->round};
    if (!same) write_file(m, a, key, text);
}

void made_copy(struct made *m, enum kind kind, struct str ns, struct str name, const json_t *doc)
{
    made_set(m, kind, ns, name, json_deep_copy(doc));
}

static void drop(struct made *m, struct str key)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct item *i = map_get(&m->items, key);
    if (!i) return;
    unlink(str_fmt(a, "%s/%.*s.json", m->dir, STR_FMT(key)).p);
    map_del(&m->items, key);
    item_free(i);
}

void made_drop(struct made *m, enum kind kind, struct str ns, struct str name)
{
    struct arena *a SCOPED_ARENA = arena_new();
    drop(m, file_key(a, kind, ns, name));
}

void made_round_begin(struct made *m) { m->round++; }

void made_round_end(struct made *m)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs keys = map_keys(&m->items, a);
    for (each(k, keys)) {
        const struct item *i = map_get(&m->items, *k);
        if (i->kind != KIND_POD && i->round != m->round) drop(m, *k);
    }
}

const json_t *made_get(const struct made *m, enum kind kind, struct str ns, struct str name)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const struct item *i = map_get(&m->items, file_key(a, kind, ns, name));
    return i ? i->doc : NULL;
}
