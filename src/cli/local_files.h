/* local_files.h - the folder of manifests that the mesh on this machine runs. */
#pragma once
#include "base/err.h"
#include "base/list.h"

/* A file of it, and what it defines. */
struct manifest {
    const char *path;
    struct str text;
    struct strs titles; /* "Service default/web" */
};
struct manifests {
    struct manifest *v;
    size_t n;
};

/* The folder of the running mesh, in |a|; NULL with err when none runs. */
const char *local_folder(struct arena *a, struct err *err);
/* All files below |dir| that can be read, in |a|; the others are the mesh's to complain about. */
struct manifests manifests_below(const char *dir, struct arena *a);
/* The one that defines the object of that title, or NULL. */
const struct manifest *manifest_defining(struct manifests all, struct str title);
