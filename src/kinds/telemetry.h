/* telemetry.h - policy.openservicemesh.io Telemetry: access logs of chosen pods. */
#pragma once
#include "kinds/common.h"

struct otel_log {
    struct {
        struct str name, ns;
    } service;
    struct kvs attributes;
};
struct access_log {
    struct str format;
    struct otel_log *otel;
};
struct telemetry_spec {
    struct kvs selector;
    struct access_log *access_log;
};
struct telemetry {
    struct telemetry_spec spec;
};
KIND_ACCESSOR(telemetry, KIND_TELEMETRY);
