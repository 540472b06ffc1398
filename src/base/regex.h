/* regex.h - RE2, the language of users' path and header expressions, behind a C interface (regex.cc).
 *
 * Envoy matches with the same library, so the controller's answer is Envoy's answer. */
#pragma once
#include "base/err.h"

struct regex;

/* Envoy's bootstrap raises its own refusal limit to 1000 instructions; we refuse earlier. */
enum { REGEX_MAX_PROGRAM = 900, REGEX_MAX_TEXT = 4096 };

/* NULL with err naming what is wrong with the expression or that it is too large. */
MUST struct regex *regex_new(struct str pattern, struct err *err);
void regex_free(struct regex *r);
/* Whole-string match, as Envoy's safe_regex. Linear time. */
bool regex_matches(const struct regex *r, struct str text);
/* Compiled program size in RE2 instructions. */
int regex_size(const struct regex *r);
/* Whole-string match with a pattern of ours in static storage, compiled once per process; false also when the
 * pattern is wrong (a unit test compiles every table's). Thread safe. */
bool regex_matches_const(const char *pattern, struct str text);
