/* index.h - under which keys an object stands in the store's indexes. Private to src/store. */
#pragma once
#include "store/store.h"

enum { INDEX_COUNT = INDEX_ALL + 1 };

struct index_term {
    enum store_index index;
    struct str key;
};
struct index_terms {
    struct index_term *v;
    size_t n;
};
/* Pure; sorted, without doubles, in |a|. */
struct index_terms index_terms_of(const struct object *o, struct arena *a);
/* May INDEX_ALL be asked for this kind? */
bool index_all_allowed(enum kind k);
