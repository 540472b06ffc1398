/* field.h - a struct described once, as a table of its fields.
 *
 * From one table come: decoding with defaults and validation, hash, equality, dump, JSON, deep copy, schema and
 * documentation. Kinds that users write, and every value of mesh and plan, are described this way. A zeroed
 * struct is the empty value of every table. */
#pragma once
#include "base/hash.h"
#include "base/node.h"

struct buf;

/* The C type of the member is in brackets. */
enum field_type {
    F_STR,        /* struct str */
    F_BOOL,       /* bool */
    F_TRI,        /* enum tri: a boolean that knows whether it was given */
    F_INT,        /* int64_t within [min, max] (both 0: unlimited) */
    F_DURATION,   /* int64_t nanoseconds, Go's syntax "1h2m3.5s", not negative; range in ns */
    F_TIME,       /* int64_t seconds since 1970, RFC 3339; 0: absent */
    F_ENUM,       /* int: index into |names|; text compared exactly unless FIELD_NOCASE */
    F_INLINE,     /* a struct of |sub| in place */
    F_OBJ,        /* pointer to a struct of |sub|; NULL when absent */
    F_LIST,       /* LIST(struct of |sub|) */
    F_STRS,       /* struct strs; items checked against |pattern| and |names| (F_STRS with names: enum of strings) */
    F_INTS,       /* struct ints; items within [min, max] */
    F_MAP,        /* struct kvs, sorted by key; values checked like F_STR's */
    F_INT_OR_STR, /* struct int_or_str */
    F_JSON,       /* json_t *, owned by the arena of the decoding: taken as it is, never looked into */
    F_QUANTITY,   /* struct str, checked to be a Kubernetes quantity */
    F_BYTES,      /* struct str of bytes; base64 in documents */
    F_OPT_INT,    /* struct opt_int: a number that knows whether it was given */
    F_MAPS, /* struct kvs in the order written, keys may repeat; a list of mappings, or one mapping, in documents */
};

enum tri { TRI_UNSET, TRI_FALSE, TRI_TRUE };
struct kv {
    struct str key, value;
};
struct kvs {
    struct kv *v;
    size_t n;
};
struct ints {
    int64_t *v;
    size_t n;
};
struct opt_int {
    int64_t v;
    bool is_set;
};
struct int_or_str {
    int64_t i;    /* when s is empty */
    struct str s; /* not empty: it was a string */
};

enum field_flag {
    FIELD_REQUIRED = 1,      /* must be present (an empty list or map is present) */
    FIELD_NOCASE = 2,        /* F_ENUM: ASCII case-insensitive */
    FIELD_NOT_EMPTY = 4,     /* string or list must have something in it */
    FIELD_SECRET = 8,        /* never in dumps or logs */
    FIELD_NOT_ENFORCED = 16, /* decoded, validated, not carried out: setting it gives a diagnostic */
    FIELD_CIDR = 32,         /* string or strings must be IP prefixes */
    FIELD_REGEX = 64,        /* must compile as RE2 within the limit of regex.h */
    FIELD_BASE64 = 128,      /* F_MAP: values are base64 in documents and bytes here */
};

struct problem {
    bool is_error;      /* false: the value is used all the same */
    struct str path;    /* "spec.rules[0].name" */
    uint32_t line, col; /* 0: unknown */
    struct str text;    /* what is wrong and what would be right; without the path */
    int code;           /* errcode.h: E_BAD_OBJECT, E_BAD_REGEX, E_UNKNOWN_FIELD, E_NOT_ENFORCED */
};
struct problems {
    struct problem *v;
    size_t n;
};

struct table;
struct field {
    const char *name; /* JSON name */
    enum field_type type;
    uint32_t offset;
    unsigned flags;
    const struct table *sub;
    const char *const *names; /* NULL-terminated */
    int64_t min, max;
    const char *pattern; /* RE2, whole string */
    const char *def;     /* the default, as it would be written; NULL: zero value */
    const char *doc;     /* one line of prose, for docs, CRDs and `osm explain` */
};

enum table_flag {
    /* Both hold for the tables inside, too, unless those have a flag of their own. */
    TABLE_STRICT = 1, /* an unknown field is an error (kinds where a typo could widen access), else a warning */
    TABLE_OPEN = 2,   /* unknown fields are silent (Kubernetes' own kinds, of which we read a part) */
};
struct cel_rule {
    const char *rule, *message;
};
struct table {
    const char *name; /* as in documents: "TrafficTarget", "TrafficTargetRule" */
    size_t size;
    const struct field *fields;
    size_t n;
    unsigned flags;
    const char *doc;
    const struct cel_rule *rules; /* for the CRD; NULL-terminated by .rule == NULL, or NULL */
    /* Checks between fields, after all fields decoded without error; adds problems with problem_add (no node; paths
     * are relative to |v|). May be NULL. */
    void (*check)(const void *v, struct arena *a, struct problems *out);
};

/* FIELD(struct x, member, "name", F_STR, .flags = FIELD_REQUIRED, .doc = "...") */
#define FIELD(T, m, json_name, t, ...)                                                                                 \
    {                                                                                                                  \
        .name = (json_name), .type = (t), .offset = offsetof(T, m), __VA_ARGS__                                        \
    }
/* static const struct field f[] = {...}; const struct table x_table = TABLE("X", struct x, f, .doc = "..."); */
#define TABLE(json_name, T, f, ...)                                                                                    \
    {                                                                                                                  \
        .name = (json_name), .size = sizeof(T), .fields = (f), .n = sizeof(f) / sizeof *(f), __VA_ARGS__               \
    }

/* Code E_BAD_OBJECT. |at| may be NULL. */
void problem_add(struct arena *a, struct problems *out, bool is_error, const struct node *at, struct str path,
                 const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Decodes |n| into zeroed |out| (size t->size), applying defaults. Everything that is wrong is added to |probs|,
 * not only the first. Returns false if any problem is an error; |out| is then partly filled. |path| is the path of
 * |n| itself ("" at the top). Strings are copied into |a|. |n| NULL decodes as an empty map. */
MUST bool table_decode(const struct table *t, const struct node *n, struct str path, struct arena *a, void *out,
                       struct problems *probs);
/* Only the defaults. */
void table_defaults(const struct table *t, struct arena *a, void *out);

/* Content hash; equal values have equal hashes whatever their addresses. */
void table_hash(const struct table *t, const void *v, struct hasher *h);
bool table_equal(const struct table *t, const void *a, const void *b);
/* Deep copy into |a|; |out| is t->size bytes. */
void table_copy(const struct table *t, const void *v, struct arena *a, void *out);
/* New JSON object; fields without a default that have their zero value are left out, so that decoding it gives the
 * same value again. The caller owns it. */
json_t *table_to_json(const struct table *t, const void *v);
/* Readable text, one "name: value" per line, nested by two blanks, zero values left out: the golden tests' plan.txt. */
void table_dump(const struct table *t, const void *v, int indent, struct buf *out);

struct str kvs_get(struct kvs m, struct str key); /* STR_NULL (p == NULL) when absent */
/* Go's duration text; units ns us µs ms s m h. */
MUST bool duration_parse(struct str s, int64_t *ns);
struct str duration_text(struct arena *a, int64_t ns);
MUST bool time_parse(struct str rfc3339, int64_t *unix_s);
struct str time_text(struct arena *a, int64_t unix_s);
