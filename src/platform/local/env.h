/* env.h - environment, command and arguments of a container. Pure but for the look-up. */
#pragma once
#include "kinds/object.h"
#include "platform/local/doc.h"

/* How the pod runner finds other objects: a new reference to the document of |kind| ns/name, or NULL. */
struct lookup {
    json_t *(*get)(void *arg, enum kind kind, struct str ns, struct str name);
    void *arg;
};

struct env_input {
    const json_t *pod; /* with metadata and status.podIP */
    const json_t *container;
    struct kvs host;  /* variables of every container, below the image's */
    struct kvs image; /* the image's variables, below the manifest's */
    struct lookup lookup;
};

/* "NAME=value" strings, NUL-terminated, in |a|: image, envFrom, env, later ones winning, with $(NAME) filled in.
 * Fails when a ConfigMap, Secret or key that is not optional is absent. */
MUST bool env_build(const struct env_input *in, struct arena *a, struct strs *out, struct err *err);
/* The bytes of |key| in a ConfigMap's or Secret's document, base64 decoded where it is written so; false: absent. */
bool env_keyed(const json_t *doc, enum kind kind, struct str key, struct arena *a, struct str *out);
/* Text of a downward field, "metadata.labels['x']"; false for a path that is none. */
MUST bool env_field(const json_t *pod, struct str path, struct arena *a, struct str *out, struct err *err);
/* Text of a resourceFieldRef for |container| (one that is not limited has the whole machine). */
MUST bool env_resource(const json_t *container, const json_t *ref, struct arena *a, struct str *out, struct err *err);
/* $(NAME) replaced from |env|, "$$" by "$"; an unknown name stays as it is written. */
struct str env_expand(struct str text, struct strs env, struct arena *a);
