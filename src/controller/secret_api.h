/* secret_api.h - Secrets for others, kept by the Kubernetes API. */
#pragma once
#include "identity/secret_sink.h"
#include "status/writer.h"

/* Who leads writes. A Secret that stopped being wanted while no controller ran stays: no right is had to look for such
 * ones. |w| outlives it. */
MUST struct secret_sink *secret_api_new(struct writer *w);
