/* yaml_write.h - JSON values as YAML text for people: block style, keys in the order of the object. */
#pragma once
#include <jansson.h>

#include "base/buf.h"

/* Appends one document without "---". Text that YAML would read as something else is quoted. */
void yaml_write(const json_t *j, struct buf *out);
