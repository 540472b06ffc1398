#include "kinds/job.h"

static const struct field spec_fields[] = {
    FIELD(struct kube_job_spec, parallelism, "parallelism", F_INT, .max = INT32_MAX, .def = "1",
          .doc = "How many pods may run at once."),
    FIELD(struct kube_job_spec, completions, "completions", F_OPT_INT, .max = INT32_MAX,
          .doc = "How many pods must succeed; as many as parallelism when absent."),
    FIELD(struct kube_job_spec, backoff_limit, "backoffLimit", F_INT, .max = INT32_MAX, .def = "6",
          .doc = "Failures after which the Job has failed."),
    FIELD(struct kube_job_spec, active_deadline_s, "activeDeadlineSeconds", F_OPT_INT, .min = 1, .max = INT32_MAX,
          .doc = "Seconds after which the Job has failed."),
    FIELD(struct kube_job_spec, ttl_after_finished_s, "ttlSecondsAfterFinished", F_OPT_INT, .max = INT32_MAX,
          .doc = "Seconds after its end when it is deleted."),
    FIELD(struct kube_job_spec, suspend, "suspend", F_BOOL, .doc = "Whether it waits."),
    FIELD(struct kube_job_spec, template, "template", F_JSON, .flags = FIELD_REQUIRED, .doc = "The pod to make."),
};

static void check(const void *v, struct arena *a, struct problems *out)
{
    kube_check_template(((const struct kube_job_spec *)v)->template, "template", a, out);
}

static const struct table spec_table =
    TABLE("JobSpec", struct kube_job_spec, spec_fields, .check = check, .doc = "What is wanted.");
static const struct field fields[] = {
    FIELD(struct kube_job, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "What is wanted."),
};
const struct table kube_job_table =
    TABLE("Job", struct kube_job, fields, .flags = TABLE_OPEN, .doc = "Pods that run to their end.");
