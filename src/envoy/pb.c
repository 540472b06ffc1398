#include "envoy/pb.h"

#include <assert.h>

#define TYPE_PREFIX "type.googleapis.com/"

void *pb_new(struct arena *a, const ProtobufCMessageDescriptor *d)
{
    void *m = arena_alloc(a, d->sizeof_message);
    protobuf_c_message_init(d, m);
    return m;
}

void pb_choose(ProtobufCMessage *m, const char *field)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(m->descriptor, field);
    assert(f && (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF));
    *(uint32_t *)((char *)m + f->quantifier_offset) = f->id;
}

char *pb_str(struct arena *a, struct str s) { return (char *)str_c(a, s); }

struct str pb_pack(struct arena *a, const ProtobufCMessage *m)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *p = arena_alloc(a, n);
    protobuf_c_message_pack(m, p);
    return str_make((char *)p, n);
}

PbAny *pb_any(struct arena *a, const ProtobufCMessage *m)
{
    PbAny *any = NEW(a, Any);
    struct str bytes = pb_pack(a, m);
    any->type_url = pb_str(a, str_fmt(a, TYPE_PREFIX "%s", m->descriptor->name));
    any->value = (ProtobufCBinaryData){bytes.n, (uint8_t *)bytes.p};
    return any;
}

PbU32 *pb_u32(struct arena *a, uint32_t v)
{
    PbU32 *m = NEW(a, U32);
    m->value = v;
    return m;
}

PbU64 *pb_u64(struct arena *a, uint64_t v)
{
    PbU64 *m = NEW(a, U64);
    m->value = v;
    return m;
}

PbBool *pb_bool(struct arena *a, bool v)
{
    PbBool *m = NEW(a, Bool);
    m->value = v;
    return m;
}

PbDuration *pb_duration(struct arena *a, int64_t ns)
{
    PbDuration *m = pb_seconds(a, ns / 1000000000);
    m->nanos = (int32_t)(ns % 1000000000);
    return m;
}

PbDuration *pb_seconds(struct arena *a, int64_t seconds)
{
    PbDuration *m = NEW(a, Duration);
    m->seconds = seconds;
    return m;
}
