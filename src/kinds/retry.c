#include "kinds/retry.h"

#define MS   1000000
#define HOUR 3600000000000
#define DAY  (24 * HOUR)
static const struct field policy_fields[] = {
    FIELD(struct retry_policy, retry_on, "retryOn", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "When to repeat, in Envoy's words, for instance 5xx,reset."),
    FIELD(struct retry_policy, per_try_timeout_ns, "perTryTimeout", F_DURATION, .min = MS, .max = DAY,
          .doc = "How long one try may take; no limit when absent."),
    FIELD(struct retry_policy, num_retries, "numRetries", F_INT, .max = UINT32_MAX, .def = "1",
          .doc = "How often to repeat."),
    FIELD(struct retry_policy, backoff_ns, "retryBackoffBaseInterval", F_DURATION, .min = MS, .max = HOUR,
          .def = "25ms",
          .doc = "How long to wait before the first repetition; later ones wait up to ten times as long."),
};
static const struct table policy_table =
    TABLE("RetryPolicy", struct retry_policy, policy_fields, .doc = "When and how often to repeat.");

static const struct field spec_fields[] = {
    FIELD(struct retry_spec, source, "source", F_INLINE, .sub = &subject_table, .flags = FIELD_REQUIRED,
          .doc = "The service account that calls."),
    FIELD(struct retry_spec, destinations, "destinations", F_LIST, .sub = &subject_table, .flags = FIELD_REQUIRED,
          .doc = "The Services that are called."),
    FIELD(struct retry_spec, policy, "retryPolicy", F_INLINE, .sub = &policy_table, .flags = FIELD_REQUIRED,
          .doc = "When and how often to repeat."),
};
static const struct table spec_table = TABLE("RetrySpec", struct retry_spec, spec_fields, .doc = "Who repeats what.");
static const struct field fields[] = {
    FIELD(struct retry, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "Who repeats what."),
};
const struct table retry_table = TABLE("Retry", struct retry, fields, .doc = "Repeats calls that failed.");
