/* http_route_group.h - specs.smi-spec.io HTTPRouteGroup: named sets of HTTP requests. */
#pragma once
#include "kinds/common.h"

struct http_match { /* all that is given must fit */
    struct str name;
    struct str path_regex; /* of the whole path without query; empty: any */
    struct strs methods;   /* empty or "*": any */
    struct kvs headers;    /* name → RE2 of the whole value, in the order written; a name may repeat */
};
struct http_route_group_spec {
    LIST(struct http_match) matches;
};
struct http_route_group {
    struct http_route_group_spec spec;
};
KIND_ACCESSOR(http_route_group, KIND_HTTP_ROUTE_GROUP);
