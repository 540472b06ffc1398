#include "kinds/stateful_set.h"

static const char *const managements[] = {"OrderedReady", "Parallel", NULL};
static const char *const updates[] = {"RollingUpdate", "OnDelete", NULL};

#define UPDATE   __typeof__(((struct kube_stateful_set_spec *)0)->update)
#define ROLLING  __typeof__(((UPDATE *)0)->rolling)
#define ORDINALS __typeof__(((struct kube_stateful_set_spec *)0)->ordinals)

static const struct field rolling_fields[] = {
    FIELD(ROLLING, partition, "partition", F_INT, .max = INT32_MAX,
          .doc = "Only pods with this ordinal or a higher one are replaced."),
};
static const struct table rolling_table =
    TABLE("RollingUpdateStatefulSet", ROLLING, rolling_fields, .doc = "Which pods are replaced.");
static const struct field update_fields[] = {
    FIELD(UPDATE, type, "type", F_ENUM, .names = updates, .doc = "RollingUpdate, or OnDelete to wait for you."),
    FIELD(UPDATE, rolling, "rollingUpdate", F_INLINE, .sub = &rolling_table, .doc = "Which pods are replaced."),
};
static const struct table update_table =
    TABLE("StatefulSetUpdateStrategy", UPDATE, update_fields, .doc = "How a change is carried out.");
static const struct field ordinal_fields[] = {
    FIELD(ORDINALS, start, "start", F_INT, .max = INT32_MAX, .doc = "The first pod's number."),
};
static const struct table ordinals_table =
    TABLE("StatefulSetOrdinals", ORDINALS, ordinal_fields, .doc = "How pods are numbered.");

static const struct field spec_fields[] = {
    FIELD(struct kube_stateful_set_spec, replicas, "replicas", F_INT, .max = INT32_MAX, .def = "1",
          .doc = "How many pods."),
    FIELD(struct kube_stateful_set_spec, selector, "selector", F_INLINE, .sub = &kube_label_selector_table,
          .flags = FIELD_REQUIRED, .doc = "Which pods belong to it; must fit the template's labels."),
    FIELD(struct kube_stateful_set_spec, template, "template", F_JSON, .flags = FIELD_REQUIRED,
          .doc = "The pod to make."),
    FIELD(struct kube_stateful_set_spec, service_name, "serviceName", F_STR,
          .doc = "The headless Service that gives the pods their names."),
    FIELD(struct kube_stateful_set_spec, pod_management, "podManagementPolicy", F_ENUM, .names = managements,
          .doc = "OrderedReady for one after the other, or Parallel."),
    FIELD(struct kube_stateful_set_spec, update, "updateStrategy", F_INLINE, .sub = &update_table,
          .doc = "How a change is carried out."),
    FIELD(struct kube_stateful_set_spec, ordinals, "ordinals", F_INLINE, .sub = &ordinals_table,
          .doc = "How pods are numbered."),
    FIELD(struct kube_stateful_set_spec, claim_templates, "volumeClaimTemplates", F_JSON,
          .doc = "Claims made for each pod and kept."),
    FIELD(struct kube_stateful_set_spec, min_ready_s, "minReadySeconds", F_INT, .max = INT32_MAX,
          .doc = "Seconds a pod must be ready before it counts."),
};

static void check(const void *v, struct arena *a, struct problems *out)
{
    const struct kube_stateful_set_spec *s = v;
    kube_check_template(s->template, "template", a, out);
    if (s->claim_templates && !json_is_array(s->claim_templates))
        problem_add(a, out, true, NULL, S("volumeClaimTemplates"), "must be a list");
}

static const struct table spec_table =
    TABLE("StatefulSetSpec", struct kube_stateful_set_spec, spec_fields, .check = check, .doc = "What is wanted.");
static const struct field fields[] = {
    FIELD(struct kube_stateful_set, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "What is wanted."),
};
const struct table kube_stateful_set_table = TABLE("StatefulSet", struct kube_stateful_set, fields, .flags = TABLE_OPEN,
                                                   .doc = "Numbered pods with stable names and kept volumes.");
