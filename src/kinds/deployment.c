#include "kinds/deployment.h"

static const char *const strategies[] = {"RollingUpdate", "Recreate", NULL};
#define COUNT_FORM "[0-9]+%"

static const struct field rolling_fields[] = {
    FIELD(struct kube_rolling_update, max_unavailable, "maxUnavailable", F_INT_OR_STR, .max = INT32_MAX,
          .pattern = COUNT_FORM, .def = "25%",
          .doc = "Pods that may be missing meanwhile, as a count or a percentage."),
    FIELD(struct kube_rolling_update, max_surge, "maxSurge", F_INT_OR_STR, .max = INT32_MAX, .pattern = COUNT_FORM,
          .def = "25%", .doc = "Pods that may be too many meanwhile, as a count or a percentage."),
};
static const struct table rolling_table =
    TABLE("RollingUpdateDeployment", struct kube_rolling_update, rolling_fields, .doc = "How fast pods are replaced.");

#define STRATEGY __typeof__(((struct kube_deployment_spec *)0)->strategy)
static const struct field strategy_fields[] = {
    FIELD(STRATEGY, type, "type", F_ENUM, .names = strategies,
          .doc = "RollingUpdate, or Recreate to end all before the new ones begin."),
    FIELD(STRATEGY, rolling, "rollingUpdate", F_INLINE, .sub = &rolling_table, .doc = "How fast pods are replaced."),
};
static const struct table strategy_table =
    TABLE("DeploymentStrategy", STRATEGY, strategy_fields, .doc = "How a change is carried out.");

static const struct field spec_fields[] = {
    FIELD(struct kube_deployment_spec, replicas, "replicas", F_INT, .max = INT32_MAX, .def = "1",
          .doc = "How many pods."),
    FIELD(struct kube_deployment_spec, selector, "selector", F_INLINE, .sub = &kube_label_selector_table,
          .flags = FIELD_REQUIRED, .doc = "Which pods belong to it; must fit the template's labels."),
    FIELD(struct kube_deployment_spec, template, "template", F_JSON, .flags = FIELD_REQUIRED,
          .doc = "The pod to make."),
    FIELD(struct kube_deployment_spec, strategy, "strategy", F_INLINE, .sub = &strategy_table,
          .doc = "How a change is carried out."),
    FIELD(struct kube_deployment_spec, min_ready_s, "minReadySeconds", F_INT, .max = INT32_MAX,
          .doc = "Seconds a new pod must be ready before it counts."),
    FIELD(struct kube_deployment_spec, progress_deadline_s, "progressDeadlineSeconds", F_INT, .max = INT32_MAX,
          .def = "600", .doc = "Seconds without progress after which a change counts as failed."),
    FIELD(struct kube_deployment_spec, paused, "paused", F_BOOL, .doc = "Whether changes wait."),
};

static void check(const void *v, struct arena *a, struct problems *out)
{
    kube_check_template(((const struct kube_deployment_spec *)v)->template, "template", a, out);
}

static const struct table spec_table =
    TABLE("DeploymentSpec", struct kube_deployment_spec, spec_fields, .check = check, .doc = "What is wanted.");
static const struct field fields[] = {
    FIELD(struct kube_deployment, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "What is wanted."),
};
const struct table kube_deployment_table =
    TABLE("Deployment", struct kube_deployment, fields, .flags = TABLE_OPEN,
          .doc = "A number of equal pods, replaced step by step when their template changes.");

int64_t kube_scaled(struct int_or_str v, int64_t total, bool round_up)
{
    int64_t percent = 0;
    if (v.s.n == 0) return v.i;
    if (!str_to_i64(str_sub(v.s, 0, v.s.n - 1), 0, INT32_MAX, &percent)) return 0;
    return (percent * total + (round_up ? 99 : 0)) / 100;
}
