/* made.h - the object files of the platform: what it adds to the user's manifests.
 *
 * The controller reads them as the second folder of its source; pods are written whenever their status changes,
 * everything else is derived anew in rounds. */
#pragma once
#include "base/map.h"
#include "kinds/object.h"

struct made;

/* Below |dir|, which is empty. */
struct made *made_new(const char *dir);
void made_free(struct made *m);
/* Takes over |doc|, fills in apiVersion, kind, namespace and name, and writes the file if it differs from before. */
void made_set(struct made *m, enum kind kind, struct str ns, struct str name, json_t *doc);
/* The same without taking over. */
void made_copy(struct made *m, enum kind kind, struct str ns, struct str name, const json_t *doc);
void made_drop(struct made *m, enum kind kind, struct str ns, struct str name);
/* A round: what was set with |is_derived| kinds before it and not again within it is dropped at its end. Pods are no
 * part of rounds. */
void made_round_begin(struct made *m);
void made_round_end(struct made *m);
/* Borrowed; NULL when there is none. */
const json_t *made_get(const struct made *m, enum kind kind, struct str ns, struct str name);
