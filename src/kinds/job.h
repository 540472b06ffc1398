/* job.h - batch/v1 Job. */
#pragma once
#include "kinds/common.h"

struct kube_job_spec {
    int64_t parallelism, backoff_limit;
    struct opt_int completions, active_deadline_s, ttl_after_finished_s;
    bool suspend;
    json_t *template;
};
struct kube_job {
    struct kube_job_spec spec;
};
KIND_ACCESSOR(kube_job, KIND_JOB);
