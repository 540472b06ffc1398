/* field_dec.h - what the two files that decode share: field_scalar.c (texts, numbers, words) and field_decode.c. */
#pragma once
#include "base/field_private.h"

/* A path is a chain on the stack; text is made of it only when something is wrong. */
struct at {
    const struct at *up;
    struct str name; /* p == NULL: an index */
    size_t index;
};

struct dec {
    struct arena *a;
    struct problems *probs;
    struct str base;
    bool failed;
    unsigned mode; /* table_flag in force */
};

/* Decodes |n| (present, not null) into the member |out|; false after saying what is wrong. */
typedef bool decode_fn(struct dec *d, const struct field *f, const struct node *n, const struct at *at, void *out);
decode_fn dec_str, dec_bool, dec_tri, dec_int, dec_opt_int, dec_duration, dec_time, dec_enum, dec_int_or_str, dec_json,
    dec_quantity, dec_bytes;

struct str dec_path(const struct dec *d, const struct at *at);
/* Appends |p| with code E_BAD_OBJECT; returns where it lies now. */
struct problem *dec_add(struct arena *a, struct problems *out, struct problem p);
/* An error at |at|; returns false. */
bool dec_wrong(struct dec *d, const struct node *n, const struct at *at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool dec_wrong_type(struct dec *d, const struct node *n, const struct at *at, const char *want);
/* Index of |s| among f->names, or -1. */
int dec_name_index(const struct field *f, struct str s);
