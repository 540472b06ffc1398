/* outside.h - a service that proxies themselves call. Part of plan.h. */
#pragma once
#include "base/field.h"

/* An outside service that proxies themselves call, by DNS name or address. */
struct plan_outside {
    struct str cluster; /* "outside|<use>"; empty: none */
    struct str address;
    int64_t port;
    bool http2;                 /* in clear text; else HTTP/1.1 */
    int64_t connect_timeout_ns; /* 0: Envoy's own */
    struct str origin;
};
extern const struct table plan_outside_table;
