#include "controller/secret_api.h"

#include <stdlib.h>

struct secret_api {
    struct secret_sink sink;
    struct writer *writer;
    struct arena *arena; /* of |key|; NULL: none is kept */
    struct str key;
};

static void forget(struct secret_api *k, bool deletes)
{
    if (!k->arena) return;
    writer_drop(k->writer, k->key, deletes);
    arena_free(k->arena);
    k->arena = NULL;
}

static bool keep(struct secret_sink *sink, const struct tls_secret *s, struct err *err)
{
    struct secret_api *k = (struct secret_api *)sink;
    if (!s) {
        forget(k, true);
        return true;
    }
    json_t *object = tls_secret_json(s);
    if (!object) return err_set(err, "Secret %.*s/%.*s cannot be written as JSON", STR_FMT(s->ns), STR_FMT(s->name));
    struct arena *a = arena_new();
    struct str key = str_fmt(a, "Secret %.*s/%.*s", STR_FMT(s->ns), STR_FMT(s->name));
    if (k->arena && !str_eq(k->key, key)) forget(k, true);
    struct kube_ref ref = {.version = "v1", .plural = "secrets", .ns = s->ns, .name = s->name};
    writer_want(k->writer, key, ref, object);
    if (k->arena) arena_free(k->arena);
    k->arena = a;
    k->key = key;
    return true;
}

static void api_free(struct secret_sink *sink)
{
    struct secret_api *k = (struct secret_api *)sink;
    forget(k, false);
    free(k);
}

struct secret_sink *secret_api_new(struct writer *w)
{
    static const struct secret_sink_ops ops = {keep, api_free};
    struct secret_api *k = xcalloc(1, sizeof *k);
    k->sink.ops = &ops;
    k->writer = w;
    return &k->sink;
}
