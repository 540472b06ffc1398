/* check.h - may one pod call another, and which rule decides: GET /v1/check. */
#pragma once
#include "net/http_server.h"
#include "store/store.h"

/* Answers |x|: {"mode": "permissive"|"smi", "allowed": bool, "rule": "…", "reason": "…", "services": [...]} or an error. */
void check_answer(struct http_exchange *x, struct sheet *sheet, struct store *store);
