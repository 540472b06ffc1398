/* str.h - length-delimited text by value.
 *
 * A `struct str` borrows its bytes: it never owns them and is copied freely. Bytes are not NUL-terminated
 * unless a function says so. The empty string is {anything, 0}; STR_NULL is also empty. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

/* A list of strings; layout-compatible with every LIST() (see list.h). */
struct strs {
    struct str *v;
    size_t n;
};

#define STR_NULL ((struct str){NULL, 0})
/* A str of a string literal, also usable in static initialisers. */
#define S(lit)   ((struct str){"" lit, sizeof(lit) - 1})
#define S_INIT(lit)                                                                                                    \
    {                                                                                                                  \
        "" lit, sizeof(lit) - 1                                                                                        \
    }
/* printf arguments for "%.*s". */
#define STR_FMT(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct str str_of(const char *c) { return (struct str){c, c ? strlen(c) : 0}; }
static inline struct str str_make(const char *p, size_t n) { return (struct str){p, n}; }
static inline bool str_eq(struct str a, struct str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
static inline bool str_is(struct str a, const char *lit) { return str_eq(a, str_of(lit)); }
static inline bool str_empty(struct str a) { return a.n == 0; }

/* Byte order; a prefix sorts before what it prefixes. Returns <0, 0, >0. */
int str_cmp(struct str a, struct str b);
/* ASCII case-insensitive equality. */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Index of the first |c|, or -1. */
ptrdiff_t str_find(struct str s, char c);
/* Index of the last |c|, or -1. */
ptrdiff_t str_rfind(struct str s, char c);
/* Bytes [from, to); both are clamped to the length. */
struct str str_sub(struct str s, size_t from, size_t to);
/* Without leading and trailing blanks (space, tab, CR, LF). */
struct str str_trim(struct str s);
/* Cuts |*rest| at the first |sep|: returns what stands before it and moves |*rest| behind it. Without a
 * separator the whole is returned and |*rest| becomes STR_NULL (p == NULL ends a loop). */
struct str str_cut(struct str *rest, char sep);
/* Whole string as a decimal; false if empty, not a number, or outside [min, max]. */
bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out);
/* For qsort over struct str. */
int str_qsort_cmp(const void *a, const void *b);
bool strs_has(struct strs l, struct str s);
/* Sorts in place and drops equal neighbours; returns the new list (same storage). */
struct strs strs_sort_unique(struct strs l);
