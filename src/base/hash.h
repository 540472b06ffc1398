/* hash.h - hashes.
 *
 * hash128 is the content hash that xDS versions are made of: the same bytes give the same version on every
 * replica and in every run (SipHash-free, unkeyed; not for secrets). map_hash is keyed per process against
 * crafted collisions. */
#pragma once
#include "base/str.h"

struct hash128 {
    uint64_t hi, lo;
};

struct hasher {
    uint64_t a, b, n;
};

void hasher_init(struct hasher *h);
void hasher_add(struct hasher *h, const void *p, size_t n);
/* Length and bytes, so that ("ab","c") differs from ("a","bc"). */
void hasher_str(struct hasher *h, struct str s);
void hasher_u64(struct hasher *h, uint64_t v);
struct hash128 hasher_end(const struct hasher *h);

struct hash128 hash128_of(const void *p, size_t n);
static inline bool hash128_eq(struct hash128 a, struct hash128 b) { return a.hi == b.hi && a.lo == b.lo; }
/* 32 lower-case hexadecimal digits and NUL into |out|. */
void hash128_hex(struct hash128 h, char out[33]);
/* The inverse; false when |s| is not 32 hexadecimal digits. */
bool hash128_parse(struct str s, struct hash128 *out);
/* Keyed 64-bit hash for maps; differs from process to process. */
uint64_t map_hash(struct str s);
