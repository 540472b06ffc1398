/* schema_words.h - how explanations and reference pages speak of a field. */
#pragma once
#include "base/buf.h"
#include "base/field.h"

/* "string", "[]TrafficTargetRule", "map of string to string" … in |a|. */
struct str field_type_words(const struct field *f, struct arena *a);
/* What else must be known: "required; one of a, b; from 1 to 65535; default 5". Empty when nothing. In |a|. */
struct str field_rule_words(const struct field *f, struct arena *a);
const struct field *table_field(const struct table *t, struct str name);
