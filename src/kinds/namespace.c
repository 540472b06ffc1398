#include "kinds/namespace.h"

static const char *const phases[] = {"Active", "Terminating", NULL};
#define STATUS __typeof__(((struct kube_namespace *)0)->status)
static const struct field status_fields[] = {
    FIELD(STATUS, phase, "phase", F_ENUM, .names = phases, .doc = "Active, or Terminating while it is being deleted."),
};
static const struct table status_table =
    TABLE("NamespaceStatus", STATUS, status_fields, .doc = "The namespace's state.");

static const struct field fields[] = {
    FIELD(struct kube_namespace, status, "status", F_INLINE, .sub = &status_table, .doc = "The namespace's state."),
};
const struct table kube_namespace_table =
    TABLE("Namespace", struct kube_namespace, fields, .flags = TABLE_OPEN,
          .doc = "A space of names; labels and annotations say whether its pods are in the mesh.");
