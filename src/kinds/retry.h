/* retry.h - policy.openservicemesh.io Retry: how a client repeats calls that failed. */
#pragma once
#include "kinds/common.h"

struct retry_policy {
    struct str retry_on; /* Envoy's words */
    int64_t per_try_timeout_ns, num_retries, backoff_ns;
};
struct retry_spec {
    struct subject source;
    LIST(struct subject) destinations;
    struct retry_policy policy;
};
struct retry {
    struct retry_spec spec;
};
KIND_ACCESSOR(retry, KIND_RETRY);
