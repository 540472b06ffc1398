/* ingress.h - may somebody outside the mesh call a pod, and which IngressBackend decides: GET /v1/ingress. */
#pragma once
#include "net/http_server.h"
#include "plan/evaluate.h"
#include "store/store.h"

/* Answers |x| from a settled sheet: {"from","to","allowed": every row is,"rows": [{"from","pod","result","policy",
 * "why"}]}, or {"error"}. Query: from (an address, or NS/SERVICE whose endpoints call), pod or service (NS/NAME), port
 * (the pod's); protocol (http, https), principal (name in the caller's certificate), sni. */
void ingress_answer(struct http_exchange *x, const struct sheet *sheet, const struct store *store);
/* "ns/name" of the IngressBackend in the origin of a plan's ingress; empty: none. Borrowed. */
struct str ingress_policy_of(struct str origin);
/* A pod's address as its status says; empty: none. Borrowed from the store. */
struct str ingress_pod_address(const struct store *store, struct str pod);
