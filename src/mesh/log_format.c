#include "mesh/log_format.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/regex.h"

/* ---- what Envoy 1.40 knows, found by asking it ----------------------------------------------------------- */

/* No argument, no length. */
static const char *const plain[] = {
    "ACCESS_LOG_TYPE",
    "BYTES_RECEIVED",
    "BYTES_RETRANSMITTED",
    "BYTES_SENT",
    "CONNECTION_ID",
    "CONNECTION_TERMINATION_DETAILS",
    "CUSTOM_FLAGS",
    "DOWNSTREAM_CX_RTT",
    "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED",
    "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT",
    "DOWNSTREAM_DETECTED_CLOSE_TYPE",
    "DOWNSTREAM_DIRECT_LOCAL_ADDRESS",
    "DOWNSTREAM_DIRECT_LOCAL_PORT",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
    "DOWNSTREAM_DIRECT_REMOTE_PORT",
    "DOWNSTREAM_HANDSHAKE_DURATION",
    "DOWNSTREAM_HEADER_BYTES_RECEIVED",
    "DOWNSTREAM_HEADER_BYTES_SENT",
    "DOWNSTREAM_LOCAL_ADDRESS",
    "DOWNSTREAM_LOCAL_CLOSE_REASON",
    "DOWNSTREAM_LOCAL_DNS_SAN",
    "DOWNSTREAM_LOCAL_EMAIL_SAN",
    "DOWNSTREAM_LOCAL_IP_SAN",
    "DOWNSTREAM_LOCAL_OTHERNAME_SAN",
    "DOWNSTREAM_LOCAL_PORT",
    "DOWNSTREAM_LOCAL_SUBJECT",
    "DOWNSTREAM_LOCAL_URI_SAN",
    "DOWNSTREAM_PEER_CERT",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256",
    "DOWNSTREAM_PEER_CHAIN_SERIALS",
    "DOWNSTREAM_PEER_DNS_SAN",
    "DOWNSTREAM_PEER_EMAIL_SAN",
    "DOWNSTREAM_PEER_FINGERPRINT_1",
    "DOWNSTREAM_PEER_FINGERPRINT_256",
    "DOWNSTREAM_PEER_IP_SAN",
    "DOWNSTREAM_PEER_ISSUER",
    "DOWNSTREAM_PEER_OTHERNAME_SAN",
    "DOWNSTREAM_PEER_SERIAL",
    "DOWNSTREAM_PEER_SUBJECT",
    "DOWNSTREAM_PEER_URI_SAN",
    "DOWNSTREAM_REMOTE_ADDRESS",
    "DOWNSTREAM_REMOTE_PORT",
    "DOWNSTREAM_TLS_CIPHER",
    "DOWNSTREAM_TLS_GROUP",
    "DOWNSTREAM_TLS_SESSION_ID",
    "DOWNSTREAM_TLS_VERSION",
    "DOWNSTREAM_TRANSPORT_FAILURE_REASON",
    "DOWNSTREAM_WIRE_BYTES_RECEIVED",
    "DOWNSTREAM_WIRE_BYTES_SENT",
    "DURATION",
    "FILTER_CHAIN_NAME",
    "GRPC_STATUS",
    "GRPC_STATUS_NUMBER",
    "HOSTNAME",
    "LISTENER_NAME",
    "LOCAL_REPLY_BODY",
    "PACKETS_RETRANSMITTED",
    "PROTOCOL",
    "REQUESTED_SERVER_NAME",
    "REQUEST_DURATION",
    "REQUEST_HEADERS_BYTES",
    "REQUEST_TX_DURATION",
    "RESPONSE_CODE",
    "RESPONSE_DURATION",
    "RESPONSE_FLAGS",
    "RESPONSE_FLAGS_LONG",
    "RESPONSE_HEADERS_BYTES",
    "RESPONSE_TRAILERS_BYTES",
    "RESPONSE_TX_DURATION",
    "ROUNDTRIP_DURATION",
    "ROUTE_NAME",
    "ROUTE_RESOLUTION_TIME_US",
    "SPAN_ID",
    "STREAM_ID",
    "TLS_JA3_FINGERPRINT",
    "TLS_JA4_FINGERPRINT",
    "TRACE_ID",
    "UNIQUE_ID",
    "UPSTREAM_CLUSTER",
    "UPSTREAM_CLUSTER_RAW",
    "UPSTREAM_CONNECTION_ID",
    "UPSTREAM_CONNECTION_POOL_READY_DURATION",
    "UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED",
    "UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT",
    "UPSTREAM_DETECTED_CLOSE_TYPE",
    "UPSTREAM_HEADER_BYTES_RECEIVED",
    "UPSTREAM_HEADER_BYTES_SENT",
    "UPSTREAM_HOST",
    "UPSTREAM_HOSTS_ATTEMPTED",
    "UPSTREAM_HOST_NAME",
    "UPSTREAM_HOST_NAMES_ATTEMPTED",
    "UPSTREAM_HOST_NAME_WITHOUT_PORT",
    "UPSTREAM_LOCAL_ADDRESS",
    "UPSTREAM_LOCAL_CLOSE_REASON",
    "UPSTREAM_LOCAL_DNS_SAN",
    "UPSTREAM_LOCAL_IP_SAN",
    "UPSTREAM_LOCAL_PORT",
    "UPSTREAM_LOCAL_URI_SAN",
    "UPSTREAM_PEER_CERT",
    "UPSTREAM_PEER_DNS_SAN",
    "UPSTREAM_PEER_IP_SAN",
    "UPSTREAM_PEER_ISSUER",
    "UPSTREAM_PEER_SUBJECT",
    "UPSTREAM_PEER_URI_SAN",
    "UPSTREAM_PROTOCOL",
    "UPSTREAM_REMOTE_ADDRESS",
    "UPSTREAM_REMOTE_PORT",
    "UPSTREAM_REQUEST_ATTEMPT_COUNT",
    "UPSTREAM_SERVER_NAME",
    "UPSTREAM_TLS_CIPHER",
    "UPSTREAM_TLS_SESSION_ID",
    "UPSTREAM_TLS_VERSION",
    "UPSTREAM_TRANSPORT_FAILURE_REASON",
    "UPSTREAM_WIRE_BYTES_RECEIVED",
    "UPSTREAM_WIRE_BYTES_SENT",
    "VIRTUAL_CLUSTER_NAME",
    NULL,
};

#define WORD   "[A-Za-z0-9_.-]+"
#define HEADER ":?[A-Za-z0-9_.-]+(\\?:?[A-Za-z0-9_.-]+)?"
#define TIMES  "[ -'*-~]*" /* strftime's, and no parenthesis */
static const struct operator
{
    const char *name;
    const char *argument; /* pattern; NULL: none */
    bool needs_argument, has_length;
}
operators[] = {
    {"CLUSTER_METADATA", WORD "(:" WORD ")*", true, false},
    {"COMMON_DURATION", "[A-Z_]+:[A-Z_]+:(ms|us|ns)", true, false},
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", NULL, false, false},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", NULL, false, false},
    {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", NULL, false, false},
    {"DOWNSTREAM_PEER_CERT_V_END", TIMES, false, false},
    {"DOWNSTREAM_PEER_CERT_V_START", TIMES, false, false},
    {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", NULL, false, false},
    {"DYNAMIC_METADATA", WORD "(:" WORD ")*", true, true},
    {"EMIT_TIME", TIMES, false, false},
    {"ENVIRONMENT", "[A-Za-z0-9_]+", true, true},
    {"FILTER_STATE", WORD "(:(PLAIN|TYPED|FIELD:" WORD "))?", true, true},
    {"PATH", NULL, false, true},
    {"QUERY_PARAM", WORD, true, true},
    {"QUERY_PARAMS", NULL, false, true},
    {"REQ", HEADER, true, true},
    {"RESP", HEADER, true, true},
    {"RESPONSE_CODE_DETAILS", NULL, false, false},
    {"START_TIME", TIMES, false, false},
    {"START_TIME_LOCAL", TIMES, false, false},
    {"TRAILER", HEADER, true, true},
    {"UPSTREAM_FILTER_STATE", WORD "(:(PLAIN|TYPED|FIELD:" WORD "))?", true, true},
    {"UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", NULL, false, false},
    {"UPSTREAM_METADATA", WORD "(:" WORD ")*", true, false},
    {"UPSTREAM_PEER_CERT_V_END", TIMES, false, false},
    {"UPSTREAM_PEER_CERT_V_START", TIMES, false, false},
    {"UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", NULL, false, false},
};

static const struct operator* operator_named(struct str name)
{
    static const struct operator simple = {.name = ""};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (str_is(name, operators[i].name)) return &operators[i];
    for (size_t i = 0; plain[i]; i++)
        if (str_is(name, plain[i])) return &simple;
    return NULL;
}

/* ---- "%NAME(argument):length%" --------------------------------------------------------------------------- */

struct use {
    struct str name, argument;
    bool has_length;
    size_t n; /* bytes of the whole */
};

static size_t skip_word(struct str s, size_t i)
{
    while (i < s.n && ((s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '_')) i++;
    return i;
}

/* From ':' or '%': where the operator ends; 0 when it does not. */
static size_t end_of(struct str s, size_t i, bool *has_length)
{
    enum { MAX_DIGITS = 9 };
    size_t digits = 0;
    *has_length = i < s.n && s.p[i] == ':';
    if (*has_length) {
        while (i + 1 + digits < s.n && s.p[i + 1 + digits] >= '0' && s.p[i + 1 + digits] <= '9') digits++;
        if (!digits || digits > MAX_DIGITS) return 0;
        i += 1 + digits;
    }
    return i < s.n && s.p[i] == '%' ? i + 1 : 0;
}

/* |s| begins with '%'. */
static bool read_use(struct str s, struct use *out)
{
    size_t i = skip_word(s, 1);
    *out = (struct use){.name = str_sub(s, 1, i)};
    if (i == 1) return false;
    if (i < s.n && s.p[i] == '(') {
        size_t from = ++i;
        for (; i < s.n && s.p[i] != '\n'; i++)
            if (s.p[i] == ')' && (out->n = end_of(s, i + 1, &out->has_length))) break;
        out->argument = str_sub(s, from, i);
    } else {
        out->n = end_of(s, i, &out->has_length);
    }
    return out->n > 0;
}

static bool check_use(const struct use *u, struct err *err)
{
    const struct operator* o = operator_named(u->name);
    if (!o) return err_set(err, "%%%.*s%% is not one of the operators that can be used", STR_FMT(u->name));
    if (u->has_length && !o->has_length) return err_set(err, "%%%.*s%% takes no length", STR_FMT(u->name));
    if (!u->argument.n && o->needs_argument) return err_set(err, "%%%.*s%% needs an argument", STR_FMT(u->name));
    if (u->argument.n && !(o->argument && regex_matches_const(o->argument, u->argument)))
        return err_set(err, "%%%.*s(%.*s)%% has an argument that cannot be used", STR_FMT(u->name),
                       STR_FMT(u->argument));
    return true;
}

bool log_text_check(struct str text, struct err *err)
{
    for (size_t i = 0; i < text.n;) {
        struct str rest = str_sub(text, i, text.n);
        struct use u;
        if (!rest.p[0]) return err_set(err, "a zero byte at position %zu", i);
        if (rest.p[0] != '%') {
            i++;
        } else if (rest.n > 1 && rest.p[1] == '%') {
            i += 2;
        } else {
            if (!read_use(rest, &u))
                return err_set(err, "the %% at position %zu begins no operator; a percent sign itself is written %%%%",
                               i);
            if (!check_use(&u, err)) return false;
            i += u.n;
        }
    }
    return true;
}

/* ---- templates ------------------------------------------------------------------------------------------- */

static bool check_json(const json_t *j, struct err *err)
{
    const char *key;
    json_t *v;
    size_t i;
    if (json_is_string(j)) return log_text_check(str_make(json_string_value(j), json_string_length(j)), err);
    json_array_foreach(j, i, v) if (!check_json(v, err)) return false;
    json_object_foreach((json_t *)j, key, v) if (!check_json(v, err)) return err_wrap(err, "%s", key);
    return true;
}

static bool parse_json(struct arena *a, json_t *j, struct str *json, struct err *err)
{
    char *brief = NULL;
    bool ok = check_json(j, err);
    if (ok) brief = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
    if (brief) *json = str_dup(a, str_of(brief));
    free(brief);
    return ok;
}

bool log_format_parse(struct arena *a, struct str format, struct str *text, struct str *json, struct err *err)
{
    *text = *json = STR_NULL;
    struct str body = str_trim(format);
    json_t *j = body.n && body.p[0] == '{' ? json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (j) {
        bool ok = parse_json(a, j, json, err);
        json_decref(j);
        return ok;
    }
    if (!log_text_check(format, err)) return false;
    *text = str_ends(format, S("\n")) ? str_dup(a, format) : str_fmt(a, "%.*s\n", STR_FMT(format));
    return true;
}
