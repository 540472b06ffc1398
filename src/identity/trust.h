/* trust.h - a trust bundle: the roots that a mesh accepts, always a list. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct trust {
    struct str pem; /* canonical: every root once, in byte order */
    struct str id;  /* content hash of |pem|, 32 hexadecimal digits */
    size_t n;       /* roots */
};
/* The bundle of all certificates in |pems|; equal sets give equal ids. Everything in |a|. */
MUST bool trust_make(struct arena *a, struct strs pems, struct trust *out, struct err *err);
