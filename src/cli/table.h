/* table.h - columns aligned to their widest cell, for people. */
#pragma once
#include "base/buf.h"
#include "base/list.h"

enum { TABLE_MAX_COLUMNS = 12 };

struct text_table {
    struct arena *a;
    size_t columns;
    LIST(struct strs) rows; /* the first is the header */
};

/* |header| is NULL-terminated: column titles. */
struct text_table text_table_new(struct arena *a, const char *const *header);
/* As many cells as columns; copied. */
void text_table_row(struct text_table *t, const struct str *cells);
/* Two blanks between columns, no blanks at line ends. */
void text_table_write(const struct text_table *t, struct buf *out);
