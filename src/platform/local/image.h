/* image.h - the image table: which directory of this machine stands for a container image.
 *
 *   images:
 *   - match: "docker.io/library/nginx:*"   # shell pattern over the whole name, first match wins
 *     layer: ./nginx                       # laid over this machine's root; or root: ./rootfs, instead of it
 *     command: [nginx, -g, "daemon off;"]  # when the manifest gives none
 *     env: {NGINX_VERSION: "1.27"}
 *     user: 101
 *     workingDir: /srv
 *   - {match: "absent.example:*", absent: true}
 *
 * Relative directories are the table file's. */
#pragma once
#include "base/field.h"

struct image {
    struct str match, layer, root; /* directories absolute, NUL-terminated; empty: none */
    struct strs command, args;
    struct kvs env;
    struct str working_dir;
    int64_t user;   /* -1: not given */
    bool is_absent; /* its containers wait with ErrImagePull, as on a node that cannot pull it */
};
struct image_table {
    LIST(struct image) images;
};

/* Reads |path| into |out|, allocated in |a|. Errors name file, line and column; a directory that is not there is one.
 */
MUST bool image_table_read(const char *path, struct arena *a, struct image_table *out, struct err *err);
/* The first entry that fits the name, with and without "docker.io/" and "library/", or NULL. */
const struct image *image_find(const struct image_table *t, struct str name);
