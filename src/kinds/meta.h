/* meta.h - decoding of metadata; for object.c and schema.c. */
#pragma once
#include "kinds/object.h"

/* metadata as it stands in documents, with ownerReferences. */
extern const struct table meta_document_table;
/* Decodes and checks metadata of a kind; a namespaced object without a namespace gets "default". |n| may be NULL. */
MUST bool meta_decode(const struct kind_info *info, const struct node *n, struct arena *a, struct meta *out,
                      struct problems *probs);
