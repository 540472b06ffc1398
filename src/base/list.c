#include "base/list.h"

void *list_grow(struct arena *a, void **v, size_t *n, size_t size)
{
    /* Capacity is implied: 4, then the next power of two, because the list grows only here. */
    bool full = *n == 0 || (*n >= 4 && (*n & (*n - 1)) == 0);
    if (full) {
        size_t cap = *n == 0 ? 4 : *n * 2;
        void *bigger = arena_alloc(a, cap * size);
        if (*n) memcpy(bigger, *v, *n * size);
        *v = bigger;
    }
    void *slot = (char *)*v + *n * size;
    memset(slot, 0, size);
    (*n)++;
    return slot;
}
