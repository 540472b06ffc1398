#include "base/list.h"
#include "kinds/meta.h"
#include "kinds/schema.h"
#include "kinds/schema_words.h"

static void write_version(const struct kind_info *i, struct buf *out)
{
    buf_fmt(out, "KIND:     %s\nVERSION:  %s%s%s\n", i->name, i->group, *i->group ? "/" : "", i->versions[0]);
    if (i->flags & KIND_NOT_ENFORCED) buf_c(out, "NOTE:     read and checked, not carried out yet\n");
}

static void write_fields(const struct table *t, struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (t->n) buf_c(out, "\nFIELDS:\n");
    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->fields[i];
        struct str type = field_type_words(f, a), rules = field_rule_words(f, a);
        buf_fmt(out, "  %s <%.*s>", f->name, STR_FMT(type));
        if (rules.n) buf_fmt(out, "  %.*s", STR_FMT(rules));
        buf_fmt(out, "\n    %s\n", f->doc);
    }
}

static void write_field(const struct field *f, struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str type = field_type_words(f, a), rules = field_rule_words(f, a);
    buf_fmt(out, "FIELD:    %s <%.*s>\n", f->name, STR_FMT(type));
    if (rules.n) buf_fmt(out, "RULES:    %.*s\n", STR_FMT(rules));
    buf_fmt(out, "\n%s\n", f->doc);
    if (f->sub) write_fields(f->sub, out);
}

static bool no_field(const struct table *t, struct str name, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct strs all = {0};
    for (size_t i = 0; t && i < t->n; i++) list_push(a, &all, str_of(t->fields[i].name));
    struct str known = str_join(a, all, S(", "));
    if (all.n == 0) return err_set(err, "\"%.*s\": there are no fields below this one", STR_FMT(name));
    return err_set(err, "\"%.*s\" is not a field of %s; it has %.*s", STR_FMT(name), t->name, STR_FMT(known));
}

/* "rules[0]" and "rules[]" mean "rules". */
static struct str plain_step(struct str step)
{
    ptrdiff_t bracket = str_find(step, '[');
    return bracket < 0 ? step : str_sub(step, 0, (size_t)bracket);
}

static const struct field metadata_field = {.name = "metadata",
                                            .type = F_INLINE,
                                            .sub = &meta_document_table,
                                            .doc = "What every object has: name, labels and so on."};

bool explain_write(struct str path, struct buf *out, struct err *err)
{
    struct str rest = path, word = str_cut(&rest, '.');
    const struct field *f = NULL;
    enum kind k;
    if (!kind_lookup(word, &k))
        return err_set(err, "there is no kind \"%.*s\"; `osm explain` lists them", STR_FMT(word));
    const struct table *t = kind_info(k)->table;
    while (rest.p) {
        struct str step = plain_step(str_cut(&rest, '.'));
        bool is_meta = !f && str_is(step, "metadata");
        const struct field *next = is_meta ? &metadata_field : t ? table_field(t, step) : NULL;
        if (!next) return no_field(t, step, err);
        f = next;
        t = f->sub;
    }
    write_version(kind_info(k), out);
    if (f) {
        write_field(f, out);
    } else {
        buf_fmt(out, "\n%s\n", t->doc);
        write_fields(t, out);
    }
    return true;
}
