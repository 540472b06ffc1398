/* doc.h - reading the JSON documents a pod runner works on.
 *
 * The runner takes pods as documents, after injection, and reads what it needs where it needs it; types were
 * checked when the object was decoded, so a member of a wrong type simply counts as absent. */
#pragma once
#include <jansson.h>

#include "base/arena.h"

/* Follows members "a.b.c"; NULL when a step is absent. Borrowed. O(steps). */
json_t *doc_at(const json_t *o, const char *path);
/* The text at |path|, borrowed and NUL-terminated; STR_NULL when absent. */
struct str doc_text(const json_t *o, const char *path);
/* The same as a C string; NULL when absent. */
const char *doc_cstr(const json_t *o, const char *path);
int64_t doc_int(const json_t *o, const char *path, int64_t otherwise);
bool doc_flag(const json_t *o, const char *path, bool otherwise);
/* Sets |path| ("a.b.c"), making the objects on the way; takes over |value|. */
void doc_put(json_t *o, const char *path, json_t *value);
/* A new JSON string; bytes that are not UTF-8 give "". */
json_t *doc_str(struct str s);
/* Compact text with sorted members, in |a|. */
struct str doc_line(struct arena *a, const json_t *o);

static inline void doc_freep(json_t **j) { json_decref(*j); }
#define SCOPED_JSON __attribute__((cleanup(doc_freep)))
