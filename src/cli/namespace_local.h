/* namespace_local.h - the same as namespace.h for the mesh on this machine, whose cluster is a folder of manifests: the
 * verbs write there what the Namespace is to say. */
#pragma once
#include "cli/namespace.h"

bool local_ns_add(struct ns_call *c, struct str name, struct err *err);
bool local_ns_remove(struct ns_call *c, struct str name, struct err *err);
bool local_ns_ignore(struct ns_call *c, struct str name, struct err *err);
bool local_ns_metrics_on(struct ns_call *c, struct str name, struct err *err);
bool local_ns_metrics_off(struct ns_call *c, struct str name, struct err *err);
