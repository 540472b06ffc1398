/* root.h - the file system a container sees.
 *
 * An overlay: this machine's root (or the image's) below, the image's layer between, a writable layer of the
 * container's own on top. Over it come a fresh /proc, /sys, /dev and /run, the volumes, and empty directories over
 * what no pod may see. This is a view, not a prison: run only manifests that you trust. */
#pragma once
#include "base/err.h"
#include "base/list.h"

struct root_mount {
    const char *source; /* directory or file in the supervisor's view */
    const char *sub;    /* path within |source| (subPath), resolved without leaving it; NULL: all of it */
    const char *target; /* absolute, in the container; made when absent */
    bool read_only;
};

struct root_spec {
    const char *dir;                /* an own directory on a tmpfs; gets upper/, work/ and root/ */
    const char *base;               /* the image's root; NULL: this machine's, with its other disks */
    const char *layer;              /* laid over |base|; NULL: none */
    bool read_only;                 /* readOnlyRootFilesystem */
    bool is_privileged;             /* leaves /proc/sys and /sys writable */
    LIST(struct root_mount) mounts; /* in this order */
    struct strs hidden;             /* directories shown empty */
};

/* In the child, in the pod's PID and network namespaces: makes an own mount namespace and moves into it. The
 * caller execs or exits; nothing is undone on failure. */
MUST bool root_enter(const struct root_spec *spec, struct err *err);
