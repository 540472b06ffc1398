#include <jansson.h>

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

/* ---- a template of the user's, as JSON values and as OpenTelemetry's ---- */

static PbValue *value_of(struct arena *a, const json_t *j);

static PbStruct *struct_of(struct arena *a, const json_t *j)
{
    PbStruct *m = NEW(a, Struct);
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)j, key, v)
    {
        PbStructField *f = NEW(a, StructField);
        f->key = pb_str(a, str_of(key));
        f->value = value_of(a, v);
        PB_ADD(a, m, fields, f);
    }
    return m;
}

static PbListValue *list_of(struct arena *a, const json_t *j)
{
    PbListValue *m = NEW(a, ListValue);
    size_t i;
    json_t *v;
    json_array_foreach(j, i, v) PB_ADD(a, m, values, value_of(a, v));
    return m;
}

static PbValue *value_of(struct arena *a, const json_t *j)
{
    PbValue *m = NEW(a, Value);
    if (json_is_object(j))
        PB_ONE(m, struct_value, struct_of(a, j));
    else if (json_is_array(j))
        PB_ONE(m, list_value, list_of(a, j));
    else if (json_is_string(j))
        PB_ONE(m, string_value, pb_str(a, str_of(json_string_value(j))));
    else if (json_is_number(j))
        PB_ONE(m, number_value, json_number_value(j));
    else if (json_is_boolean(j))
        PB_ONE(m, bool_value, json_is_true(j));
    else
        PB_ONE(m, null_value, GOOGLE__PROTOBUF__NULL_VALUE__NULL_VALUE);
    return m;
}

static PbOtlpValue *otlp_text(struct arena *a, struct str s)
{
    PbOtlpValue *m = NEW(a, OtlpValue);
    PB_ONE(m, string_value, pb_str(a, s));
    return m;
}

static void otlp_pair(struct arena *a, PbOtlpMap *m, struct str key, PbOtlpValue *value)
{
    PbOtlpPair *p = NEW(a, OtlpPair);
    p->key = pb_str(a, key);
    p->value = value;
    PB_ADD(a, m, values, p);
}

static PbOtlpValue *otlp_value(struct arena *a, const PbValue *v);

static PbOtlpValue *otlp_map(struct arena *a, const PbStruct *s)
{
    PbOtlpMap *all = NEW(a, OtlpMap);
    for (size_t i = 0; i < s->n_fields; i++)
        otlp_pair(a, all, str_of(s->fields[i]->key), otlp_value(a, s->fields[i]->value));
    PbOtlpValue *m = NEW(a, OtlpValue);
    PB_ONE(m, kvlist_value, all);
    return m;
}

static PbOtlpValue *otlp_list(struct arena *a, const PbListValue *l)
{
    PbOtlpArray *all = NEW(a, OtlpArray);
    for (size_t i = 0; i < l->n_values; i++) PB_ADD(a, all, values, otlp_value(a, l->values[i]));
    PbOtlpValue *m = NEW(a, OtlpValue);
    PB_ONE(m, array_value, all);
    return m;
}

#define IS(x) GOOGLE__PROTOBUF__VALUE__KIND_##x
/* Envoy fills in texts only, and wants nothing else in a body: numbers and words are given as such. */
static PbOtlpValue *otlp_value(struct arena *a, const PbValue *v)
{
    switch (v->kind_case) {
    case IS(STRUCT_VALUE):
        return otlp_map(a, v->struct_value);
    case IS(LIST_VALUE):
        return otlp_list(a, v->list_value);
    case IS(STRING_VALUE):
        return otlp_text(a, str_of(v->string_value));
    case IS(NUMBER_VALUE):
        return otlp_text(a, str_fmt(a, "%.15g", v->number_value));
    case IS(BOOL_VALUE):
        return otlp_text(a, v->bool_value ? S("true") : S("false"));
    default:
        return otlp_text(a, S(""));
    }
}
#undef IS

/* ---- formats ---- */

static PbStruct *standard_fields(struct arena *a)
{
    PbStruct *s = NEW(a, Struct);
    for (size_t i = 0; i < sizeof request_fields / sizeof *request_fields; i++)
        PB_ADD(a, s, fields, encode_struct_field(a, str_of(request_fields[i][0]), str_of(request_fields[i][1])));
    return s;
}

/* NULL for a format of text. */
static PbStruct *fields_of(struct arena *a, const struct plan_log *log)
{
    if (log->text.n) return NULL;
    json_t *j = log->json.n ? json_loadb(log->json.p, log->json.n, 0, NULL) : NULL;
    PbStruct *s = j ? struct_of(a, j) : standard_fields(a);
    json_decref(j);
    return s;
}

static PbFormat *format_of(struct arena *a, const struct plan_log *log)
{
    PbFormat *m = NEW(a, Format);
    PbStruct *fields = fields_of(a, log);
    if (fields) {
        PB_ONE(m, json_format, fields);
        return m;
    }
    PbDataSource *line = NEW(a, DataSource);
    PB_ONE(line, inline_string, pb_str(a, log->text));
    PB_ONE(m, text_format_source, line);
    return m;
}

/* ---- logs ---- */

static PbAccessLog *access_log(struct arena *a, const char *name, const ProtobufCMessage *config)
{
    PbAccessLog *m = NEW(a, AccessLog);
    m->name = (char *)name;
    PB_ONE(m, typed_config, pb_any(a, config));
    return m;
}

static void add(struct arena *a, struct encoded_logs *l, PbAccessLog *log) { list_push(a, l, log); }

static PbAccessLog *stdout_log(struct arena *a, const struct plan_log *log)
{
    PbStdoutLog *m = NEW(a, StdoutLog);
    PB_ONE(m, log_format, format_of(a, log));
    return access_log(a, "envoy.access_loggers.stdout", &m->base);
}

static PbAccessLog *otlp_log(struct arena *a, const struct plan_log *log)
{
    PbOtlpLog *m = NEW(a, OtlpLog);
    PbStruct *fields = fields_of(a, log);
    m->log_name = "osm";
    m->grpc_service = encode_grpc(a, &log->collector, 0);
    m->body = fields ? otlp_map(a, fields) : otlp_text(a, str_trim(log->text));
    if (log->attributes.n) m->attributes = NEW(a, OtlpMap);
    for (each(kv, log->attributes)) otlp_pair(a, m->attributes, kv->key, otlp_text(a, kv->value));
    PB_ADD(a, m, resource_detectors, encode_environment_detector(a));
    return access_log(a, "envoy.access_loggers.open_telemetry", &m->base);
}

static struct encoded_logs all_logs(struct encoder *e)
{
    struct encoded_logs out = {0};
    add(e->a, &out, stdout_log(e->a, &e->hop->log));
    if (e->hop->log.collector.cluster.n) add(e->a, &out, otlp_log(e->a, &e->hop->log));
    return out;
}

struct encoded_logs encode_request_logs(struct encoder *e)
{
    if (!e->request_logs.n) e->request_logs = all_logs(e);
    return e->request_logs;
}

struct encoded_logs encode_unmatched_logs(struct encoder *e)
{
    PbResponseFlagFilter *flags = NEW(e->a, ResponseFlagFilter);
    PB_ADD(e->a, flags, flags, "NR");
    PbLogFilter *filter = NEW(e->a, LogFilter);
    PB_ONE(filter, response_flag_filter, flags);
    struct encoded_logs out = all_logs(e);
    for (each(log, out)) (*log)->filter = filter;
    return out;
}

struct encoded_logs encode_denied_log(struct encoder *e)
{
    PbDataSource *line = NEW(e->a, DataSource);
    PB_ONE(line, inline_string, "no_policy %DOWNSTREAM_LOCAL_ADDRESS%\n");
    PbFormat *format = NEW(e->a, Format);
    PB_ONE(format, text_format_source, line);
    PbFileLog *m = NEW(e->a, FileLog);
    m->path = FILE_DENIED_LOG;
    PB_ONE(m, log_format, format);
    struct encoded_logs out = {0};
    add(e->a, &out, access_log(e->a, "envoy.access_loggers.file", &m->base));
    return out;
}
