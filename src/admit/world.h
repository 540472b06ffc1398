/* world.h - what the webhooks decide from: the mesh's settings and the few objects that a request must be held
 * against. Lives on the webhooks' own thread; nothing here asks an API server. */
#pragma once
#include "base/map.h"
#include "inject/inject.h"
#include "kinds/object.h"
#include "mesh/settings.h"

struct admit_world {
    struct str mesh, system_ns;   /* as inject_input has them */
    struct str image, controller; /* as inject_settings has them; borrowed from whoever made the world */
    struct str generation;        /* likewise */
    bool is_classic;              /* as inject_settings has it */
    struct arena *arena;          /* of |settings|; NULL until they are known */
    const struct mesh_settings *settings;
    struct map objects[KIND_COUNT]; /* key → struct object *, one reference each; only of kinds that are wanted */
};

/* Is the kind one that the webhooks read? */
bool admit_wants(enum kind k);
/* |now| NULL: it is gone. Takes over one reference. */
void admit_world_put(struct admit_world *w, enum kind k, struct str key, struct object *now);
/* |settings| live in |a|, which the world takes over. */
void admit_world_settings(struct admit_world *w, const struct mesh_settings *settings, struct arena *a);
void admit_world_release(struct admit_world *w);
