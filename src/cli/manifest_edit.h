/* manifest_edit.h - one label or annotation of a Namespace, changed in the text of manifests: everything else, comments
 * and order too, stays as its author wrote it. */
#pragma once
#include "base/node.h"

/* Its document; NULL: there is none. */
const struct node *manifest_namespace(struct nodes docs, struct str ns);

struct manifest_edit {
    const char *map; /* "labels", "annotations" */
    const char *key;
    const char *value; /* NULL: the key is taken out; it need not be there */
};
/* |file| is named in errors. The new text is in |a|, and is |text| itself when it says so already. False with err when
 * |text| has no Namespace of that name in block style, which says where to write what. */
MUST bool manifest_edit(struct arena *a, struct str text, const char *file, struct str ns, struct manifest_edit edit,
                        struct str *out, struct err *err);
