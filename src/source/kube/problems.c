#include <stdlib.h>

#include "base/names.h"
#include "source/kube/internal.h"

#define WHERE S("Kubernetes API")

void refusal_free(struct refusal *r) { arena_free(r->arena); }

struct refusal *refusal_new(const struct node *doc, enum kind k, struct problems problems, const char *instead)
{
    struct arena *a = arena_new();
    struct refusal *r = arena_make(a, struct refusal);
    struct str key = lean_key(doc, k, a);
    *r = (struct refusal){.arena = a, .instead = instead, .code = E_BAD_OBJECT, .text = S("it cannot be read")};
    r->title = str_fmt(a, "%s %.*s", kind_info(k)->name, STR_FMT(key));
    for (each(p, problems)) {
        if (!p->is_error) continue;
        r->code = p->code ? p->code : E_BAD_OBJECT;
        r->path = str_dup(a, p->path);
        r->text = str_dup(a, p->text);
        break;
    }
    return r;
}

static void add(struct kube_source *s, int code, struct str object, struct str text, bool is_error)
{
    struct source_problem p = {.code = code, .where = WHERE, .object = object, .text = text, .is_error = is_error};
    *(struct source_problem *)list_grow(s->listing, (void **)&s->problems.v, &s->problems.n, sizeof p) = p;
}

static struct str with_path(struct arena *a, struct str path, struct str text)
{
    return path.n ? str_fmt(a, "%.*s: %.*s", STR_FMT(path), STR_FMT(text)) : text;
}

static void list_watch(struct kube_source *s, const struct kube_watch *w, struct str kind)
{
    if (!w) return;
    enum kube_watch_state state = kube_watch_state(w);
    struct str why = kube_watch_why(w);
    if (state != KUBE_WATCH_FAILING && state != KUBE_WATCH_FORBIDDEN) return;
    add(s, E_KUBERNETES, kind,
        str_fmt(s->listing, "%.*s objects cannot be followed now; what is known of them stays in force: %.*s",
                STR_FMT(kind), STR_FMT(why)),
        true);
}

static void list_absent(struct kube_source *s, const struct feed *f)
{
    const struct kind_info *i = kind_info(f->kind);
    if (!f->watch || kube_watch_state(f->watch) != KUBE_WATCH_ABSENT) return;
    if (i->flags & KIND_MESH && !definitions_has(&s->definitions, f->kind)) return;
    add(s, E_KUBERNETES, str_of(i->name),
        str_fmt(s->listing, "the API serves no %s in version %s%s%s; its objects are not read", i->plural,
                i->versions[0], i->versions[1] ? " or " : "", i->versions[1] ? i->versions[1] : ""),
        true);
}

static void list_refusals(struct kube_source *s, const struct feed *f)
{
    struct strs keys = map_keys(&f->refused, s->listing);
    for (size_t i = 0; i < keys.n; i++) {
        const struct refusal *r = map_get(&f->refused, keys.v[i]);
        struct str text = with_path(s->listing, r->path, r->text);
        add(s, r->code, r->title, str_fmt(s->listing, "%.*s; %s", STR_FMT(text), r->instead), true);
    }
}

static void list_warnings(struct kube_source *s, const struct feed *f)
{
    if (!(kind_info(f->kind)->flags & KIND_MESH)) return;
    struct strs keys = store_keys(s->store, f->kind, s->listing);
    for (size_t i = 0; i < keys.n; i++) {
        const struct object *o = store_peek(s->store, f->kind, keys.v[i]);
        for (each(p, o->problems))
            add(s, p->code ? p->code : E_BAD_OBJECT, object_title(s->listing, o),
                with_path(s->listing, p->path, p->text), p->is_error);
    }
}

static void list_range(struct kube_source *s, const struct range_list *l, const char *what, const char *flag)
{
    if (!l->watch || !l->is_synced || l->found.n) return;
    add(s, E_KUBERNETES, str_of(l->name),
        str_fmt(s->listing, "the addresses of %s are not known to the API; give them by %s", what, flag), false);
}

static void list_all(struct kube_source *s)
{
    s->listing = arena_new();
    s->problems = (struct source_problems){0};
    list_watch(s, s->definitions.watch, S("CustomResourceDefinition"));
    list_watch(s, s->ranges.services.watch, S("ServiceCIDR"));
    list_watch(s, s->ranges.pods.watch, S("Node"));
    list_range(s, &s->ranges.services, "Services", "--service-range");
    list_range(s, &s->ranges.pods, "pods", "--pod-range");
    for (size_t i = 0; i < s->n_feeds; i++) {
        const struct feed *f = &s->feeds[i];
        list_watch(s, f->watch, str_of(kind_info(f->kind)->name));
        list_absent(s, f);
        list_refusals(s, f);
        list_warnings(s, f);
    }
}

struct source_problems kube_source_problems(const struct kube_source *s)
{
    if (!s->listing) list_all((struct kube_source *)s);
    return s->problems;
}
