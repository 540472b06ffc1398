/* capability.h - Linux capabilities by their Kubernetes names. */
#pragma once
#include <jansson.h>

#include "base/err.h"

/* What a container has when its manifest says nothing: the usual set of container runtimes without MKNOD, since
 * no device cgroup stands behind it. */
uint64_t capability_default(void);
/* |security| is a container's securityContext (NULL: none): default, plus add, minus drop; "ALL" is known, and a
 * privileged container has all. Unknown names are an error. */
MUST bool capability_of_json(const json_t *security, uint64_t *out, struct err *err);
/* Limits the calling process, for ever, to |set|: takes effect with the next exec, for root. */
MUST bool capability_limit(uint64_t set, struct err *err);
