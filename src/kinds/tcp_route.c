#include "kinds/tcp_route.h"

#define MATCHES __typeof__(((struct tcp_route_spec *)0)->matches)
static const struct field match_fields[] = {
    FIELD(MATCHES, name, "name", F_STR, .doc = "A name for readers."),
    FIELD(MATCHES, ports, "ports", F_INTS, .min = 1, .max = 65535, .doc = "The pods' ports; all when absent."),
};
static const struct table match_table = TABLE("TCPMatch", MATCHES, match_fields, .doc = "A set of connections.");

static const struct field spec_fields[] = {
    FIELD(struct tcp_route_spec, matches, "matches", F_INLINE, .sub = &match_table, .doc = "Which connections."),
};
static const struct table spec_table =
    TABLE("TCPRouteSpec", struct tcp_route_spec, spec_fields, .doc = "What the route has.");

static const struct field fields[] = {
    FIELD(struct tcp_route, spec, "spec", F_INLINE, .sub = &spec_table, .doc = "What the route has."),
};
const struct table tcp_route_table = TABLE("TCPRoute", struct tcp_route, fields, .flags = TABLE_STRICT,
                                           .doc = "A set of TCP connections, used by TrafficTargets.");
