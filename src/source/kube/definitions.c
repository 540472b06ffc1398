/* Which kinds there are: the CustomResourceDefinitions, by name and uid alone. */
#include <stdlib.h>

#include "source/kube/internal.h"

static void drop(struct map *m)
{
    void *v;
    for (size_t it = 0; map_next(m, &it, NULL, &v);) free(v);
    map_release(m);
    *m = (struct map){0};
}

static struct str name_of(enum kind k, struct arena *a)
{
    const struct kind_info *i = kind_info(k);
    return str_fmt(a, "%s.%s", i->plural, i->group);
}

static const char *uid_of(const struct definitions *d, enum kind k)
{
    struct arena *a SCOPED_ARENA = arena_new();
    return map_get(&d->uids, name_of(k, a));
}

bool definitions_has(const struct definitions *d, enum kind k) { return d->is_known && uid_of(d, k); }

/* The feed of a definition's kind; NULL: it is none of ours. */
static struct feed *feed_of(struct definitions *d, struct str name)
{
    struct arena *a SCOPED_ARENA = arena_new();
    for (int k = 0; k < KIND_COUNT; k++) {
        struct feed *f = source_feed(d->source, (enum kind)k);
        if (f && kind_info((enum kind)k)->flags & KIND_MESH && str_eq(name, name_of((enum kind)k, a))) return f;
    }
    return NULL;
}

static void put(struct map *m, struct str name, struct str uid) { free(map_put(m, name, xstrndup(uid.p, uid.n))); }

static void follow(struct definitions *d, struct feed *f, bool is_there, bool is_another)
{
    f->is_wanted = is_there || d->is_denied;
    f->must_restart |= is_another;
    if (f->is_wanted && f->watch && kube_watch_state(f->watch) == KUBE_WATCH_ABSENT) kube_watch_nudge(f->watch);
    source_sync_soon(d->source);
}

static void on_begin(void *arg)
{
    struct definitions *d = arg;
    drop(&d->staged);
    d->is_staging = true;
}

static void on_event(void *arg, enum kube_event_type type, const struct node *o)
{
    struct definitions *d = arg;
    const struct node *meta = node_get(o, S("metadata"));
    struct str name = node_get_str(meta, S("name")), uid = node_get_str(meta, S("uid"));
    struct feed *f = feed_of(d, name);
    struct map *m = d->is_staging ? &d->staged : &d->uids;
    if (!f) return;
    const char *before = map_get(m, name);
    bool is_another = before && !str_is(uid, before);
    if (type == KUBE_GONE)
        free(map_del(m, name));
    else
        put(m, name, uid);
    if (!d->is_staging) follow(d, f, type != KUBE_GONE, is_another || type == KUBE_GONE);
}

static void on_whole(void *arg)
{
    struct definitions *d = arg;
    struct map before = d->uids;
    struct arena *a SCOPED_ARENA = arena_new();
    d->uids = d->staged;
    d->staged = (struct map){0};
    d->is_staging = false;
    d->is_known = true;
    d->is_denied = false;
    for (int k = 0; k < KIND_COUNT; k++) {
        struct feed *f = source_feed(d->source, (enum kind)k);
        if (!f || !(kind_info((enum kind)k)->flags & KIND_MESH)) continue;
        const char *was = map_get(&before, name_of((enum kind)k, a)), *is = uid_of(d, (enum kind)k);
        follow(d, f, is != NULL, was && is && strcmp(was, is) != 0);
    }
    drop(&before);
    source_changed(d->source);
}

/* Where definitions cannot be read, the kinds themselves say whether they are there. */
static void on_state(void *arg, enum kube_watch_state state, struct str why)
{
    (void)why;
    struct definitions *d = arg;
    bool is_denied = state == KUBE_WATCH_FORBIDDEN || state == KUBE_WATCH_ABSENT;
    source_changed(d->source);
    if (is_denied && !d->is_known) {
        d->is_denied = true;
        for (int k = 0; k < KIND_COUNT; k++) {
            struct feed *f = source_feed(d->source, (enum kind)k);
            if (f && kind_info((enum kind)k)->flags & KIND_MESH) follow(d, f, true, false);
        }
    }
    source_turn(d->source);
}

static void on_turn(void *arg) { source_turn(((struct definitions *)arg)->source); }

static const struct kube_watch_ops ops = {on_begin, on_event, on_whole, on_state, on_turn};

void definitions_start(struct definitions *d, struct kube_source *s)
{
    d->source = s;
    d->watch = kube_watch_new(
        s->opt.client, &(struct kube_watch_options){.path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                                                    .name = "CustomResourceDefinition",
                                                    .metadata_only = true,
                                                    .ops = &ops,
                                                    .arg = d});
}

void definitions_release(struct definitions *d)
{
    kube_watch_free(d->watch);
    drop(&d->uids);
    drop(&d->staged);
}
