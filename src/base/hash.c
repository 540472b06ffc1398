#include "base/hash.h"

#include <sys/random.h>

static uint64_t rotl(uint64_t x, int r) { return (x << r) | (x >> (64 - r)); }

/* The finaliser of splitmix64: every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void word(struct hasher *h, uint64_t w)
{
    __uint128_t m = (__uint128_t)(h->a ^ w) * 0x9e3779b97f4a7c15u;
    h->a = (uint64_t)m ^ (uint64_t)(m >> 64) ^ rotl(h->b, 23);
    h->b = mix(h->b + w + 0xd1b54a32d192ed03u) ^ rotl(h->a, 41);
}

void hasher_init(struct hasher *h) { *h = (struct hasher){0x243f6a8885a308d3u, 0x13198a2e03707344u, 0}; }

void hasher_u64(struct hasher *h, uint64_t v)
{
    word(h, v);
    h->n += 8;
}

void hasher_add(struct hasher *h, const void *p, size_t n)
{
    const unsigned char *at = p;
    uint64_t w;
    h->n += n;
    for (; n >= 8; at += 8, n -= 8) {
        memcpy(&w, at, 8);
        word(h, w);
    }
    if (n) {
        w = (uint64_t)n << 56;
        memcpy(&w, at, n);
        word(h, w);
    }
}

void hasher_str(struct hasher *h, struct str s)
{
    hasher_u64(h, s.n);
    hasher_add(h, s.p, s.n);
}

struct hash128 hasher_end(const struct hasher *h)
{
    struct hasher t = *h;
    word(&t, t.n);
    word(&t, 0x5851f42d4c957f2du);
    return (struct hash128){mix(t.a ^ rotl(t.b, 17)), mix(t.b + t.a)};
}

struct hash128 hash128_of(const void *p, size_t n)
{
    struct hasher h;
    hasher_init(&h);
    hasher_add(&h, p, n);
    return hasher_end(&h);
}

void hash128_hex(struct hash128 h, char out[33])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        out[i] = digits[(h.hi >> (60 - 4 * i)) & 15];
        out[16 + i] = digits[(h.lo >> (60 - 4 * i)) & 15];
    }
    out[32] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

bool hash128_parse(struct str s, struct hash128 *out)
{
    struct hash128 h = {0, 0};
    if (s.n != 32) return false;
    for (size_t i = 0; i < 32; i++) {
        int d = hex_digit(s.p[i]);
        if (d < 0) return false;
        uint64_t *half = i < 16 ? &h.hi : &h.lo;
        *half = *half << 4 | (uint64_t)d;
    }
    *out = h;
    return true;
}

static uint64_t seed[2];

__attribute__((constructor)) static void make_seed(void)
{
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) seed[0] = (uint64_t)(uintptr_t)seed;
}

uint64_t map_hash(struct str s)
{
    struct hasher h = {seed[0], seed[1], 0};
    hasher_add(&h, s.p, s.n);
    word(&h, h.n);
    return mix(h.a ^ h.b);
}
