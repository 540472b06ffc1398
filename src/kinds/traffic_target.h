/* traffic_target.h - access.smi-spec.io TrafficTarget: who may call whom, and how (reference: SMI access). */
#pragma once
#include "kinds/common.h"

enum rule_kind { RULE_HTTP_ROUTE_GROUP, RULE_TCP_ROUTE, RULE_UDP_ROUTE };
struct target_rule {
    int kind; /* enum rule_kind */
    struct str name;
    struct strs matches; /* names of the group's matches; empty: all of them */
};
struct traffic_target_spec {
    struct subject destination;   /* its namespace must be the object's own: checked by the mesh (E8009) */
    LIST(struct subject) sources; /* empty: no one */
    LIST(struct target_rule) rules;
};
struct traffic_target {
    struct traffic_target_spec spec;
};
KIND_ACCESSOR(traffic_target, KIND_TRAFFIC_TARGET);
/* A target stands in the namespace of its destination, so that nobody opens somebody else's. The sentence that says
 * that |o| does not, in |a|; empty when it does. */
struct str traffic_target_misplaced(const struct object *o, struct arena *a);
