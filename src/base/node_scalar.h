/* node_scalar.h - typing of plain YAML scalars; shared by the parser and by defaults in field tables. */
#pragma once
#include "base/node.h"

/* Sets type, i and f of |n| from n->text by YAML 1.2's core schema, with one thing of Kubernetes' own reader: an
 * integer written with a leading zero and octal digits only is octal (`defaultMode: 0644`). Integers beyond 64 bits
 * become floats. */
void node_type_plain(struct node *n);
