/* node.h - a parsed document (YAML or JSON) that remembers where everything stood.
 *
 * One tree type for both languages: files come through libyaml (JSON is read as YAML), API bodies through
 * jansson. Limits are part of parsing: the input is never trusted. */
#pragma once
#include <jansson.h>

#include "base/err.h"
#include "base/list.h"

enum node_type { NODE_NULL, NODE_BOOL, NODE_INT, NODE_FLOAT, NODE_STR, NODE_LIST, NODE_MAP };

struct node;
struct node_pair {
    struct str key;
    struct node *value;
    uint32_t line, col; /* of the key */
};

struct node {
    enum node_type type;
    uint32_t line, col;           /* 1-based; 0 when unknown (API JSON) */
    struct str text;              /* scalars: as written, quotes and escapes resolved */
    int64_t i;                    /* NODE_INT, NODE_BOOL (0, 1) */
    double f;                     /* NODE_FLOAT, and NODE_INT as a double */
    LIST(struct node *) items;    /* NODE_LIST */
    LIST(struct node_pair) pairs; /* NODE_MAP, in the order written; duplicate keys are an error */
};

struct nodes {
    struct node **v;
    size_t n;
};

struct node_limits {
    size_t bytes; /* of the whole text */
    size_t depth; /* of nesting */
    size_t nodes; /* in all documents together: stops alias bombs */
};
/* 4 MiB, 64 levels, 400,000 nodes. */
extern const struct node_limits node_limits_default;

/* All documents of |text|; empty documents are dropped. Scalars are typed by YAML 1.2's core schema (so `yes`
 * and `on` stay strings, as Kubernetes users intend; quoted scalars are always strings). NUL bytes are refused.
 * On failure err is "<file>:<line>:<col>: <what>". Tree and strings live in |a|. */
MUST bool node_parse(struct arena *a, struct str text, const char *file, const struct node_limits *limits,
                     struct nodes *docs, struct err *err);
/* JSON only, strict, positions unknown (0). Same limits. */
MUST struct node *node_parse_json(struct arena *a, struct str text, const struct node_limits *limits, struct err *err);
/* A copy of a jansson value; depth limited like node_parse. NULL with err when too deep. */
MUST struct node *node_of_json(struct arena *a, const json_t *j, struct err *err);
/* A new jansson value of the tree; the caller owns it. */
json_t *node_to_json(const struct node *n);
/* Member of a NODE_MAP, or NULL (also when |n| is NULL or no map). O(pairs). */
const struct node *node_get(const struct node *n, struct str key);
/* Text of a string member, or STR_NULL. */
struct str node_get_str(const struct node *n, struct str key);
