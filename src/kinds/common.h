/* common.h - structs that several kinds share. Their tables are in common.c. */
#pragma once
#include "kinds/object.h"

/* The accessor of a kind: its struct, or NULL when |o| is NULL or of another kind. */
#define KIND_ACCESSOR(T, K)                                                                                            \
    static inline const struct T *T##_of(const struct object *o)                                                       \
    {                                                                                                                  \
        return o && o->kind == (K) ? (const struct T *)o->body : NULL;                                                 \
    }                                                                                                                  \
    extern const struct table T##_table

/* Who or what a policy speaks of. */
struct subject {
    struct str kind, name, ns;
};
extern const struct table subject_table;

/* Another object in the same namespace. */
struct typed_ref {
    struct str api_group, kind, name; /* api_group: the full group/version */
};
extern const struct table typed_ref_table;

/* spec.template is kept as a document: the platform makes a Pod of it and decodes that. */
enum kube_selector_op { SELECTOR_IN, SELECTOR_NOT_IN, SELECTOR_EXISTS, SELECTOR_DOES_NOT_EXIST };
struct kube_selector_rule {
    struct str key;
    int op; /* enum kube_selector_op */
    struct strs values;
};
struct kube_label_selector {
    struct kvs match_labels;
    LIST(struct kube_selector_rule) rules; /* matchExpressions */
};
extern const struct table kube_label_selector_table;
/* All of it must fit; an empty selector fits nothing (workloads: a controller owns no stranger's pods). */
bool kube_selector_matches(const struct kube_label_selector *s, struct kvs labels);

/* Adds an error at |path| unless |template| is a mapping with a spec that is a mapping. For workload checks. */
void kube_check_template(json_t *template, const char *path, struct arena *a, struct problems *out);

/* status.conditions of Kubernetes' kinds. */
struct kube_condition {
    struct str type, status /* True, False, Unknown */, reason, message;
    int64_t changed; /* lastTransitionTime, unix seconds */
};
extern const struct table kube_condition_table;
