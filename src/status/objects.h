/* objects.h - what the mesh has to say about an object, in the object's own status: currentStatus (committed or
 * error), reason, observedGeneration; and in Events (events.h). Owner thread.
 *
 * Kinds whose status the archived project wrote always have one. Others get one when something is wrong with them, and
 * keep it when that is mended: a mesh of ten thousand good objects is not written ten thousand times. */
#pragma once
#include "mesh/diag.h"
#include "status/writer.h"

struct object_status;
struct object_status *object_status_new(struct writer *w, struct store *store, struct sheet *sheet);
void object_status_free(struct object_status *s); /* NULL is fine */
/* The object, or what is said of it, changed or went. */
void object_status_mark(struct object_status *s, enum kind k, struct str key);
/* A revision is computed: what was marked is written. */
void object_status_settle(struct object_status *s);
