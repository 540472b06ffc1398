/* events.h - Kubernetes Events about objects: one when the mesh refuses something of an object, another when it carries
 * it out again (`kubectl describe`, `kubectl get events`). Owner thread.
 *
 * An Event's name comes of the object and of what is said, so that whoever leads writes the same one, and a thing that
 * is said once more renews it instead of making another. */
#pragma once
#include "kinds/object.h"
#include "status/writer.h"

struct events;
struct events *events_new(struct writer *w);
void events_free(struct events *e); /* NULL is fine */
/* |mark| names the object as its status does; |reason| is what is wrong with it, empty: nothing. Says nothing of an
 * object of which nothing was said before and nothing is wrong. */
void events_say(struct events *e, struct str mark, const struct object *o, const struct kind_info *kind,
                struct str reason);
/* The object is gone; its Events end by themselves. */
void events_forget(struct events *e, struct str mark);
