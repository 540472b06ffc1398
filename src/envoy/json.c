#include <inttypes.h>
#include <stdlib.h>

#include "base/base64.h"
#include "envoy/encode.h"

static const struct {
    const char *plural, *message;
} types[] = {
    [ENVOY_CLUSTER] = {"clusters", "envoy.config.cluster.v3.Cluster"},
    [ENVOY_ENDPOINT] = {"endpoints", "envoy.config.endpoint.v3.ClusterLoadAssignment"},
    [ENVOY_LISTENER] = {"listeners", "envoy.config.listener.v3.Listener"},
    [ENVOY_ROUTE] = {"routes", "envoy.config.route.v3.RouteConfiguration"},
};
enum { N_TYPES = sizeof types / sizeof *types };
#define URL_PREFIX "type.googleapis.com/"

static const ProtobufCMessageDescriptor *const messages[] = {
#define X(name, type, prefix) &prefix##__descriptor,
    PB_MESSAGES(X)
#undef X
};

static const ProtobufCMessageDescriptor *message_named(const char *name)
{
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        if (!strcmp(messages[i]->name, name)) return messages[i];
    return NULL;
}

struct printer {
    struct buf *out;
    int depth;
};

static void print_message(struct printer *p, const ProtobufCMessage *m);
static void print_members(struct printer *p, const ProtobufCMessage *m, bool *first);

static void line(struct printer *p)
{
    buf_char(p->out, '\n');
    for (int i = 0; i < p->depth; i++) buf_c(p->out, "  ");
}

static void open_with(struct printer *p, char c)
{
    buf_char(p->out, c);
    p->depth++;
}

static void close_with(struct printer *p, char c, bool is_empty)
{
    p->depth--;
    if (!is_empty) line(p);
    buf_char(p->out, c);
}

static void separate(struct printer *p, bool *first)
{
    if (!*first) buf_char(p->out, ',');
    *first = false;
    line(p);
}

static void member(struct printer *p, const char *name, bool *first)
{
    separate(p, first);
    buf_json_str(p->out, str_of(name));
    buf_c(p->out, ": ");
}

static void print_bytes(struct printer *p, ProtobufCBinaryData data)
{
    buf_char(p->out, '"');
    base64_write(str_make((char *)data.data, data.len), p->out);
    buf_char(p->out, '"');
}

static void print_enum(struct printer *p, const ProtobufCEnumDescriptor *d, int v)
{
    const ProtobufCEnumValue *e = protobuf_c_enum_descriptor_get_value(d, v);
    if (e)
        buf_json_str(p->out, str_of(e->name));
    else
        buf_fmt(p->out, "%d", v);
}

static void print_scalar(struct printer *p, const ProtobufCFieldDescriptor *f, const void *v)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_ENUM:
        print_enum(p, f->descriptor, *(const int *)v);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        buf_c(p->out, *(const protobuf_c_boolean *)v ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_UINT32:
        buf_fmt(p->out, "%" PRIu32, *(const uint32_t *)v);
        break;
    case PROTOBUF_C_TYPE_INT32:
        buf_fmt(p->out, "%" PRId32, *(const int32_t *)v);
        break;
    case PROTOBUF_C_TYPE_UINT64:
        buf_fmt(p->out, "\"%" PRIu64 "\"", *(const uint64_t *)v);
        break;
    case PROTOBUF_C_TYPE_INT64:
        buf_fmt(p->out, "\"%" PRId64 "\"", *(const int64_t *)v);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        buf_fmt(p->out, "%.17g", *(const double *)v);
        break;
    case PROTOBUF_C_TYPE_STRING:
        buf_json_str(p->out, str_of(*(char *const *)v));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        print_bytes(p, *(const ProtobufCBinaryData *)v);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        print_message(p, *(ProtobufCMessage *const *)v);
        break;
    default:
        abort(); /* a type that no message of proto/ has */
    }
}

static const void *at(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    return (const char *)m + f->offset;
}

static size_t count_of(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    return *(const size_t *)((const char *)m + f->quantifier_offset);
}

static size_t size_of(ProtobufCType t)
{
    switch (t) {
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT32:
        return 4;
    default:
        return 8; /* pointers, 64-bit numbers */
    }
}

/* proto3: a scalar outside a oneof is present when it differs from zero. */
static bool is_present(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED) return count_of(m, f) > 0;
    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)((const char *)m + f->quantifier_offset) == f->id;
    const void *v = at(m, f);
    if (f->type == PROTOBUF_C_TYPE_STRING) return *(char *const *)v && **(char *const *)v;
    if (f->type == PROTOBUF_C_TYPE_BYTES) return ((const ProtobufCBinaryData *)v)->len > 0;
    static const char zero[8];
    return memcmp(v, zero, size_of(f->type)) != 0;
}

/* protobuf-c shows a map as a list of entries {key = 1, value = 2}. */
static bool is_map(const ProtobufCFieldDescriptor *f)
{
    if (f->type != PROTOBUF_C_TYPE_MESSAGE) return false;
    const ProtobufCMessageDescriptor *d = f->descriptor;
    struct str name = str_of(d->name);
    return f->label == PROTOBUF_C_LABEL_REPEATED && d->n_fields == 2 && str_ends(name, S("Entry")) &&
           !str_ends(name, S(".Entry")) && !strcmp(d->fields[0].name, "key") && !strcmp(d->fields[1].name, "value");
}

static void print_map(struct printer *p, ProtobufCMessage *const *entries, size_t n)
{
    bool first = true;
    open_with(p, '{');
    for (size_t i = 0; i < n; i++) {
        const ProtobufCMessageDescriptor *d = entries[i]->descriptor;
        member(p, *(char *const *)at(entries[i], &d->fields[0]), &first);
        print_scalar(p, &d->fields[1], at(entries[i], &d->fields[1]));
    }
    close_with(p, '}', n == 0);
}

static void print_list(struct printer *p, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    size_t n = count_of(m, f), size = size_of(f->type);
    const char *v = *(char *const *)at(m, f);
    if (is_map(f)) {
        print_map(p, (ProtobufCMessage *const *)(const void *)v, n);
        return;
    }
    bool first = true;
    open_with(p, '[');
    for (size_t i = 0; i < n; i++) {
        separate(p, &first);
        print_scalar(p, f, v + i * size);
    }
    close_with(p, ']', n == 0);
}

static void print_members(struct printer *p, const ProtobufCMessage *m, bool *first)
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        if (!is_present(m, f)) continue;
        member(p, f->name, first);
        if (f->label == PROTOBUF_C_LABEL_REPEATED)
            print_list(p, m, f);
        else
            print_scalar(p, f, at(m, f));
    }
}

/* Messages whose JSON is not an object of their fields. */
static void print_any(struct printer *p, const ProtobufCMessage *m)
{
    const PbAny *any = (const PbAny *)m;
    const char *slash = strrchr(any->type_url, '/');
    const ProtobufCMessageDescriptor *d = message_named(slash ? slash + 1 : "");
    ProtobufCMessage *inner = d ? protobuf_c_message_unpack(d, NULL, any->value.len, any->value.data) : NULL;
    bool first = true;
    open_with(p, '{');
    member(p, "@type", &first);
    buf_json_str(p->out, str_of(any->type_url));
    if (inner) {
        print_members(p, inner, &first);
    } else {
        member(p, "value", &first);
        print_bytes(p, any->value);
    }
    close_with(p, '}', false);
    if (inner) protobuf_c_message_free_unpacked(inner, NULL);
}

static void print_duration(struct printer *p, const ProtobufCMessage *m)
{
    const PbDuration *d = (const PbDuration *)m;
    buf_fmt(p->out, "\"%" PRId64, d->seconds);
    if (d->nanos) buf_fmt(p->out, ".%09d", d->nanos);
    buf_c(p->out, "s\"");
}

/* The one field: wrappers, Struct, ListValue. Zero is a value here. */
static void print_only_field(struct printer *p, const ProtobufCMessage *m)
{
    const ProtobufCFieldDescriptor *f = &m->descriptor->fields[0];
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        print_list(p, m, f);
    else
        print_scalar(p, f, at(m, f));
}

static void print_value(struct printer *p, const ProtobufCMessage *m)
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        if (!is_present(m, f) || f->type == PROTOBUF_C_TYPE_ENUM) continue;
        print_scalar(p, f, at(m, f));
        return;
    }
    buf_c(p->out, "null");
}

static const struct {
    const char *name;
    void (*print)(struct printer *p, const ProtobufCMessage *m);
} special[] = {
    {"google.protobuf.Any", print_any},
    {"google.protobuf.Duration", print_duration},
    {"google.protobuf.Struct", print_only_field},
    {"google.protobuf.ListValue", print_only_field},
    {"google.protobuf.Value", print_value},
    {"google.protobuf.UInt32Value", print_only_field},
    {"google.protobuf.UInt64Value", print_only_field},
    {"google.protobuf.BoolValue", print_only_field},
};

static void print_message(struct printer *p, const ProtobufCMessage *m)
{
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (!strcmp(special[i].name, m->descriptor->name)) {
            special[i].print(p, m);
            return;
        }
    bool first = true;
    open_with(p, '{');
    print_members(p, m, &first);
    close_with(p, '}', first);
}

static void print_resource(struct printer *p, const struct envoy_resource *r)
{
    const ProtobufCMessageDescriptor *d = message_named(types[r->type].message);
    ProtobufCMessage *m = protobuf_c_message_unpack(d, NULL, r->bytes.n, (const uint8_t *)r->bytes.p);
    if (!m) {
        buf_c(p->out, "null");
        return;
    }
    print_message(p, m);
    protobuf_c_message_free_unpacked(m, NULL);
}

struct str envoy_type_url(int64_t type)
{
    static const struct str urls[N_TYPES] = {
        [ENVOY_CLUSTER] = S_INIT(URL_PREFIX "envoy.config.cluster.v3.Cluster"),
        [ENVOY_ENDPOINT] = S_INIT(URL_PREFIX "envoy.config.endpoint.v3.ClusterLoadAssignment"),
        [ENVOY_LISTENER] = S_INIT(URL_PREFIX "envoy.config.listener.v3.Listener"),
        [ENVOY_ROUTE] = S_INIT(URL_PREFIX "envoy.config.route.v3.RouteConfiguration"),
    };
    return type >= 0 && type < N_TYPES ? urls[type] : STR_NULL;
}

void envoy_message_to_json(const ProtobufCMessage *m, struct buf *out)
{
    struct printer p = {.out = out};
    print_message(&p, m);
}

void envoy_resource_to_json(const struct envoy_resource *r, struct buf *out)
{
    struct printer p = {.out = out};
    print_resource(&p, r);
}

static void print_type(struct printer *p, const struct envoy_bundle *b, int64_t type, bool *first_type)
{
    bool first = true;
    for (each(r, b->resources)) {
        if (r->type != type) continue;
        if (first) {
            member(p, types[type].plural, first_type);
            open_with(p, '[');
        }
        separate(p, &first);
        print_resource(p, r);
    }
    if (!first) close_with(p, ']', false);
}

void envoy_bundle_to_json(const struct envoy_bundle *b, struct buf *out)
{
    struct printer p = {.out = out};
    bool first = true;
    open_with(&p, '{');
    for (int64_t t = 0; t < N_TYPES; t++) print_type(&p, b, t, &first);
    close_with(&p, '}', first);
    buf_char(out, '\n');
}
