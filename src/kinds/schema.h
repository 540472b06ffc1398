/* schema.h - what is generated from the tables: definitions, explanations, reference pages. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "kinds/object.h"

/* Appends the CustomResourceDefinition of a mesh kind (KIND_MESH) as one YAML document, "---" first. The same
 * kind gives the same bytes. */
void crd_write(enum kind k, struct buf *out);
/* Appends what KIND[.field...] means, for a reader at a terminal. KIND as kind_lookup takes it; "metadata" can be
 * asked for, too. False with err when there is no such kind or field; err names what there is. */
MUST bool explain_write(struct str path, struct buf *out, struct err *err);
/* Appends the kind's reference page in Markdown: docs/kinds/<Kind>.md. */
void reference_write(enum kind k, struct buf *out);
/* The same of any table: its fields and those of the tables inside, headings from |path| on. */
void reference_table_write(const struct table *t, struct str path, struct buf *out);
