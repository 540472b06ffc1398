#include "kinds/daemon_set.h"

static const char *const updates[] = {"RollingUpdate", "OnDelete", NULL};
#define UPDATE __typeof__(((struct kube_daemon_set_spec *)0)->update)

static const struct field update_fields[] = {
    FIELD(UPDATE, type, "type", F_ENUM, .names = updates, .doc = "RollingUpdate, or OnDelete to wait for you."),
};
static const struct table update_table =
    TABLE("DaemonSetUpdateStrategy", UPDATE, update_fields, .doc = "How a change is carried out.");

static const struct field spec_fields[] = {
    FIELD(struct kube_daemon_set_spec, selector, "selector", F_INLINE, .sub = &kube_label_selector_table,
          .flags = FIELD_REQUIRED, .doc = "Which pods belong to it; must fit the template's labels."),
    FIELD(struct kube_daemon_set_spec, template, "template", F_JSON, .flags = FIELD_REQUIRED,
          .doc = "The pod to make."),
    FIELD(struct kube_daemon_set_spec, update, "updateStrategy", F_INLINE, .sub = &update_table,
          .doc = "How a change is carried out."),
    FIELD(struct kube_daemon_set_spec, min_ready_s, "minReadySeconds", F_INT, .max = INT32_MAX,
          .doc = "Seconds a pod must be ready before it counts."),
};

static void check(const void *v, struct arena *a, struct problems *out)
{
    kube_check_template(((const struct kube_daemon_set_spec *)v)->template, "template", a, out);
}

static const struct table spec_table =
    TABLE("DaemonSetSpec", struct kube_daemon_set_spec, spec_fields, .check = check, .doc = "What is wanted.");
static const struct field fields[] = {
    FIELD(struct kube_daemon_set, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "What is wanted."),
};
const struct table kube_daemon_set_table =
    TABLE("DaemonSet", struct kube_daemon_set, fields, .flags = TABLE_OPEN, .doc = "One pod on every node.");
