// rooms: base kinds
/* Objects: what decodes must be equal, with the same hash, after printing and decoding again. */
#include <stdlib.h>

#include "base/buf.h"
#include "kinds/object.h"

static json_t *to_json(const struct object *o, struct arena *a)
{
    const struct kind_info *i = kind_info(o->kind);
    json_t *j = table_to_json(i->table, o->body), *meta = table_to_json(&meta_table, &o->meta);
    const char *version = *i->group ? str_fmt(a, "%s/%s", i->group, i->versions[0]).p : i->versions[0];
    json_object_set_new(j, "apiVersion", json_string(version));
    json_object_set_new(j, "kind", json_string(i->name));
    json_object_set_new(j, "metadata", meta);
    return j;
}

static void check_round_trip(const struct object *o, struct arena *a)
{
    const struct table *t = kind_info(o->kind)->table;
    struct problems probs = {0};
    struct buf dump SCOPED_BUF = {0};
    json_t *j = to_json(o, a);
    struct object *again = object_of_json(j, a, &probs);
    if (!again || !table_equal(t, o->body, again->body)) abort();
    void *copy = arena_alloc(a, t->size);
    table_copy(t, o->body, a, copy);
    struct hasher x, y;
    hasher_init(&x), hasher_init(&y);
    table_hash(t, copy, &x), table_hash(t, again->body, &y);
    if (!table_equal(t, copy, o->body) || !hash128_eq(hasher_end(&x), hasher_end(&y))) abort();
    table_dump(t, o->body, 0, &dump);
    object_unref(again);
    json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct node_limits small = {.bytes = 1 << 16, .depth = 32, .nodes = 5000};
    struct arena *a SCOPED_ARENA = arena_new();
    struct nodes docs;
    struct err err = {0};
    if (!node_parse(a, str_make((const char *)data, size), "fuzz.yaml", &small, &docs, &err)) return 0;
    for (each(n, docs)) {
        struct problems probs = {0};
        struct object *o = object_decode(*n, S("fuzz.yaml"), a, &probs);
        if (!o && probs.n == 0) abort();
        if (o) check_round_trip(o, a);
        object_unref(o);
    }
    return 0;
}
