/* node_feed.c - what the node reads of the API, kept in the store. */
#include "base/log.h"
#include "base/names.h"
#include "platform/local/node_internal.h"

static const enum kind kinds[NODE_FEEDS] = {KIND_SERVICE, KIND_ENDPOINT_SLICE,          KIND_CONFIG_MAP,
                                            KIND_SECRET,  KIND_PERSISTENT_VOLUME_CLAIM, KIND_POD};

static void add_text(struct node *map, const char *key, struct str text, struct arena *a)
{
    if (node_get(map, str_of(key))) return;
    struct node *value = arena_make(a, struct node);
    *value = (struct node){.type = NODE_STR, .text = text};
    list_push(a, &map->pairs, ((struct node_pair){.key = str_of(key), .value = value}));
}

/* Items of lists come without their kind. */
static const struct node *with_kind(const struct node *doc, enum kind kind, struct arena *a)
{
    const struct kind_info *k = kind_info(kind);
    struct node *out = arena_make(a, struct node);
    *out = (struct node){.type = NODE_MAP};
    for (each(p, doc->pairs)) list_push(a, &out->pairs, *p);
    add_text(out, "apiVersion", str_fmt(a, "%s%s%s", k->group, *k->group ? "/" : "", k->versions[0]), a);
    add_text(out, "kind", str_of(k->name), a);
    return out;
}

static struct str key_of_doc(const struct node *doc, struct arena *a)
{
    const struct node *meta = node_get(doc, S("metadata"));
    return key_of(a, node_get_str(meta, S("namespace")), node_get_str(meta, S("name")));
}

static void on_begin(void *arg)
{
    struct node_feed *f = arg;
    map_release(&f->seen);
    f->seen = (struct map){0};
    f->is_staging = true;
}

static void on_event(void *arg, enum kube_event_type type, const struct node *doc)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct node_feed *f = arg;
    struct problems problems = {0};
    struct str key = key_of_doc(doc, a);
    if (type == KUBE_GONE) {
        store_remove(f->node->opt.store, f->kind, key);
        return;
    }
    if (type != KUBE_SET) return;
    struct object *o = object_decode(with_kind(doc, f->kind, a), STR_NULL, a, &problems);
    if (f->is_staging) map_put(&f->seen, key, f);
    if (o)
        store_put(f->node->opt.store, o);
    else
        log_warn("%s %.*s is passed over: %.*s %.*s", kind_info(f->kind)->name, STR_FMT(key),
                 STR_FMT(problems.v[0].path), STR_FMT(problems.v[0].text));
}

static void on_whole(void *arg)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct node_feed *f = arg;
    struct strs keys = store_keys(f->node->opt.store, f->kind, a);
    for (each(k, keys))
        if (!map_get(&f->seen, *k)) store_remove(f->node->opt.store, f->kind, *k);
    f->is_staging = false;
    f->is_synced = true;
}

static void on_turn(void *arg)
{
    struct local_node *n = ((struct node_feed *)arg)->node;
    n->opt.on_batch(n->opt.arg);
}

static void on_state(void *arg, enum kube_watch_state state, struct str why)
{
    struct node_feed *f = arg;
    if (state != KUBE_WATCH_LIVE && why.n)
        log_warn("the API does not tell %s: %.*s", kind_info(f->kind)->plural, STR_FMT(why));
    on_turn(f);
}

static const struct kube_watch_ops ops = {on_begin, on_event, on_whole, on_state, on_turn};

void node_feeds_start(struct local_node *n)
{
    struct arena *a SCOPED_ARENA = arena_new();
    for (int i = 0; i < NODE_FEEDS; i++) {
        const struct kind_info *k = kind_info(kinds[i]);
        struct node_feed *f = &n->feeds[i];
        *f = (struct node_feed){.node = n, .kind = kinds[i]};
        struct kube_watch_options o = {
            .path = kube_path(a, (struct kube_ref){.group = k->group, .version = k->versions[0], .plural = k->plural}),
            .name = k->name,
            .ops = &ops,
            .arg = f};
        f->watch = kube_watch_new(n->opt.client, &o);
    }
}

void node_feeds_stop(struct local_node *n)
{
    for (int i = 0; i < NODE_FEEDS; i++) {
        kube_watch_free(n->feeds[i].watch);
        map_release(&n->feeds[i].seen);
    }
}
