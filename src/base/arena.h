/* arena.h - region memory: everything one task, object or cell value needs, freed by one call.
 *
 * Memory is zeroed. Running out of memory ends the process with one line on stderr: a mesh controller has no
 * better answer, and no caller has to test. In builds with ASan every piece is its own malloc, so that an
 * overrun or a use after release is seen. Not thread safe; an arena has one owner. */
#pragma once
#include <stdarg.h>

#include "base/str.h"

struct arena;

/* A new empty arena; costs one small malloc until it is used. */
struct arena *arena_new(void);
/* A new arena with room for |n| bytes in the same malloc: for many small values of known size (arena_used of a
 * trial copy). It grows like any other when asked for more. */
struct arena *arena_new_sized(size_t n);
/* Frees the arena and everything from it, runs what arena_on_free registered (last first). NULL is fine. */
void arena_free(struct arena *a);
/* Calls |fn(arg)| when the arena is freed: for the few foreign things (json_t, counted objects) it holds. */
void arena_on_free(struct arena *a, void (*fn)(void *), void *arg);
/* Zeroed memory, aligned for any type; n == 0 gives a unique pointer. */
void *arena_alloc(struct arena *a, size_t n);
/* Bytes handed out so far, alignment included: what metrics and benchmarks count. */
size_t arena_used(const struct arena *a);

#define arena_make(a, T)     ((T *)arena_alloc((a), sizeof(T)))
#define arena_array(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (n)))

/* Copies; the result is also NUL-terminated. */
struct str str_dup(struct arena *a, struct str s);
struct str str_fmt(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str str_vfmt(struct arena *a, const char *fmt, va_list ap);
/* NUL-terminated copy as a C string. */
const char *str_c(struct arena *a, struct str s);
/* The parts joined by |sep|. */
struct str str_join(struct arena *a, struct strs parts, struct str sep);
struct str str_lower(struct arena *a, struct str s);

/* malloc family that ends the process on exhaustion. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);

static inline void arena_freep(struct arena **a) { arena_free(*a); }
/* struct arena *a SCOPED_ARENA = arena_new(); */
#define SCOPED_ARENA __attribute__((cleanup(arena_freep)))
