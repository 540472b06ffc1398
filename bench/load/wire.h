/* wire.h - protobuf fields, for trusted messages. */
#pragma once
#include "base/buf.h"

struct wire_field {
    unsigned number, wire;
    uint64_t value;   /* wire 0 */
    struct str bytes; /* wire 2 */
};
static inline bool wire_number(struct str *m, uint64_t *v)
{
    *v = 0;
    for (int shift = 0; m->n && shift < 64; shift += 7) {
        unsigned char b = (unsigned char)*m->p;
        m->p++, m->n--;
        *v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) return true;
    }
    return false;
}
/* The next field of |m|; false at its end and where it cannot be read. */
static inline bool wire_next(struct str *m, struct wire_field *f)
{
    uint64_t tag, n;
    *f = (struct wire_field){0};
    if (!wire_number(m, &tag)) return false;
    f->number = (unsigned)(tag >> 3);
    f->wire = (unsigned)tag & 7;
    if (f->wire == 0) return wire_number(m, &f->value);
    n = f->wire == 1 ? 8 : 4;
    if (f->wire == 2 && !wire_number(m, &n)) return false;
    if (n > m->n || f->wire == 3 || f->wire == 4) return false;
    f->bytes = str_make(m->p, n);
    m->p += n, m->n -= n;
    return true;
}
static inline void wire_put_number(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) buf_char(b, (char)(v | 0x80));
    buf_char(b, (char)v);
}
static inline void wire_put(struct buf *b, unsigned field, struct str v)
{
    wire_put_number(b, (uint64_t)field << 3 | 2);
    wire_put_number(b, v.n);
    buf_str(b, v);
}
