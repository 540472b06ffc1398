#include "base/arena.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Under AddressSanitizer every piece is an allocation of its own, whose bounds it knows. */
#if !defined(PIECE_PER_MALLOC) && defined(__SANITIZE_ADDRESS__)
#define PIECE_PER_MALLOC 1
#elif !defined(PIECE_PER_MALLOC) && defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PIECE_PER_MALLOC 1
#endif
#endif
#ifndef PIECE_PER_MALLOC
#define PIECE_PER_MALLOC 0
#endif

enum { FIRST_CHUNK = 512, MAX_CHUNK = 64 * 1024, ALIGN = 16, CHUNK_SIZES = 8 /* doubled from the first to the last */ };
/* Formatted text of usual length is written once, to where it will stay. */
enum { SHORT_TEXT = 256 };

struct chunk {
    struct chunk *next;
    size_t room;
    _Alignas(ALIGN) char bytes[];
};

/* Chunks of arenas that are gone, for this thread's next ones: scratch arenas come and go by the million, and the heap
 * would join and split what they leave behind each time. */
enum { KEPT_BYTES = 256 * 1024 };
static _Thread_local struct chunk *kept[CHUNK_SIZES];
static _Thread_local size_t kept_bytes;

struct on_free {
    struct on_free *next;
    void (*fn)(void *);
    void *arg;
};

struct arena {
    struct chunk *chunks;
    struct on_free *hooks;
    char *at, *end;
    size_t used, next_chunk;
};

static void out_of_memory(size_t n)
{
    fprintf(stderr, "osm: out of memory asking for %zu bytes\n", n);
    abort();
}

void *xmalloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p) out_of_memory(n);
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (!p) out_of_memory(n * size);
    return p;
}

void *xrealloc(void *p, size_t n)
{
    void *q = realloc(p, n ? n : 1);
    if (!q) out_of_memory(n);
    return q;
}

char *xstrndup(const char *s, size_t n)
{
    char *p = xmalloc(n + 1);
    if (n) memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *xstrdup(const char *s) { return xstrndup(s, strlen(s)); }

struct arena *arena_new(void)
{
    struct arena *a = xcalloc(1, sizeof *a);
    a->next_chunk = FIRST_CHUNK;
    return a;
}

struct arena *arena_new_sized(size_t n)
{
    if (PIECE_PER_MALLOC) return arena_new();
    size_t head = (sizeof(struct arena) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct arena *a = xcalloc(1, head + n);
    a->next_chunk = FIRST_CHUNK;
    a->at = (char *)a + head;
    a->end = a->at + n;
    return a;
}

static void forget_kept(void *unused)
{
    (void)unused;
    for (int i = 0; i < CHUNK_SIZES; i++) {
        for (struct chunk *c = kept[i], *next; c; c = next) {
            next = c->next;
            free(c);
        }
        kept[i] = NULL;
    }
    kept_bytes = 0;
}

static pthread_key_t at_end;
static void make_key(void)
{
    if (pthread_key_create(&at_end, forget_kept)) abort();
}

/* What a thread keeps goes when it ends. */
static void begin_keeping(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_key);
    pthread_setspecific(at_end, &at_end);
}

/* Which of the usual sizes |room| is; CHUNK_SIZES: none. */
static int size_class(size_t room)
{
    int i = 0;
    while (i < CHUNK_SIZES && (size_t)FIRST_CHUNK << i != room) i++;
    return i;
}

static void chunk_free(struct chunk *c)
{
    int i = PIECE_PER_MALLOC ? CHUNK_SIZES : size_class(c->room);
    if (i == CHUNK_SIZES || kept_bytes + c->room > KEPT_BYTES) {
        free(c);
        return;
    }
    if (!kept_bytes) begin_keeping();
    kept_bytes += c->room;
    c->next = kept[i];
    kept[i] = c;
}

static struct chunk *chunk_new(size_t room)
{
    int i = PIECE_PER_MALLOC ? CHUNK_SIZES : size_class(room);
    struct chunk *c = i < CHUNK_SIZES ? kept[i] : NULL;
    if (!c) {
        c = xcalloc(1, sizeof *c + room);
        c->room = room;
        return c;
    }
    kept[i] = c->next;
    kept_bytes -= room;
    memset(c->bytes, 0, room);
    return c;
}

void arena_free(struct arena *a)
{
    if (!a) return;
    for (struct on_free *h = a->hooks; h; h = h->next) h->fn(h->arg);
    for (struct chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        chunk_free(c);
    }
    free(a);
}

void arena_on_free(struct arena *a, void (*fn)(void *), void *arg)
{
    struct on_free *h = arena_make(a, struct on_free);
    *h = (struct on_free){a->hooks, fn, arg};
    a->hooks = h;
}

static char *add_chunk(struct arena *a, size_t room)
{
    struct chunk *c = chunk_new(room);
    c->next = a->chunks;
    a->chunks = c;
    return c->bytes;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t exact = n ? n : 1;
    n = (exact + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    a->used += n;
    if (PIECE_PER_MALLOC) return add_chunk(a, exact);
    if ((size_t)(a->end - a->at) < n) {
        if (n > MAX_CHUNK / 4) return add_chunk(a, n);
        size_t room = a->next_chunk < n ? n : a->next_chunk;
        a->at = add_chunk(a, room);
        a->end = a->at + room;
        if (a->next_chunk < MAX_CHUNK) a->next_chunk *= 2;
    }
    void *p = a->at;
    a->at += n;
    return p;
}

size_t arena_used(const struct arena *a) { return a->used; }

struct str str_dup(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n) memcpy(p, s.p, s.n);
    return str_make(p, s.n);
}

const char *str_c(struct arena *a, struct str s) { return str_dup(a, s).p; }

struct str str_vfmt(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    char *at = a->at;
    size_t left = PIECE_PER_MALLOC ? 0 : (size_t)(a->end - at);
    if (left > SHORT_TEXT) left = SHORT_TEXT;
    va_copy(again, ap);
    int n = vsnprintf(left ? at : NULL, left, fmt, again);
    va_end(again);
    if (n < 0) return STR_NULL;
    if ((size_t)n + ALIGN < left) return str_make(arena_alloc(a, (size_t)n + 1), (size_t)n);
    if (left) memset(at, 0, left);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    return str_make(p, (size_t)n);
}

struct str str_fmt(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str s = str_vfmt(a, fmt, ap);
    va_end(ap);
    return s;
}

struct str str_join(struct arena *a, struct strs parts, struct str sep)
{
    size_t n = 0;
    for (size_t i = 0; i < parts.n; i++) n += parts.v[i].n + (i ? sep.n : 0);
    char *p = arena_alloc(a, n + 1), *at = p;
    for (size_t i = 0; i < parts.n; i++) {
        if (i && sep.n) at = mempcpy(at, sep.p, sep.n);
        if (parts.v[i].n) at = mempcpy(at, parts.v[i].p, parts.v[i].n);
    }
    return str_make(p, n);
}

struct str str_lower(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++) p[i] = (char)tolower((unsigned char)s.p[i]);
    return str_make(p, s.n);
}
