#include "base/cidr.h"

#include <arpa/inet.h>

static void clear_host_bits(struct cidr *c)
{
    for (int i = c->bits; i < 128; i++) c->bytes[i / 8] &= (unsigned char)~(0x80 >> i % 8);
}

bool cidr_parse(struct str text, struct cidr *out)
{
    char ip[INET6_ADDRSTRLEN];
    struct str bits = text, address = str_cut(&bits, '/');
    int64_t n;
    *out = (struct cidr){.is_v6 = str_find(address, ':') >= 0};
    if (address.n >= sizeof ip || memchr(address.p, '\0', address.n)) return false;
    memcpy(ip, address.p, address.n);
    ip[address.n] = '\0';
    int most = out->is_v6 ? 128 : 32;
    if (inet_pton(out->is_v6 ? AF_INET6 : AF_INET, ip, out->bytes) != 1) return false;
    if (bits.p && (!str_to_i64(bits, 0, most, &n) || bits.p[0] == '-')) return false;
    out->bits = bits.p ? (int)n : most;
    clear_host_bits(out);
    return true;
}

struct str cidr_text(struct arena *a, const struct cidr *c)
{
    char ip[INET6_ADDRSTRLEN];
    inet_ntop(c->is_v6 ? AF_INET6 : AF_INET, c->bytes, ip, sizeof ip);
    return str_fmt(a, "%s/%d", ip, c->bits);
}

bool cidr_contains(const struct cidr *outer, const struct cidr *inner)
{
    if (outer->is_v6 != inner->is_v6 || outer->bits > inner->bits) return false;
    struct cidr cut = *inner;
    cut.bits = outer->bits;
    clear_host_bits(&cut);
    return memcmp(cut.bytes, outer->bytes, sizeof cut.bytes) == 0;
}

bool cidr_overlaps(const struct cidr *x, const struct cidr *y) { return cidr_contains(x, y) || cidr_contains(y, x); }

static struct str near[] = {S_INIT("0.0.0.0/8"), S_INIT("127.0.0.0/8"),   S_INIT("169.254.0.0/16"),
                            S_INIT("::/127"),    S_INIT("::ffff:0:0/96"), S_INIT("fe80::/10")};
const struct strs cidr_near = {near, sizeof near / sizeof *near};
