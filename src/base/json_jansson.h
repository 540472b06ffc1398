/* json_jansson.h - what json.h and node_parse_json fall back to: slower, with line and column in its errors. */
#pragma once
#include "base/node.h"

/* As node_of_json, within |limits|. */
MUST struct node *node_of_json_limited(struct arena *a, const json_t *j, const struct node_limits *limits,
                                       struct err *err);
/* As json_read, without leaving out. Roots that are no containers are errors. */
MUST json_t *json_read_by_jansson(struct str text, size_t depth, struct err *err);
/* As node_parse_json. */
MUST struct node *node_parse_by_jansson(struct arena *a, struct str text, const struct node_limits *limits,
                                        struct err *err);
