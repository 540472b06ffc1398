/* api.h - how verbs ask the controller of this machine. */
#pragma once
#include <jansson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

/* The state folder: OSM_STATE, or /run/osm/local. */
const char *api_state_dir(void);
/* GET |path| from the controller's socket. The caller owns the value. On failure NULL and one sentence: not running,
 * not allowed, or what the controller answered. */
MUST json_t *api_get(const char *path, struct err *err);
/* Member |name| of |o| as a number or a boolean; 0 or false when it is absent or another. */
int64_t json_number(const json_t *o, const char *name);
bool json_flag(const json_t *o, const char *name);
/* Percent-encodes what a query value cannot hold (RFC 3986 section 2.3), in |a|. */
struct str api_escape(struct arena *a, const char *s);
