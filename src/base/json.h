/* json.h - JSON values, and reading them by simdjson (json.cc) where they come by the thousand: objects of the
 * Kubernetes API, admission reviews. What it cannot read is read once more by jansson, which says where the mistake is;
 * both accept the same. */
#pragma once
#include "base/node.h"

/* Member |key| of an object, as it stands in the value; STR_NULL when it is absent or no string. |o| may be NULL. */
struct str json_text(const json_t *o, const char *key);

/* A new value, as json_loadb without flags reads it: of a member that stands twice the last one counts. Deeper than
 * |depth| nested containers is an error, as is what is no JSON: err says where. Members of the names in |without|
 * (NULL-ended; NULL: none) are not needed, wherever they stand, and may be left out. */
MUST json_t *json_read(struct str text, size_t depth, const char *const *without, struct err *err);
