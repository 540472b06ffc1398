/* The cluster's own addresses: what a sidecar never passes on as traffic to the outside. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/cidr.h"
#include "source/kube/internal.h"

/* ---- joining ---- */

static bool bit(const struct cidr *c, int i) { return c->bytes[i / 8] >> (7 - i % 8) & 1; }

static int compare(const void *x, const void *y)
{
    const struct cidr *a = x, *b = y;
    if (a->is_v6 != b->is_v6) return a->is_v6 ? 1 : -1;
    int c = memcmp(a->bytes, b->bytes, sizeof a->bytes);
    return c ? c : a->bits - b->bits;
}

/* Do the two make up the range that is one bit shorter? */
static bool is_pair(const struct cidr *low, const struct cidr *high)
{
    struct cidr whole = *low;
    whole.bits--;
    return low->bits > 1 && low->bits == high->bits && !bit(low, low->bits - 1) && bit(high, high->bits - 1) &&
           cidr_contains(&whole, high);
}

struct strs ranges_join(struct arena *a, struct strs all)
{
    struct strs out = {0};
    struct cidr *l = arena_array(a, struct cidr, all.n + 1);
    size_t n = 0, top = 0;
    for (size_t i = 0; i < all.n; i++) n += cidr_parse(all.v[i], &l[n]) && l[n].bits > 0;
    qsort(l, n, sizeof *l, compare);
    for (size_t i = 0; i < n; i++) {
        if (top && cidr_contains(&l[top - 1], &l[i])) continue;
        l[top++] = l[i];
        for (; top > 1 && is_pair(&l[top - 2], &l[top - 1]); top--) l[top - 2].bits--;
    }
    for (size_t i = 0; i < top; i++) list_push(a, &out, cidr_text(a, &l[i]));
    return out;
}

/* ---- following ---- */

static void drop(struct map *m)
{
    void *v;
    for (size_t it = 0; map_next(m, &it, NULL, &v);) free(v);
    map_release(m);
    *m = (struct map){0};
}

static void add_text(const struct node *v, struct buf *out)
{
    if (!v || v->type != NODE_STR || !v->text.n) return;
    if (out->n) buf_char(out, ',');
    buf_str(out, v->text);
}

/* "a,b"; malloc. */
static char *ranges_of(const struct range_list *l, const struct node *o)
{
    struct buf out SCOPED_BUF = {0};
    const struct node *spec = node_get(o, S("spec")), *many = node_get(spec, str_of(l->first));
    for (size_t i = 0; many && many->type == NODE_LIST && i < many->items.n; i++) add_text(many->items.v[i], &out);
    if (!out.n && l->second) add_text(node_get(spec, str_of(l->second)), &out);
    return xstrndup(out.p ? out.p : "", out.n);
}

static void changed(struct range_list *l)
{
    l->source->ranges.is_changed = true;
    source_changed(l->source);
}

static void on_begin(void *arg)
{
    struct range_list *l = arg;
    drop(&l->staged);
    l->is_staging = true;
}

static void on_event(void *arg, enum kube_event_type type, const struct node *o)
{
    struct range_list *l = arg;
    struct str name = node_get_str(node_get(o, S("metadata")), S("name"));
    struct map *m = l->is_staging ? &l->staged : &l->found;
    char *now = type == KUBE_SET ? ranges_of(l, o) : NULL, *was = NULL;
    if (now)
        was = map_put(m, name, now);
    else if (type == KUBE_GONE)
        was = map_del(m, name);
    if (!l->is_staging && strcmp(was ? was : "", now ? now : "") != 0) changed(l);
    free(was);
}

static void on_whole(void *arg)
{
    struct range_list *l = arg;
    drop(&l->found);
    l->found = l->staged;
    l->staged = (struct map){0};
    l->is_staging = false;
    l->is_synced = true;
    changed(l);
}

/* Without the right or the kind to tell them, they are not known; nothing waits for that. */
static void on_state(void *arg, enum kube_watch_state state, struct str why)
{
    (void)why;
    struct range_list *l = arg;
    if (state == KUBE_WATCH_ABSENT || state == KUBE_WATCH_FORBIDDEN) l->is_synced = true;
    source_changed(l->source);
    source_turn(l->source);
}

static void on_turn(void *arg) { source_turn(((struct range_list *)arg)->source); }

static const struct kube_watch_ops ops = {on_begin, on_event, on_whole, on_state, on_turn};

static struct strs collect(const struct range_list *l, struct arena *a)
{
    struct strs all = {0};
    void *v;
    for (size_t it = 0; map_next(&l->found, &it, NULL, &v);)
        for (struct str rest = str_dup(a, str_of(v)); rest.p;) list_push(a, &all, str_cut(&rest, ','));
    return ranges_join(a, all);
}

void ranges_tell(struct ranges *r)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (!r->is_changed || !r->services.is_synced || !r->pods.is_synced) return;
    r->is_changed = false;
    struct kube_source *s = r->services.source;
    s->opt.on_ranges(s->opt.arg, collect(&r->services, a), collect(&r->pods, a));
}

static void start(struct range_list *l, struct kube_source *s, const char *path)
{
    l->source = s;
    l->watch = kube_watch_new(s->opt.client,
                              &(struct kube_watch_options){.path = path, .name = l->name, .ops = &ops, .arg = l});
}

void ranges_start(struct ranges *r, struct kube_source *s)
{
    r->services = (struct range_list){.name = "ServiceCIDR", .first = "cidrs"};
    r->pods = (struct range_list){.name = "Node", .first = "podCIDRs", .second = "podCIDR"};
    r->is_changed = true;
    start(&r->services, s, "/apis/networking.k8s.io/v1/servicecidrs");
    start(&r->pods, s, "/api/v1/nodes");
}

void ranges_release(struct ranges *r)
{
    struct range_list *both[] = {&r->services, &r->pods};
    for (size_t i = 0; i < 2; i++) {
        kube_watch_free(both[i]->watch);
        drop(&both[i]->found);
        drop(&both[i]->staged);
    }
}
