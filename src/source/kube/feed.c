#include <stdlib.h>

#include "base/names.h"
#include "kinds/mesh_config.h"
#include "kube/request.h"
#include "source/kube/internal.h"

/* ---- the staged whole state ---- */

static void drop_objects(struct map *m)
{
    void *o;
    for (size_t it = 0; map_next(m, &it, NULL, &o);) object_unref(o);
    map_release(m);
    *m = (struct map){0};
}

static void drop_refusals(struct map *m)
{
    void *r;
    for (size_t it = 0; map_next(m, &it, NULL, &r);) refusal_free(r);
    map_release(m);
    *m = (struct map){0};
}

static void on_begin(void *arg)
{
    struct feed *f = arg;
    drop_objects(&f->staged);
    drop_refusals(&f->staged_refused);
    f->is_staging = true;
}

/* Most of a state that is told again is as it was: it stays in memory once. */
static void stage(struct feed *f, struct str key, struct object *o)
{
    const struct object *old = store_peek(f->source->store, f->kind, key);
    if (old && old != o && store_is_same(old, o)) {
        object_unref(o);
        o = object_ref(old);
    }
    object_unref(map_put(&f->staged, key, o));
}

/* ---- the store ---- */

static void put(struct feed *f, struct str key, struct object *o)
{
    struct store *store = f->source->store;
    const struct object *old = store_peek(store, f->kind, key);
    bool is_another = old && !str_eq(old->meta.uid, o->meta.uid);
    source_changed(f->source);
    if (is_another) store_remove(store, f->kind, key); /* same name, another object */
    store_put(store, o);
}

static void forget_refusal(struct feed *f, struct map *refused, struct str key)
{
    struct refusal *r = map_del(refused, key);
    if (!r) return;
    refusal_free(r);
    source_changed(f->source);
}

static void take(struct feed *f, struct str key, struct object *o)
{
    if (f->is_staging)
        stage(f, key, o);
    else
        put(f, key, o);
}

/* ---- events ---- */

/* What holds instead of an object that cannot be used. */
static void keep_last_good(struct feed *f, struct str key, const struct node *doc, struct problems problems,
                           struct arena *a)
{
    struct map *refused = f->is_staging ? &f->staged_refused : &f->refused;
    const struct object *old = store_peek(f->source->store, f->kind, key);
    struct object *closed = old || f->kind != KIND_MESH_CONFIG ? NULL : mesh_config_closed(a, key, STR_NULL);
    const char *instead = old      ? "its last good form stays in force"
                          : closed ? "until it is mended: SMI policy, egress off"
                                   : "it counts as absent";
    if (f->is_staging && old) stage(f, key, object_ref(old));
    if (closed) take(f, key, closed);
    struct refusal *r = refusal_new(doc, f->kind, problems, instead), *before = map_put(refused, key, r);
    if (before) refusal_free(before);
    errcode_count(r->code);
    source_changed(f->source);
}

static void on_set(struct feed *f, struct str key, const struct node *doc, struct arena *a)
{
    struct problems problems = {0};
    struct object *o = object_decode_lean(lean_document(doc, f->kind, a), STR_NULL, a, &problems);
    if (!o) {
        keep_last_good(f, key, doc, problems, a);
        return;
    }
    forget_refusal(f, f->is_staging ? &f->staged_refused : &f->refused, key);
    take(f, key, o);
}

static void on_unreadable(struct feed *f, struct str key, const struct node *doc, struct arena *a)
{
    struct problems problems = {0};
    problem_add(a, &problems, true, NULL, S(""), "it is larger or deeper than what is read (8 MiB, 64 levels)");
    keep_last_good(f, key, doc, problems, a);
}

static void on_gone(struct feed *f, struct str key)
{
    if (f->is_staging) {
        object_unref(map_del(&f->staged, key));
        forget_refusal(f, &f->staged_refused, key);
        return;
    }
    forget_refusal(f, &f->refused, key);
    store_remove(f->source->store, f->kind, key);
    source_changed(f->source);
}

static void on_event(void *arg, enum kube_event_type type, const struct node *doc)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct feed *f = arg;
    struct str key = lean_key(doc, f->kind, a);
    if (!key.n) return;
    if (type == KUBE_SET)
        on_set(f, key, doc, a);
    else if (type == KUBE_GONE)
        on_gone(f, key);
    else
        on_unreadable(f, key, doc, a);
}

static void remove_unstaged(struct feed *f)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs keys = store_keys(f->source->store, f->kind, a);
    for (size_t i = 0; i < keys.n; i++)
        if (!map_get(&f->staged, keys.v[i])) store_remove(f->source->store, f->kind, keys.v[i]);
}

static void on_whole(void *arg)
{
    struct feed *f = arg;
    struct str key;
    void *o;
    remove_unstaged(f);
    for (size_t it = 0; map_next(&f->staged, &it, &key, &o);) put(f, key, o);
    map_release(&f->staged);
    f->staged = (struct map){0};
    drop_refusals(&f->refused);
    f->refused = f->staged_refused;
    f->staged_refused = (struct map){0};
    f->is_staging = false;
    f->is_synced = true;
    source_changed(f->source);
}

/* A kind of the mesh may be absent; one of Kubernetes' own that is absent is a server that lies. */
static void on_state(void *arg, enum kube_watch_state state, struct str why)
{
    (void)why;
    struct feed *f = arg;
    if (state == KUBE_WATCH_ABSENT && kind_info(f->kind)->flags & KIND_MESH) f->is_synced = true;
    source_changed(f->source);
    source_turn(f->source);
}

static void on_turn(void *arg) { source_turn(((struct feed *)arg)->source); }

static const struct kube_watch_ops ops = {on_begin, on_event, on_whole, on_state, on_turn};

/* ---- life ---- */

static const char *path_of(const struct kube_source *s, const struct kind_info *i, const char *version, enum kind k)
{
    struct str ns = k == KIND_MESH_CONFIG ? str_of(s->opt.system_ns) : STR_NULL;
    return kube_path(s->arena, (struct kube_ref){.group = i->group, .version = version, .plural = i->plural, .ns = ns});
}

void feed_init(struct feed *f, struct kube_source *s, enum kind k)
{
    const struct kind_info *i = kind_info(k);
    *f = (struct feed){.source = s, .kind = k, .is_wanted = !(i->flags & KIND_MESH)};
    f->path = path_of(s, i, i->versions[0], k);
    for (size_t v = 1; v < 4 && i->versions[v]; v++) f->paths[v - 1] = path_of(s, i, i->versions[v], k);
}

static void start(struct feed *f)
{
    struct kube_watch_options o = {.path = f->path, .name = kind_info(f->kind)->name, .ops = &ops, .arg = f};
    for (size_t i = 0; i < 3; i++) o.paths[i] = f->paths[i];
    f->watch = kube_watch_new(f->source->opt.client, &o);
}

static void stop(struct feed *f)
{
    kube_watch_free(f->watch);
    f->watch = NULL;
    drop_objects(&f->staged);
    drop_refusals(&f->staged_refused);
    f->is_staging = false;
}

/* Its definition is gone, and with it all objects. */
static void clear(struct feed *f)
{
    remove_unstaged(f);
    drop_refusals(&f->refused);
    source_changed(f->source);
}

void feed_sync(struct feed *f)
{
    if (f->watch && (!f->is_wanted || f->must_restart)) {
        stop(f);
        if (!f->is_wanted) clear(f);
    }
    f->must_restart = false;
    if (!f->watch && f->is_wanted) start(f);
    if (!f->is_wanted && f->source->definitions.is_known) f->is_synced = true;
}

void feed_release(struct feed *f)
{
    stop(f);
    drop_refusals(&f->refused);
}
