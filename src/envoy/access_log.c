#include "base/names.h"
#include "envoy/encode.h"

/* The default format of the archived project, which people's log pipelines know. */
static const char *const request_fields[][2] = {
    {"authority", "%REQ(:AUTHORITY)%"},
    {"bytes_received", "%BYTES_RECEIVED%"},
    {"bytes_sent", "%BYTES_SENT%"},
    {"duration", "%DURATION%"},
    {"method", "%REQ(:METHOD)%"},
    {"path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"},
    {"protocol", "%PROTOCOL%"},
    {"request_id", "%REQ(X-REQUEST-ID)%"},
    {"requested_server_name", "%REQUESTED_SERVER_NAME%"},
    {"response_code", "%RESPONSE_CODE%"},
    {"response_code_details", "%RESPONSE_CODE_DETAILS%"},
    {"response_flags", "%RESPONSE_FLAGS%"},
    {"start_time", "%START_TIME%"},
    {"time_to_first_byte", "%RESPONSE_DURATION%"},
    {"upstream_cluster", "%UPSTREAM_CLUSTER%"},
    {"upstream_host", "%UPSTREAM_HOST%"},
    {"upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"},
    {"user_agent", "%REQ(USER-AGENT)%"},
    {"x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"},
};

PbStructField *encode_struct_field(struct arena *a, struct str name, struct str value)
{
    PbValue *v = NEW(a, Value);
    PB_ONE(v, string_value, pb_str(a, value));
    PbStructField *f = NEW(a, StructField);
    f->key = pb_str(a, name);
    f->value = v;
    return f;
}

static PbFormat *json_format(struct arena *a)
{
    PbStruct *s = NEW(a, Struct);
    for (size_t i = 0; i < sizeof request_fields / sizeof *request_fields; i++)
        PB_ADD(a, s, fields, encode_struct_field(a, str_of(request_fields[i][0]), str_of(request_fields[i][1])));
    PbFormat *m = NEW(a, Format);
    PB_ONE(m, json_format, s);
    return m;
}

static PbAccessLog *access_log(struct arena *a, const char *name, const ProtobufCMessage *config)
{
    PbAccessLog *m = NEW(a, AccessLog);
    m->name = (char *)name;
    PB_ONE(m, typed_config, pb_any(a, config));
    return m;
}

static PbAccessLog *stdout_log(struct arena *a)
{
    PbStdoutLog *m = NEW(a, StdoutLog);
    PB_ONE(m, log_format, json_format(a));
    return access_log(a, "envoy.access_loggers.stdout", &m->base);
}

PbAccessLog *encode_request_log(struct encoder *e)
{
    if (!e->request_log) e->request_log = stdout_log(e->a);
    return e->request_log;
}

PbAccessLog *encode_unmatched_log(struct encoder *e)
{
    PbResponseFlagFilter *flags = NEW(e->a, ResponseFlagFilter);
    PB_ADD(e->a, flags, flags, "NR");
    PbLogFilter *filter = NEW(e->a, LogFilter);
    PB_ONE(filter, response_flag_filter, flags);
    PbAccessLog *m = stdout_log(e->a);
    m->filter = filter;
    return m;
}

PbAccessLog *encode_denied_log(struct encoder *e)
{
    PbDataSource *line = NEW(e->a, DataSource);
    PB_ONE(line, inline_string, "no_policy %DOWNSTREAM_LOCAL_ADDRESS%\n");
    PbFormat *format = NEW(e->a, Format);
    PB_ONE(format, text_format_source, line);
    PbFileLog *m = NEW(e->a, FileLog);
    m->path = FILE_DENIED_LOG;
    PB_ONE(m, log_format, format);
    return access_log(e->a, "envoy.access_loggers.file", &m->base);
}
