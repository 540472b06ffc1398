#include <stdlib.h>

#include "source/file/internal.h"

/* Everybody who has the object; nearly always one. */
struct claim {
    enum kind kind;
    LIST(struct holder {
        struct doc *doc;
        struct object *object; /* borrowed from the doc */
        size_t at;             /* position in the doc */
    })
    holders;
    bool is_touched;
};

static struct str claim_key(struct arena *a, const struct object *o)
{
    return str_fmt(a, "%d %.*s", (int)o->kind, STR_FMT(object_key(a, o)));
}

/* Does x hold against y? A later folder; in one folder the first path, in one file the first place. */
static bool is_before(const struct holder *x, const struct holder *y)
{
    if (x->doc->root != y->doc->root) return x->doc->root > y->doc->root;
    int c = strcmp(x->doc->path, y->doc->path);
    return c ? c < 0 : x->at < y->at;
}

static const struct holder *winner(const struct claim *c)
{
    const struct holder *best = NULL;
    for (each(h, c->holders))
        if (!best || is_before(h, best)) best = h;
    return best;
}

static struct claim *claim_get(struct claims *c, struct arena *a, const struct object *o)
{
    struct str key = claim_key(a, o);
    struct claim *x = map_get(&c->by_object, key);
    if (x) return x;
    x = xcalloc(1, sizeof *x);
    x->kind = o->kind;
    map_put(&c->by_object, key, x);
    return x;
}

static void add_holder(struct claim *x, struct doc *d, struct object *o, size_t at)
{
    x->holders.v = xrealloc(x->holders.v, (x->holders.n + 1) * sizeof *x->holders.v);
    x->holders.v[x->holders.n++] = (struct holder){d, o, at};
}

static void remove_holders(struct claim *x, const struct doc *d)
{
    size_t n = 0;
    for (each(h, x->holders))
        if (h->doc != d) x->holders.v[n++] = *h;
    x->holders.n = n;
}

static void decide(struct claims *c, struct store *store, struct claim *x, const struct object *any)
{
    if (!x->is_touched) return;
    SCOPED_ARENA struct arena *a = arena_new();
    const struct holder *w = winner(x);
    x->is_touched = false;
    if (w) {
        store_put(store, object_ref(w->object));
        return;
    }
    store_remove(store, x->kind, object_key(a, any));
    map_del(&c->by_object, claim_key(a, any));
    free(x->holders.v);
    free(x);
}

static void decide_all(struct claims *c, struct store *store, const struct file_objects *l)
{
    for (size_t i = 0; i < l->n; i++) {
        SCOPED_ARENA struct arena *a = arena_new();
        struct claim *x = map_get(&c->by_object, claim_key(a, l->v[i]));
        if (x) decide(c, store, x, l->v[i]);
    }
}

/* An object that a new text did not change keeps its identity, so that it is in memory once. */
static void reuse(const struct claims *c, const struct doc *d, struct object **o)
{
    SCOPED_ARENA struct arena *a = arena_new();
    const struct claim *x = map_get(&c->by_object, claim_key(a, *o));
    for (size_t i = 0; x && i < x->holders.n; i++) {
        struct object *old = x->holders.v[i].object;
        if (x->holders.v[i].doc != d || old->line != (*o)->line || old->problems.n || (*o)->problems.n) continue;
        if (!store_is_same(old, *o)) continue;
        object_unref(*o);
        *o = object_ref(old);
        return;
    }
}

void claims_replace(struct claims *c, struct store *store, struct doc *d, struct file_objects now)
{
    struct file_objects was = d->objects;
    SCOPED_ARENA struct arena *a = arena_new();
    for (size_t i = 0; i < now.n; i++) reuse(c, d, &now.v[i]);
    for (size_t i = 0; i < was.n; i++) {
        struct claim *x = claim_get(c, a, was.v[i]);
        remove_holders(x, d);
        x->is_touched = true;
    }
    for (size_t i = 0; i < now.n; i++) {
        struct claim *x = claim_get(c, a, now.v[i]);
        add_holder(x, d, now.v[i], i);
        x->is_touched = true;
    }
    d->objects = now;
    decide_all(c, store, &was);
    decide_all(c, store, &now);
    file_objects_release(&was);
}

const struct doc *claims_winner(const struct claims *c, const struct doc *d, const struct object *o, uint32_t *line)
{
    SCOPED_ARENA struct arena *a = arena_new();
    const struct holder *best = NULL;
    const struct claim *x = map_get(&c->by_object, claim_key(a, o));
    for (size_t i = 0; x && i < x->holders.n; i++) {
        const struct holder *h = &x->holders.v[i];
        if (h->doc->root == d->root && (!best || is_before(h, best))) best = h;
    }
    if (!best || best->object == o) return NULL;
    *line = best->object->line;
    return best->doc;
}

void claims_release(struct claims *c)
{
    void *v;
    for (size_t it = 0; map_next(&c->by_object, &it, NULL, &v);) {
        free(((struct claim *)v)->holders.v);
        free(v);
    }
    map_release(&c->by_object);
}
