/* token_kube.h - bearer tokens checked by the Kubernetes API (TokenReview, authentication.k8s.io/v1). */
#pragma once
#include "identity/token.h"
#include "kube/config.h"

/* Asks from a thread of its own, so that checks end also while the owner's loop waits for them. |config| outlives the
 * checker. A review that gets no answer is an unknown, not a refusal. NULL with err when no thread can be had. Free it
 * when no check is open. */
MUST struct token_checker *token_kube_new(const struct kube_config *config, struct err *err);
