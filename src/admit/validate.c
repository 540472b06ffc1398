/* validate.c - /validate: an object is held against its kind's table, and against those beside it. */
#include "admit/review.h"
#include "base/errcode.h"
#include "kinds/together.h"

enum { MAX_NAMED = 5 };

/* ---- the kind's own rules -------------------------------------------------------------------------------- */

static struct str problem_text(struct arena *a, const struct problem *p)
{
    if (!p->path.n) return p->text;
    return str_fmt(a, "%.*s: %.*s", STR_FMT(p->path), STR_FMT(p->text));
}

static struct str errors_text(struct arena *a, struct problems probs)
{
    struct strs all = {0};
    size_t more = 0;
    for (each(p, probs)) {
        if (!p->is_error) continue;
        if (all.n < MAX_NAMED)
            list_push(a, &all, problem_text(a, p));
        else
            more++;
    }
    struct str text = str_join(a, all, S("; "));
    return more ? str_fmt(a, "%.*s; and %zu more", STR_FMT(text), more) : text;
}

static struct object *decode(const struct admit_request *r, const json_t *doc, struct arena *a,
                             struct admit_answer *out)
{
    struct problems probs = {0};
    struct object *o = object_of_json(doc, a, &probs);
    if (!o) {
        struct str name = r->name.n ? r->name : S("(unnamed)");
        admit_deny(out, 422,
                   str_fmt(a, "%.*s %.*s: %.*s", STR_FMT(r->kind), STR_FMT(name), STR_FMT(errors_text(a, probs))));
        return NULL;
    }
    for (each(p, o->problems)) list_push(a, &out->warnings, str_dup(a, problem_text(a, p)));
    return o;
}

/* ---- all ------------------------------------------------------------------------------------------------- */

static const struct object *next_other(void *arg, const struct object *now, size_t *it)
{
    const struct admit_world *w = arg;
    struct arena *a SCOPED_ARENA = arena_new();
    struct str key = object_key(a, now), k;
    void *o;
    while (map_next(&w->objects[now->kind], it, &k, &o)) {
        const struct object *other = o;
        if (!str_eq(k, key) && str_eq(other->meta.ns, now->meta.ns)) return other;
    }
    return NULL;
}

static void refuse(const struct object *now, const struct problem *p, struct arena *a, struct admit_answer *out)
{
    admit_deny(out, p->code == E_CONFLICT ? 409 : 403,
               str_fmt(a, "%.*s: %.*s", STR_FMT(object_title(a, now)), STR_FMT(problem_text(a, p))));
}

static bool is_stated_kind(const struct admit_request *r, const struct object *o)
{
    const struct kind_info *i = kind_info(o->kind);
    return str_is(r->kind, i->name) && str_is(r->group, i->group);
}

void admit_validate(const struct admit_world *w, const struct admit_request *r, struct arena *a,
                    struct admit_answer *out)
{
    out->allowed = true;
    if (!str_is(r->operation, "CREATE") && !str_is(r->operation, "UPDATE")) return;
    if (!r->object) return (void)admit_deny(out, 422, S("the request carries no object"));
    struct object *now = decode(r, r->object, a, out);
    if (!now) return;
    struct admit_answer ignored = {0};
    struct object *old = r->old ? decode(r, r->old, a, &ignored) : NULL;
    const struct neighbours n = {(void *)w, next_other};
    const struct problem *p = NULL;
    if (!is_stated_kind(r, now))
        admit_deny(out, 422, S("the object is of another kind than the request says"));
    else if ((p = together_check(now, old, &n, a)))
        refuse(now, p, a, out);
    object_unref(now);
    if (old) object_unref(old);
}
