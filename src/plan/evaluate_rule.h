/* evaluate_rule.h - one rule and one request; shared by both directions. Private to the room. */
#pragma once
#include "plan/evaluate.h"

/* |path|: normalised, without query. */
bool evaluate_rule(const struct plan_rule *rule, struct str principal, const struct evaluate_request *r,
                   struct str path);
