/* cidr.h - address ranges: an IPv4 or IPv6 prefix. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct cidr {
    unsigned char bytes[16]; /* network order; host bits are 0; IPv4 has 4 of them */
    int bits;                /* length of the prefix */
    bool is_v6;
};

/* "10.0.0.0/8", "fd00::/8"; an address alone is the range of just it. False for anything else. Host bits are
 * cleared. */
MUST bool cidr_parse(struct str text, struct cidr *out);
/* The one way to write it, with its length, in |a|: equal ranges give equal text. */
struct str cidr_text(struct arena *a, const struct cidr *c);
/* Is every address of |inner| in |outer|? */
bool cidr_contains(const struct cidr *outer, const struct cidr *inner);
/* Is some address in both? */
bool cidr_overlaps(const struct cidr *x, const struct cidr *y);
/* Ranges to which a name must not lead from a pod, whoever answers for it: the pod itself, also as "any address" and in
 * IPv6's writing of IPv4, and link-local addresses, where nodes keep credentials. */
extern const struct strs cidr_near;
