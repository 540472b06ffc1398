#include "kinds/common.h"

static const struct field subject_fields[] = {
    FIELD(struct subject, kind, "kind", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "Kind of the object, for instance ServiceAccount."),
    FIELD(struct subject, name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY, .doc = "Name of the object."),
    FIELD(struct subject, ns, "namespace", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "Namespace of the object."),
};
const struct table subject_table =
    TABLE("Subject", struct subject, subject_fields, .doc = "Who or what a policy speaks of.");

static const struct field typed_ref_fields[] = {
    FIELD(struct typed_ref, api_group, "apiGroup", F_STR, .flags = FIELD_REQUIRED,
          .doc = "Group and version of the object, for instance specs.smi-spec.io/v1alpha4."),
    FIELD(struct typed_ref, kind, "kind", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "Kind of the object."),
    FIELD(struct typed_ref, name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "Name of the object, in the same namespace."),
};
const struct table typed_ref_table =
    TABLE("Reference", struct typed_ref, typed_ref_fields, .doc = "Another object in the same namespace.");

static const char *const op_names[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};
static const struct field rule_fields[] = {
    FIELD(struct kube_selector_rule, key, "key", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY, .doc = "The label."),
    FIELD(struct kube_selector_rule, op, "operator", F_ENUM, .names = op_names, .flags = FIELD_REQUIRED,
          .doc = "How its value is compared."),
    FIELD(struct kube_selector_rule, values, "values", F_STRS, .doc = "Values for In and NotIn."),
};
static const struct table rule_table =
    TABLE("LabelSelectorRequirement", struct kube_selector_rule, rule_fields, .doc = "One condition on a label.");

static const struct field selector_fields[] = {
    FIELD(struct kube_label_selector, match_labels, "matchLabels", F_MAP, .doc = "Labels with exactly these values."),
    FIELD(struct kube_label_selector, rules, "matchExpressions", F_LIST, .sub = &rule_table,
          .doc = "Further conditions; all must hold."),
};
const struct table kube_label_selector_table = TABLE("LabelSelector", struct kube_label_selector, selector_fields,
                                                     .doc = "Which labels fit; everything given must.");

static const struct field condition_fields[] = {
    FIELD(struct kube_condition, type, "type", F_STR, .doc = "What is being said, for instance Ready."),
    FIELD(struct kube_condition, status, "status", F_STR, .doc = "True, False or Unknown."),
    FIELD(struct kube_condition, reason, "reason", F_STR, .doc = "One word why."),
    FIELD(struct kube_condition, message, "message", F_STR, .doc = "A sentence why."),
    FIELD(struct kube_condition, changed, "lastTransitionTime", F_TIME, .doc = "When the status last changed."),
};
const struct table kube_condition_table =
    TABLE("Condition", struct kube_condition, condition_fields, .doc = "One aspect of an object's state.");

static bool rule_fits(const struct kube_selector_rule *r, struct kvs labels)
{
    struct str value = kvs_get(labels, r->key);
    switch (r->op) {
    case SELECTOR_IN:
        return value.p && strs_has(r->values, value);
    case SELECTOR_NOT_IN:
        return !value.p || !strs_has(r->values, value);
    case SELECTOR_EXISTS:
        return value.p != NULL;
    default:
        return value.p == NULL;
    }
}

bool kube_selector_matches(const struct kube_label_selector *s, struct kvs labels)
{
    if (s->match_labels.n == 0 && s->rules.n == 0) return false;
    if (s->match_labels.n && !labels_match(s->match_labels, labels)) return false;
    for (each(r, s->rules))
        if (!rule_fits(r, labels)) return false;
    return true;
}

void kube_check_template(json_t *template, const char *path, struct arena *a, struct problems *out)
{
    if (!json_is_object(json_object_get(template, "spec")))
        problem_add(a, out, true, NULL, str_of(path), "must be a mapping with metadata and spec");
}
