/* map.h - a map from strings to pointers.
 *
 * Open addressing; keys are copied. Iteration order is unspecified and must never be visible in output: sort. */
#pragma once
#include "base/arena.h"

struct map {
    struct map_entry *slots;
    size_t n, cap, tombs;
};

/* Zero-initialise: struct map m = {0}. Values are never freed by the map. */
void map_release(struct map *m);
/* The value, or NULL when absent. O(1). */
void *map_get(const struct map *m, struct str key);
/* Sets |value| (not NULL); returns the value it replaced, or NULL. */
void *map_put(struct map *m, struct str key, void *value);
/* Removes; returns the value, or NULL. Allowed for the current entry while iterating. */
void *map_del(struct map *m, struct str key);
/* size_t it = 0; while (map_next(&m, &it, &key, (void **)&v)) ... ; |key| may be NULL. Adding ends validity. */
bool map_next(const struct map *m, size_t *it, struct str *key, void **value);
/* Keys in byte order, allocated in |a| (the bytes too). */
struct strs map_keys(const struct map *m, struct arena *a);
