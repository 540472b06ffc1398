/* traffic_split.h - split.smi-spec.io TrafficSplit: shares of a Service's calls for other Services. */
#pragma once
#include "kinds/common.h"

struct split_backend {
    struct str service;
    int64_t weight; /* relative; 0: none */
};
struct traffic_split_spec {
    struct str service; /* the root: a short name or any dotted form of it, in the object's own namespace */
    LIST(struct split_backend) backends;
};
struct traffic_split {
    struct traffic_split_spec spec;
};
KIND_ACCESSOR(traffic_split, KIND_TRAFFIC_SPLIT);
