#include "bench_view.h"

#include <stdlib.h>

#include "base/map.h"

static struct map parts; /* name → struct map of "<type>/<name>" → bytes on the wire, as a pointer */
static struct map views; /* name → its parts, joined by line feeds */

static void take_slot(const struct xds_slot_change *s)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct map *m = map_get(&parts, s->part);
    if (!m) map_put(&parts, s->part, m = xcalloc(1, sizeof *m));
    struct str key = str_fmt(a, "%d/%.*s", (int)s->type, STR_FMT(s->name));
    if (s->now)
        map_put(m, key, (void *)(uintptr_t)s->now->wire.n);
    else
        map_del(m, key);
}

static void take_view(const struct xds_view_change *v)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str joined = str_join(a, v->parts, S("\n"));
    free(v->removed ? map_del(&views, v->view) : map_put(&views, v->view, xstrndup(joined.p, joined.n)));
}

void bench_view_take(const struct xds_revision *r)
{
    for (each(s, r->slots)) take_slot(s);
    for (each(v, r->views)) take_view(v);
}

/* Of resources with one name the first part's counts. */
static uint64_t bytes_of(struct str joined)
{
    struct map seen = {0};
    uint64_t sum = 0;
    while (joined.n) {
        const struct map *m = map_get(&parts, str_cut(&joined, '\n'));
        struct str key;
        void *n;
        for (size_t it = 0; m && map_next(m, &it, &key, &n);)
            if (!map_put(&seen, key, &seen)) sum += (uintptr_t)n;
    }
    map_release(&seen);
    return sum;
}

uint64_t bench_view_bytes(struct str prefix)
{
    struct str name;
    void *joined;
    for (size_t it = 0; map_next(&views, &it, &name, &joined);)
        if (str_starts(name, prefix)) return bytes_of(str_of(joined));
    return 0;
}
