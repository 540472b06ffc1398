#include "status/objects.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/names.h"
#include "status/events.h"

enum { MAX_REASON = 1024 };

struct object_status {
    struct writer *w;
    struct store *store;
    struct sheet *sheet;
    struct map marked; /* "<Kind>/<key>" → itself */
    struct map known;  /* those that have a status of ours */
    struct events *events;
};

static bool always(enum kind k)
{
    return k == KIND_INGRESS_BACKEND || k == KIND_UPSTREAM_TRAFFIC_SETTING || k == KIND_TELEMETRY;
}

void object_status_mark(struct object_status *s, enum kind k, struct str key)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (kind_info(k)->flags & KIND_MESH) map_put(&s->marked, mesh_diag_key(a, k, key), s);
}

/* The first error is the reason; how many more there are is said. */
static struct str reason_of(const struct mesh_diag_list *l, struct arena *a)
{
    struct str first = STR_NULL;
    size_t errors = 0;
    for (size_t i = 0; l && i < l->diags.n; i++) {
        if (!l->diags.v[i].is_error) continue;
        if (!errors++) first = l->diags.v[i].text;
    }
    if (errors > 1) first = str_fmt(a, "%.*s (and %zu more: osm status)", STR_FMT(first), errors - 1);
    return str_sub(first, 0, MAX_REASON);
}

static json_t *document(const struct object *o, const struct kind_info *i, struct str reason, struct arena *a)
{
    struct str text = reason.n ? reason : S("successfully committed by the system");
    const char *version = str_fmt(a, "%s/%s", i->group, i->versions[0]).p;
    return json_pack("{s:s, s:s, s:{s:s%, s:s%}, s:{s:s, s:s%, s:I}}", "apiVersion", version, "kind", i->name,
                     "metadata", "name", o->meta.name.p, o->meta.name.n, "namespace", o->meta.ns.p, o->meta.ns.n,
                     "status", "currentStatus", reason.n ? "error" : "committed", "reason", text.p, text.n,
                     "observedGeneration", (json_int_t)o->meta.generation);
}

static void settle_one(struct object_status *s, struct str mark)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str kind_name, key;
    enum kind k;
    key_split(mark, &kind_name, &key);
    if (!kind_lookup(kind_name, &k)) return;
    const struct kind_info *i = kind_info(k);
    const struct object *o = store_peek(s->store, k, key);
    struct str wish = str_fmt(a, "status of %.*s", STR_FMT(mark));
    if (!o) {
        map_del(&s->known, mark);
        writer_drop(s->w, wish, false);
        events_forget(s->events, mark);
        return;
    }
    struct str reason = reason_of(sheet_value(s->sheet, &mesh_diag_cell, mark), a);
    events_say(s->events, mark, o, i, reason);
    if (!reason.n && !always(k) && !map_get(&s->known, mark)) return;
    struct kube_ref ref = {.group = i->group,
                           .version = i->versions[0],
                           .plural = i->plural,
                           .ns = o->meta.ns,
                           .name = o->meta.name,
                           .sub = "status"};
    map_put(&s->known, mark, s);
    writer_want(s->w, wish, ref, document(o, i, reason, a));
}

void object_status_settle(struct object_status *s)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs marks = map_keys(&s->marked, a);
    map_release(&s->marked);
    s->marked = (struct map){0};
    for (each(m, marks)) settle_one(s, *m);
}

struct object_status *object_status_new(struct writer *w, struct store *store, struct sheet *sheet)
{
    struct object_status *s = xcalloc(1, sizeof *s);
    *s = (struct object_status){.w = w, .store = store, .sheet = sheet, .events = events_new(w)};
    return s;
}

void object_status_free(struct object_status *s)
{
    if (!s) return;
    map_release(&s->marked);
    map_release(&s->known);
    events_free(s->events);
    free(s);
}
