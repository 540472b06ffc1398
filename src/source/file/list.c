#include "source/file/internal.h"

static void list_duplicate(const struct claims *c, const struct doc *d, const struct object *o, struct arena *a,
                           struct source_problems *out)
{
    uint32_t line = 0;
    const struct doc *w = claims_winner(c, d, o, &line);
    if (!w) return;
    add_problem(a, out,
                (struct source_problem){
                    .code = E_DUPLICATE,
                    .where = str_fmt(a, "%s:%u", d->path, o->line),
                    .object = object_title(a, o),
                    .text = str_fmt(a, "is already given in %s:%u, which holds; remove one of them", w->path, line),
                    .is_error = true});
}

static void list_warnings(const struct doc *d, const struct object *o, struct arena *a, struct source_problems *out)
{
    for (each(p, o->problems))
        add_problem(a, out,
                    (struct source_problem){
                        .code = p->code ? p->code : E_BAD_OBJECT,
                        .where = str_fmt(a, "%s:%u:%u", d->path, p->line, p->col),
                        .object = object_title(a, o),
                        .path = str_dup(a, p->path),
                        .text = str_fmt(a, "%.*s%s%.*s", STR_FMT(p->path), p->path.n ? ": " : "", STR_FMT(p->text)),
                        .is_error = p->is_error});
}

void list_doc(const struct claims *c, const struct doc *d, struct arena *a, struct source_problems *out)
{
    for (size_t i = 0; i < d->problems.n; i++) add_problem(a, out, d->problems.v[i]);
    for (size_t i = 0; i < d->objects.n; i++) {
        list_duplicate(c, d, d->objects.v[i], a, out);
        list_warnings(d, d->objects.v[i], a, out);
    }
}
