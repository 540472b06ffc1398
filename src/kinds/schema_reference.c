#include "kinds/schema.h"
#include "kinds/schema_words.h"

/* A table cell may not hold a bar or a line end. */
static void write_cell(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '|') buf_char(out, '\\');
        buf_char(out, s.p[i] == '\n' ? ' ' : s.p[i]);
    }
}

static void write_row(const struct field *f, struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    buf_fmt(out, "| `%s` | ", f->name);
    write_cell(field_type_words(f, a), out);
    buf_c(out, " | ");
    write_cell(field_rule_words(f, a), out);
    buf_c(out, " | ");
    write_cell(str_of(f->doc), out);
    buf_c(out, " |\n");
}

void reference_table_write(const struct table *t, struct str path, struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (path.n) buf_fmt(out, "\n## %.*s\n%s\n", STR_FMT(path), t->doc);
    if (t->n == 0) return;
    buf_c(out, "\n| Field | Type | Rules | Meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < t->n; i++) write_row(&t->fields[i], out);
    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->fields[i];
        const char *dot = path.n ? "." : "", *list = f->type == F_LIST ? "[]" : "";
        if (f->sub) reference_table_write(f->sub, str_fmt(a, "%.*s%s%s%s", STR_FMT(path), dot, f->name, list), out);
    }
}

static void write_rules(const struct cel_rule *rules, struct buf *out)
{
    if (rules) buf_c(out, "\n## Rules between fields\n\n");
    for (; rules && rules->rule; rules++) buf_fmt(out, "- %s: `%s`\n", rules->message, rules->rule);
}

void reference_write(enum kind k, struct buf *out)
{
    const struct kind_info *i = kind_info(k);
    buf_fmt(out, "# %s\n%s\n\n`apiVersion: %s%s%s`", i->name, i->table->doc, i->group, *i->group ? "/" : "",
            i->versions[0]);
    for (size_t v = 1; v < sizeof i->versions / sizeof *i->versions && i->versions[v]; v++)
        buf_fmt(out, " (also read: %s)", i->versions[v]);
    if (i->short_name) buf_fmt(out, ", short name `%s`", i->short_name);
    buf_c(out, ". This page is generated from the kind's field table; `osm explain` says the same.\n");
    if (i->flags & KIND_NOT_ENFORCED)
        buf_c(out, "\n**Read and checked, not carried out yet**: it opens nothing, and `osm status` says so.\n");
    if (i->table->flags & TABLE_STRICT)
        buf_c(out, "\nAn unknown field is an error: a typing mistake must not open access.\n");
    if (i->table->flags & TABLE_OPEN) buf_c(out, "\nOnly the fields below are read; others are passed over.\n");
    reference_table_write(i->table, S(""), out);
    write_rules(i->table->rules, out);
}
