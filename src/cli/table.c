#include "cli/table.h"

/* Columns as a terminal counts them: UTF-8 continuation bytes take no place. */
static size_t width(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

struct text_table text_table_new(struct arena *a, const char *const *header)
{
    struct text_table t = {.a = a};
    struct str cells[TABLE_MAX_COLUMNS];
    while (header[t.columns] && t.columns < TABLE_MAX_COLUMNS) {
        cells[t.columns] = str_of(header[t.columns]);
        t.columns++;
    }
    text_table_row(&t, cells);
    return t;
}

void text_table_row(struct text_table *t, const struct str *cells)
{
    struct strs row = {arena_array(t->a, struct str, t->columns), t->columns};
    for (size_t i = 0; i < t->columns; i++) row.v[i] = str_dup(t->a, cells[i]);
    list_push(t->a, &t->rows, row);
}

static void write_row(struct strs row, const size_t *widths, struct buf *out)
{
    size_t last = row.n;
    while (last > 1 && row.v[last - 1].n == 0) last--;
    for (size_t i = 0; i < last; i++) {
        buf_str(out, row.v[i]);
        for (size_t pad = width(row.v[i]); i + 1 < last && pad < widths[i] + 2; pad++) buf_char(out, ' ');
    }
    buf_char(out, '\n');
}

void text_table_write(const struct text_table *t, struct buf *out)
{
    size_t widths[TABLE_MAX_COLUMNS] = {0};
    for (each(row, t->rows))
        for (size_t i = 0; i < row->n; i++)
            if (width(row->v[i]) > widths[i]) widths[i] = width(row->v[i]);
    for (each(row, t->rows)) write_row(*row, widths, out);
}
