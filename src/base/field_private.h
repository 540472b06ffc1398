/* field_private.h - what the files of field.h share. */
#pragma once
#include "base/field.h"

/* Bytes that a member of this type takes. */
size_t field_size(const struct field *f);
bool field_equal(const struct field *f, const void *a, const void *b);
/* Is the member the zero value (an inline struct: all its fields)? */
bool field_is_zero(const struct field *f, const void *v);
/* Gives |j| (one reference) to the arena and stores it in the F_JSON member |out|. */
void field_keep_json(struct arena *a, json_t *j, void *out);
