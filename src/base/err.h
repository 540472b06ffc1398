/* err.h - errors a user reads.
 *
 * A fallible function returns bool or a pointer and takes `struct err *err` last (never NULL). On failure it
 * returns err_set(...), so that failing is one expression. The message is one sentence: where, what, what to do.
 * err_wrap puts the name of the object in front on the way up. An err is plain memory: nothing to free. */
#pragma once
#include <stdbool.h>

#include "base/str.h"

enum { ERR_TEXT = 1024 };

struct err {
    bool is_set;
    char text[ERR_TEXT]; /* NUL-terminated, no newline; cut with "..." when longer */
};

#define MUST __attribute__((warn_unused_result))

/* Sets the message; returns false. */
bool err_set(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Like err_set, ending in ": " and the text of |errnum|. */
bool err_errno(struct err *err, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts a formatted prefix and ": " in front of the message; returns false. */
bool err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void err_clear(struct err *err)
{
    err->is_set = false;
    err->text[0] = '\0';
}
static inline struct str err_str(const struct err *err) { return str_of(err->text); }

/* return NULL from pointer functions: return ERR_NULL(err, "..."); */
#define ERR_NULL(err, ...) (err_set((err), __VA_ARGS__), NULL)
