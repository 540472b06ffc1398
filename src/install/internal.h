/* internal.h - what the files of install/ share: each adds its objects to the list. */
#pragma once
#include "base/json.h"
#include "install/render.h"

struct render {
    const struct install_values *v;
    const struct install_osm *o;
    struct arena *a;
    json_t *out;
};

/* {"apiVersion", "kind", "metadata": {name, namespace (unless empty), labels of the mesh}}, appended to the list and
 * borrowed. */
json_t *render_add(struct render *r, const char *api_version, const char *kind, struct str ns, struct str name);
json_t *render_str(struct str s);
/* Sets a member; takes over |value|. */
void render_set(json_t *o, const char *key, json_t *value);

void render_rights(struct render *r);
void render_control_plane(struct render *r);
void render_webhooks(struct render *r);
