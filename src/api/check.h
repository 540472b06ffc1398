/* check.h - may one pod call another, and which rule decides: GET /v1/check. */
#pragma once
#include "net/http_server.h"
#include "store/store.h"

/* Answers |x| from a settled sheet: {"source","destination","mode","allowed","ports": [{"service","port","protocol",
 * "result","rule","why"}]}, or {"error"}. Query: source, destination (NS/POD); method, path, port, and any number of
 * header=NAME: VALUE (of the name host: the authority, else SERVICE.NAMESPACE). Without method, path and headers, an
 * HTTP port has a row for every rule that speaks of the source. The destination may be the URL of something
 * outside the mesh (evaluate_egress_url), with |address| the one that is dialled: one row then. A source outside the
 * mesh is judged by its address: a row for every port that an IngressBackend opens, with the pod's port number. */
void check_answer(struct http_exchange *x, const struct sheet *sheet, const struct store *store);
