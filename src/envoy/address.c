#include "envoy/encode.h"

PbAddress *encode_address(struct arena *a, struct str ip, int64_t port)
{
    PbSocketAddress *s = NEW(a, SocketAddress);
    s->address = pb_str(a, ip);
    PB_ONE(s, port_value, (uint32_t)port);
    PbAddress *m = NEW(a, Address);
    PB_ONE(m, socket_address, s);
    return m;
}

PbCidrRange *encode_cidr(struct arena *a, struct str cidr)
{
    struct str bits = cidr, ip = str_cut(&bits, '/');
    int64_t n;
    if (!str_to_i64(bits, 0, 128, &n)) n = str_find(ip, ':') >= 0 ? 128 : 32;
    PbCidrRange *m = NEW(a, CidrRange);
    m->address_prefix = pb_str(a, ip);
    m->prefix_len = pb_u32(a, (uint32_t)n);
    return m;
}

PbConfigSource *encode_ads(struct arena *a)
{
    PbConfigSource *m = NEW(a, ConfigSource);
    PB_ONE(m, ads, NEW(a, AdsSource));
    m->resource_api_version = ENVOY__CONFIG__CORE__V3__API_VERSION__V3;
    return m;
}
