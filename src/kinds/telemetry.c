#include "kinds/telemetry.h"

#define SERVICE __typeof__(((struct otel_log *)0)->service)
static const struct field service_fields[] = {
    FIELD(SERVICE, name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "Name of the ExtensionService."),
    FIELD(SERVICE, ns, "namespace", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY, .doc = "Its namespace."),
};
static const struct table service_table =
    TABLE("ExtensionServiceReference", SERVICE, service_fields, .doc = "An ExtensionService.");
static const struct field otel_fields[] = {
    FIELD(struct otel_log, service, "extensionService", F_INLINE, .sub = &service_table, .flags = FIELD_REQUIRED,
          .doc = "The collector."),
    FIELD(struct otel_log, attributes, "attributes", F_MAP, .doc = "Attributes sent with every entry."),
};
static const struct table otel_table =
    TABLE("OpenTelemetryLog", struct otel_log, otel_fields, .doc = "Entries sent to an OpenTelemetry collector.");
static const struct field log_fields[] = {
    FIELD(struct access_log, format, "format", F_STR, .doc = "Envoy's format, as text or as a JSON text."),
    FIELD(struct access_log, otel, "openTelemetry", F_OBJ, .sub = &otel_table, .doc = "Entries sent to a collector."),
};
static const struct table log_table =
    TABLE("AccessLog", struct access_log, log_fields, .doc = "What is written about every call.");
static const struct field spec_fields[] = {
    FIELD(struct telemetry_spec, selector, "selector", F_MAP,
          .doc = "Labels of the pods; all pods of the namespace when absent."),
    FIELD(struct telemetry_spec, access_log, "accessLog", F_OBJ, .sub = &log_table,
          .doc = "What is written about every call."),
};
static const struct table spec_table =
    TABLE("TelemetrySpec", struct telemetry_spec, spec_fields, .doc = "What is written, for which pods.");
static const struct field fields[] = {
    FIELD(struct telemetry, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "What is written, for which pods."),
};
const struct table telemetry_table = TABLE("Telemetry", struct telemetry, fields, .doc = "Access logs of chosen pods.");
