#include <stdlib.h>

#include "xds/internal.h"

void ids_push(struct ids *l, uint32_t id)
{
    if (l->n && l->v[l->n - 1] == id) return;
    if (l->n == l->cap) {
        /* A slow proxy's list holds the same slots again and again: it grows only if that was not the reason. */
        size_t before = l->n;
        if (before >= 64) ids_sort(l);
        if (!before || l->n > before / 2) {
            l->cap = l->cap ? 2 * l->cap : 4;
            l->v = xrealloc(l->v, l->cap * sizeof *l->v);
        }
    }
    l->v[l->n++] = id;
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void ids_sort(struct ids *l)
{
    if (l->n < 2) return;
    qsort(l->v, l->n, sizeof *l->v, by_id);
    size_t n = 1;
    for (size_t i = 1; i < l->n; i++)
        if (l->v[i] != l->v[n - 1]) l->v[n++] = l->v[i];
    l->n = n;
}

void ids_free(struct ids *l)
{
    free(l->v);
    *l = (struct ids){0};
}

/* Where |slot| stands or would stand. */
static size_t place(const struct entries *l, uint32_t slot)
{
    size_t low = 0, high = l->n;
    if (l->n && l->v[l->n - 1].slot < slot) return l->n; /* in order of arrival, mostly */
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (l->v[mid].slot < slot)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct entry *entries_find(const struct entries *l, uint32_t slot)
{
    size_t at = place(l, slot);
    return at < l->n && l->v[at].slot == slot ? &l->v[at] : NULL;
}

struct entry *entries_get(struct entries *l, uint32_t slot)
{
    size_t at = place(l, slot);
    if (at < l->n && l->v[at].slot == slot) return &l->v[at];
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap + l->cap / 2 + 1 : 8;
        l->v = xrealloc(l->v, l->cap * sizeof *l->v);
    }
    memmove(l->v + at + 1, l->v + at, (l->n - at) * sizeof *l->v);
    l->n++;
    l->v[at] = (struct entry){.slot = slot};
    return &l->v[at];
}

void entries_drop(struct entries *l, uint32_t slot)
{
    size_t at = place(l, slot);
    if (at == l->n || l->v[at].slot != slot) return;
    l->n--;
    memmove(l->v + at, l->v + at + 1, (l->n - at) * sizeof *l->v);
    if (!l->n) entries_trim(l);
}

void entries_trim(struct entries *l)
{
    if (l->n == l->cap) return;
    l->cap = l->n;
    l->v = l->n ? xrealloc(l->v, l->n * sizeof *l->v) : (free(l->v), NULL);
}
