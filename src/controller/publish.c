#include "controller/publish.h"

#include <assert.h>
#include <stdlib.h>

#include "base/map.h"

struct bundle {
    struct xds_resource **v; /* by (type, name) */
    size_t n;
    struct map parts; /* part → itself as a mark */
};

struct publish {
    struct map bundles; /* "<cell kind> <key>" → struct bundle */
};

struct publish *publish_new(void) { return xcalloc(1, sizeof(struct publish)); }

static void bundle_free(struct bundle *b)
{
    for (size_t i = 0; i < b->n; i++) xds_resource_unref(b->v[i]);
    free(b->v);
    map_release(&b->parts);
    free(b);
}

void publish_free(struct publish *p)
{
    void *b;
    for (size_t it = 0; map_next(&p->bundles, &it, NULL, &b);) bundle_free(b);
    map_release(&p->bundles);
    free(p);
}

static struct str bundle_key(struct arena *a, const struct cell_kind *kind, struct str key)
{
    return str_fmt(a, "%s %.*s", kind->name, STR_FMT(key));
}

static struct bundle *bundle_of(struct publish *p, struct str name)
{
    struct bundle *b = map_get(&p->bundles, name);
    if (b) return b;
    b = xcalloc(1, sizeof *b);
    map_put(&p->bundles, name, b);
    return b;
}

static void drop_if_unused(struct publish *p, struct str name, struct bundle *b)
{
    if (b->n || b->parts.n) return;
    map_del(&p->bundles, name);
    bundle_free(b);
}

static void unref_resource(void *r) { xds_resource_unref(r); }

static void slot(struct str part, const struct xds_resource *r, bool gone, struct arena *a, struct xds_revision *out)
{
    struct xds_slot_change *c = list_add(a, &out->slots);
    *c = (struct xds_slot_change){.part = str_dup(a, part), .type = r->type, .name = str_dup(a, r->name)};
    if (gone) return;
    c->now = xds_resource_ref((struct xds_resource *)r);
    arena_on_free(a, unref_resource, c->now);
}

static void slot_everywhere(const struct bundle *b, const struct xds_resource *r, bool gone, struct arena *a,
                            struct xds_revision *out)
{
    struct strs parts = map_keys(&b->parts, a);
    for (size_t i = 0; i < parts.n; i++) slot(parts.v[i], r, gone, a, out);
}

static int order(const struct xds_resource *x, const struct xds_resource *y)
{
    if (x->type != y->type) return x->type < y->type ? -1 : 1;
    return str_cmp(x->name, y->name);
}

static struct xds_resource **encode_all(const struct envoy_bundle *value, size_t *n)
{
    *n = value ? value->resources.n : 0;
    struct xds_resource **v = xcalloc(*n, sizeof(struct xds_resource *));
    for (size_t i = 0; i < *n; i++) {
        const struct envoy_resource *r = &value->resources.v[i];
        v[i] = xds_resource_new((enum xds_type)r->type, r->name, r->bytes, r->origin, r->clusters);
        assert(i == 0 || order(v[i - 1], v[i]) < 0);
    }
    return v;
}

/* Both lists are sorted: a merge finds what came, went and changed. Unchanged resources keep their old object. */
static void merge(struct bundle *b, struct xds_resource **now, size_t n, struct arena *a, struct xds_revision *out)
{
    size_t i = 0, j = 0;
    while (i < b->n || j < n) {
        int c = i == b->n ? 1 : j == n ? -1 : order(b->v[i], now[j]);
        if (c < 0)
            slot_everywhere(b, b->v[i++], true, a, out);
        else if (c > 0)
            slot_everywhere(b, now[j++], false, a, out);
        else {
            if (!hash128_eq(b->v[i]->version, now[j]->version)) {
                slot_everywhere(b, now[j], false, a, out);
            } else {
                xds_resource_unref(now[j]);
                now[j] = xds_resource_ref(b->v[i]);
            }
            i++, j++;
        }
    }
}

void publish_bundle(struct publish *p, const struct cell_kind *kind, struct str key, const struct envoy_bundle *value,
                    struct arena *a, struct xds_revision *r)
{
    struct str name = bundle_key(a, kind, key);
    struct bundle *b = bundle_of(p, name);
    size_t n;
    struct xds_resource **now = encode_all(value, &n);
    merge(b, now, n, a, r);
    for (size_t i = 0; i < b->n; i++) xds_resource_unref(b->v[i]);
    free(b->v);
    b->v = now;
    b->n = n;
    drop_if_unused(p, name, b);
}

void publish_join(struct publish *p, struct str part, const struct cell_kind *kind, struct str key, struct arena *a,
                  struct xds_revision *r)
{
    struct bundle *b = bundle_of(p, bundle_key(a, kind, key));
    if (map_put(&b->parts, part, b)) return;
    for (size_t i = 0; i < b->n; i++) slot(part, b->v[i], false, a, r);
}

void publish_leave(struct publish *p, struct str part, const struct cell_kind *kind, struct str key, struct arena *a,
                   struct xds_revision *r)
{
    struct str name = bundle_key(a, kind, key);
    struct bundle *b = map_get(&p->bundles, name);
    if (!b || !map_del(&b->parts, part)) return;
    for (size_t i = 0; i < b->n; i++) slot(part, b->v[i], true, a, r);
    drop_if_unused(p, name, b);
}
