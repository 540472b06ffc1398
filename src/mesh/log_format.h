/* log_format.h - Envoy's format of access logs, judged as Envoy 1.40 judges it: a format that it refuses would cost a
 * proxy every listener that has it. Pure; tests/envoy/test_log_format.py compares with the real one. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* A template as a user writes it. One that begins with '{' and is a JSON object gives |*json|, itself in brief; any
 * other gives |*text|, which ends its line. False with |err|: one clause that names the place. */
MUST bool log_format_parse(struct arena *a, struct str format, struct str *text, struct str *json, struct err *err);
/* Is this a text with operators that Envoy takes? */
MUST bool log_text_check(struct str text, struct err *err);
