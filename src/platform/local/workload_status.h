/* workload_status.h - status of Deployment, StatefulSet, DaemonSet and Job as Kubernetes writes it. Pure. */
#pragma once
#include "platform/local/doc.h"
#include "platform/local/workload.h"

/* Each gives a new reference. Pods that are being deleted do not count. */
json_t *deployment_status(const struct deployment_want *w, struct pod_views pods);
json_t *stateful_status(const struct stateful_want *w, struct pod_views pods);
json_t *daemon_status(struct str revision, struct pod_views pods);
/* |started| in unix seconds. */
json_t *job_status(const struct job_want *w, enum job_state state, int64_t started, struct pod_views pods);
