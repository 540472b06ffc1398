/* together.h - rules that look beyond one object and that no schema can hold: that something may be claimed once, or
 * that a change is none that is allowed. For who refuses objects (admit) and who reads files (osm validate); the mesh
 * itself settles such cases by age. */
#pragma once
#include "kinds/object.h"

struct neighbours {
    void *arg;
    /* The next other object of |now|'s kind and namespace, in any order; NULL at the end. |it| begins at 0. */
    const struct object *(*next)(void *arg, const struct object *now, size_t *it);
};
/* The rule that |now| breaks beside its neighbours, in |a|: path, code and sentence; NULL when it breaks none.
 * |old|: what it replaces, or NULL. Equal sets of neighbours give the same answer. */
const struct problem *together_check(const struct object *now, const struct object *old, const struct neighbours *n,
                                     struct arena *a);
