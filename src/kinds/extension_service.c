#include "kinds/extension_service.h"

static const char *const protocols[] = {"http1", "http2", "h2c", NULL};
static const struct field spec_fields[] = {
    FIELD(struct extension_service_spec, host, "host", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "Host of the service."),
    FIELD(struct extension_service_spec, port, "port", F_INT, .flags = FIELD_REQUIRED, .min = 1, .max = 65535,
          .doc = "Its port."),
    FIELD(struct extension_service_spec, protocol, "protocol", F_ENUM, .names = protocols, .flags = FIELD_REQUIRED,
          .doc = "What it speaks; collectors of logs are called by h2c alone."),
    FIELD(struct extension_service_spec, connect_timeout_ns, "connectTimeout", F_DURATION,
          .doc = "How long to wait for a connection."),
};
static const struct table spec_table =
    TABLE("ExtensionServiceSpec", struct extension_service_spec, spec_fields, .doc = "The service.");
static const struct field fields[] = {
    FIELD(struct extension_service, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "The service."),
};
const struct table extension_service_table =
    TABLE("ExtensionService", struct extension_service, fields,
          .doc = "A service that the proxies themselves call, for instance a log collector.");
