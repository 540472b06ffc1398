/* extension_service.h - config.openservicemesh.io ExtensionService: a service the proxies themselves call. */
#pragma once
#include "kinds/common.h"

enum extension_protocol { EXTENSION_HTTP1, EXTENSION_HTTP2, EXTENSION_H2C };
struct extension_service_spec {
    struct str host;
    int64_t port, connect_timeout_ns;
    int protocol; /* enum extension_protocol */
};
struct extension_service {
    struct extension_service_spec spec;
};
KIND_ACCESSOR(extension_service, KIND_EXTENSION_SERVICE);
