/* tcp_route.h - specs.smi-spec.io TCPRoute. */
#pragma once
#include "kinds/common.h"

struct tcp_route_spec {
    struct {
        struct str name;
        struct ints ports; /* empty: all */
    } matches;
};
struct tcp_route {
    struct tcp_route_spec spec;
};
KIND_ACCESSOR(tcp_route, KIND_TCP_ROUTE);
