/* list.h - typed lists {v, n} and how to grow them.
 *
 * Every LIST(T) has the layout of `struct strs`: a pointer and a count, no capacity, so that field tables can
 * treat them alike. list_push grows in an arena at powers of two. */
#pragma once
#include "base/arena.h"

#define LIST(T)                                                                                                        \
    struct {                                                                                                           \
        T *v;                                                                                                          \
        size_t n;                                                                                                      \
    }

/* Makes room for one more element of |size| bytes in a list grown only by this function; returns it zeroed.
 * |v| and |n| point at the list's members. Amortised O(1). */
void *list_grow(struct arena *a, void **v, size_t *n, size_t size);

/* Appends a zeroed element and returns a pointer to it, valid until the next push. */
#define list_add(a, l)     ((__typeof__((l)->v))list_grow((a), (void **)&(l)->v, &(l)->n, sizeof *(l)->v))
#define list_push(a, l, x) ((void)(*list_add((a), (l)) = (x)))
/* for (each(item, list)) { item-> ... } */
#define each(it, l)                                                                                                    \
    __typeof__((l).v + 0) it = (l).v;                                                                                  \
    it < ((l).n ? (l).v + (l).n : (l).v);                                                                              \
    it++
#define list_sort(l, cmp)                                                                                              \
    do {                                                                                                               \
        if ((l)->n > 1) qsort((l)->v, (l)->n, sizeof *(l)->v, (cmp));                                                  \
    } while (0)
