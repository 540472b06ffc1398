/* buf.h - a growing byte buffer on the heap. */
#pragma once
#include <stdarg.h>

#include "base/arena.h"

struct buf {
    char *p;
    size_t n, cap;
};

/* Zero-initialise: struct buf b = {0}; then buf_free, or declare it SCOPED_BUF. */
void buf_free(struct buf *b);
void buf_reset(struct buf *b);
/* Room for |n| more bytes; returns where they go. buf_commit makes them part of the buffer. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_c(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first |n| bytes, n <= b->n. O(rest). */
void buf_drop(struct buf *b, size_t n);
/* JSON string with quotes and escapes; bytes that are not UTF-8 become U+FFFD. */
void buf_json_str(struct buf *b, struct str s);
static inline struct str buf_view(const struct buf *b) { return str_make(b->p, b->n); }

#define SCOPED_BUF __attribute__((cleanup(buf_free)))
