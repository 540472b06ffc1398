#include "kinds/traffic_target.h"

static const char *const rule_kinds[] = {"HTTPRouteGroup", "TCPRoute", "UDPRoute", NULL};

static const struct field rule_fields[] = {
    FIELD(struct target_rule, kind, "kind", F_ENUM, .names = rule_kinds, .flags = FIELD_REQUIRED,
          .doc = "HTTPRouteGroup or TCPRoute; UDPRoute is known but allows nothing."),
    FIELD(struct target_rule, name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "Name of the route object, in the target's namespace."),
    FIELD(struct target_rule, matches, "matches", F_STRS,
          .doc = "Names of the group's matches that are allowed; all of them when absent."),
};
static const struct table rule_table =
    TABLE("TrafficTargetRule", struct target_rule, rule_fields, .doc = "Which calls are allowed.");

static const struct field spec_fields[] = {
    FIELD(struct traffic_target_spec, destination, "destination", F_INLINE, .sub = &subject_table,
          .flags = FIELD_REQUIRED, .doc = "The service account that is called; it must be in the target's namespace."),
    FIELD(struct traffic_target_spec, sources, "sources", F_LIST, .sub = &subject_table, .flags = FIELD_REQUIRED,
          .doc = "The service accounts that may call; nobody when the list is empty."),
    FIELD(struct traffic_target_spec, rules, "rules", F_LIST, .sub = &rule_table, .flags = FIELD_REQUIRED,
          .doc = "Which calls are allowed; a call is allowed if any rule of any target fits."),
};
static const struct table spec_table =
    TABLE("TrafficTargetSpec", struct traffic_target_spec, spec_fields, .doc = "What is allowed.");

static const struct field fields[] = {
    FIELD(struct traffic_target, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "What is allowed."),
};
static const struct cel_rule cel[] = {
    {"self.spec.destination.kind == 'ServiceAccount'", "destination must be of kind ServiceAccount"},
    {"self.spec.sources.all(s, s.kind == 'ServiceAccount')", "sources must be of kind ServiceAccount"},
    {NULL, NULL},
};
const struct table traffic_target_table =
    TABLE("TrafficTarget", struct traffic_target, fields, .flags = TABLE_STRICT, .rules = cel,
          .doc = "Allows some identities to make some calls to another.");

struct str traffic_target_misplaced(const struct object *o, struct arena *a)
{
    struct str ns = traffic_target_of(o)->spec.destination.ns;
    if (str_eq(ns, o->meta.ns)) return STR_NULL;
    return str_fmt(a, "its destination is in namespace \"%.*s\": a target counts only in its destination's namespace",
                   STR_FMT(ns));
}
