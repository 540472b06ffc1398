#include "status/events.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/field.h"
#include "base/hash.h"
#include "base/map.h"

enum { MAX_NAME = 200, HASH_DIGITS = 16 };

/* What was said last of an object. */
struct said {
    struct arena *arena;
    struct str wish;
    bool is_wrong;
};

struct events {
    struct writer *w;
    struct map said; /* by mark */
};

static void said_free(struct said *s)
{
    arena_free(s->arena);
    free(s);
}

static struct str name_of(struct arena *a, const struct object *o, const struct kind_info *kind, struct str text)
{
    char hex[33];
    struct str all = str_fmt(a, "%s %.*s", kind->name, STR_FMT(text));
    hash128_hex(hash128_of(all.p, all.n), hex);
    return str_fmt(a, "%.*s.%.*s", STR_FMT(str_sub(o->meta.name, 0, MAX_NAME)), HASH_DIGITS, hex);
}

static json_t *document(struct arena *a, const struct object *o, const struct kind_info *kind, struct str name,
                        struct str text, bool is_wrong)
{
    struct str version = str_fmt(a, "%s/%s", kind->group, kind->versions[0]), now = time_text(a, clock_unix_s());
    json_t *about = json_pack("{s:s%, s:s, s:s%, s:s%}", "apiVersion", version.p, version.n, "kind", kind->name,
                              "namespace", o->meta.ns.p, o->meta.ns.n, "name", o->meta.name.p, o->meta.name.n);
    if (o->meta.uid.n) json_object_set_new(about, "uid", json_stringn(o->meta.uid.p, o->meta.uid.n));
    return json_pack("{s:s, s:s, s:{s:s%, s:s%}, s:o, s:s, s:s%, s:s, s:{s:s}, s:s%, s:s%, s:i}", "apiVersion", "v1",
                     "kind", "Event", "metadata", "name", name.p, name.n, "namespace", o->meta.ns.p, o->meta.ns.n,
                     "involvedObject", about, "reason", is_wrong ? "Refused" : "Committed", "message", text.p, text.n,
                     "type", is_wrong ? "Warning" : "Normal", "source", "component", "osm-controller", "firstTimestamp",
                     now.p, now.n, "lastTimestamp", now.p, now.n, "count", 1);
}

void events_say(struct events *e, struct str mark, const struct object *o, const struct kind_info *kind,
                struct str reason)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct said *s = map_get(&e->said, mark);
    bool is_wrong = reason.n > 0;
    if (!is_wrong && !(s && s->is_wrong)) return;
    struct str text = is_wrong ? reason : S("what was refused is carried out now");
    struct str name = name_of(a, o, kind, text), wish = str_fmt(a, "event %.*s of %.*s", STR_FMT(name), STR_FMT(mark));
    if (s && str_eq(s->wish, wish)) return;
    events_forget(e, mark);
    s = xcalloc(1, sizeof *s);
    s->arena = arena_new();
    s->wish = str_dup(s->arena, wish);
    s->is_wrong = is_wrong;
    map_put(&e->said, mark, s);
    struct kube_ref ref = {.version = "v1", .plural = "events", .ns = o->meta.ns, .name = name};
    writer_want(e->w, wish, ref, document(a, o, kind, name, text, is_wrong));
}

void events_forget(struct events *e, struct str mark)
{
    struct said *s = map_get(&e->said, mark);
    if (!s) return;
    map_del(&e->said, mark);
    writer_drop(e->w, s->wish, false);
    said_free(s);
}

struct events *events_new(struct writer *w)
{
    struct events *e = xcalloc(1, sizeof *e);
    e->w = w;
    return e;
}

void events_free(struct events *e)
{
    if (!e) return;
    size_t it = 0;
    void *v;
    while (map_next(&e->said, &it, NULL, &v)) said_free(v);
    map_release(&e->said);
    free(e);
}
