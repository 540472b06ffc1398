/* volume.h - the volumes of a pod as directories. */
#pragma once
#include "platform/local/env.h"
#include "platform/local/token.h"

struct volume {
    struct str name;
    const char *path; /* directory (or, of a hostPath, file) */
    bool read_only;   /* configMap, secret, downwardAPI, projected */
};

struct volume_input {
    const json_t *pod;  /* with metadata and status.podIP */
    const char *dir;    /* own directory of the pod; gets one directory per volume */
    const char *claims; /* kept directory of all claims */
    struct token_issuer tokens;
    struct lookup lookup;
    int64_t now;      /* unix seconds */
    bool keep_tokens; /* tokens were issued before and stay as they are */
};

struct volumes {
    LIST(struct volume) list;
    struct strs token_files; /* to be removed with the pod */
    int64_t refresh;         /* unix seconds at which tokens should be renewed; 0: no token */
};

/* Makes or refreshes every volume of the pod: files are replaced by rename, so containers see them change. Allocates
 * in |a|. Fails, to be tried again, when an object that is not optional is absent. */
MUST bool volumes_prepare(const struct volume_input *in, struct arena *a, struct volumes *out, struct err *err);
/* The volume called |name|, or NULL. */
const struct volume *volumes_find(const struct volumes *v, struct str name);
