#include "platform/local/dns_message.h"

#include <arpa/inet.h>
#include <resolv.h>

enum { HEADER_BYTES = NS_HFIXEDSZ, OPT_BYTES = 11, FLAG_ANSWER = 0x8000, FLAG_OWN = 0x0400, FLAG_CUT = 0x0200 };
enum { FLAG_RECURSE = 0x0100, MASK_OPCODE = 0x7800, RECORD_CNAME = ns_t_cname, RECORD_OPT = ns_t_opt };

static unsigned get16(const unsigned char *p) { return (unsigned)p[0] << 8 | p[1]; }

static void put16(struct buf *b, unsigned v)
{
    char two[] = {(char)(v >> 8), (char)v};
    buf_add(b, two, 2);
}

/* ---- the question ---- */

/* The size in an OPT record, if one follows the question as the first of the additional records. */
static void read_edns(const unsigned char *p, const unsigned char *end, struct dns_question *out)
{
    if (end - p < OPT_BYTES || p[0] != 0 || get16(p + 1) != RECORD_OPT) return;
    size_t bytes = get16(p + 3);
    out->is_edns = true;
    out->udp_bytes = bytes < DNS_UDP_BYTES ? DNS_UDP_BYTES : bytes > DNS_UDP_MOST ? DNS_UDP_MOST : bytes;
}

/* Bytes of the name at |p|, which must be whole and, first in its message, without compression; 0: it is not. */
static size_t name_bytes(const unsigned char *p, const unsigned char *end)
{
    size_t n = 0, left = (size_t)(end - p);
    while (n < left && p[n] && p[n] <= NS_MAXLABEL) n += 1 + p[n];
    return n < left && n < NS_MAXCDNAME && p[n] == 0 ? n + 1 : 0;
}

bool dns_question_read(struct str packet, struct dns_question *out)
{
    const unsigned char *p = (const unsigned char *)packet.p, *end = p + packet.n;
    if (packet.n < HEADER_BYTES || get16(p + 2) & FLAG_ANSWER) return false;
    *out = (struct dns_question){.id = (uint16_t)get16(p), .flags = (uint16_t)get16(p + 2), .udp_bytes = DNS_UDP_BYTES};
    size_t n = name_bytes(p + HEADER_BYTES, end);
    if (out->flags & MASK_OPCODE || get16(p + 4) != 1)
        out->problem = DNS_NOT_DONE;
    else if (!n || packet.n < HEADER_BYTES + n + 4 ||
             dn_expand(p, end, p + HEADER_BYTES, out->name, sizeof out->name) < 0)
        out->problem = DNS_MALFORMED;
    if (out->problem) return true;
    const unsigned char *rest = p + HEADER_BYTES + n;
    memcpy(out->raw, p + HEADER_BYTES, out->raw_n = n + 4);
    out->type = (uint16_t)get16(rest);
    if (get16(rest + 2) != ns_c_in) out->problem = DNS_NOT_DONE;
    if (get16(p + 6) == 0 && get16(p + 8) == 0 && get16(p + 10) > 0) read_edns(rest + 4, end, out);
    return true;
}

/* ---- the answer ---- */

struct answer {
    struct buf *out;
    size_t begin, most;
    unsigned records;
    bool is_cut;
};

/* A name without compression; one that cannot be said (a label above 63 bytes) gives false. */
static bool put_name(struct buf *b, struct str name)
{
    while (name.p && name.n) {
        struct str label = str_cut(&name, '.');
        if (!label.n || label.n > NS_MAXLABEL) return false;
        buf_char(b, (char)label.n);
        buf_str(b, label);
    }
    buf_char(b, 0);
    return true;
}

/* A record of |owner|; STR_NULL: of the name asked for, which stands behind the header. */
static void put_record(struct answer *a, struct str owner, unsigned type, struct str data)
{
    struct buf r SCOPED_BUF = {0};
    if (!owner.n)
        put16(&r, 0xc000 | HEADER_BYTES);
    else if (!put_name(&r, owner))
        return;
    put16(&r, type);
    put16(&r, ns_c_in);
    put16(&r, 0);
    put16(&r, DNS_TTL_S);
    put16(&r, (unsigned)data.n);
    buf_str(&r, data);
    a->is_cut |= a->out->n - a->begin + r.n > a->most;
    if (a->is_cut) return;
    buf_str(a->out, buf_view(&r));
    a->records++;
}

static void put_name_record(struct answer *a, unsigned type, struct str name)
{
    struct buf data SCOPED_BUF = {0};
    if (put_name(&data, name)) put_record(a, STR_NULL, type, buf_view(&data));
}

static void put_service(struct answer *a, const struct dns_srv *s)
{
    struct buf data SCOPED_BUF = {0};
    put16(&data, 0);
    put16(&data, 100);
    put16(&data, s->port);
    if (put_name(&data, s->target)) put_record(a, STR_NULL, RECORD_SRV, buf_view(&data));
}

static void put_records(struct answer *a, const struct dns_question *q, const struct dns_name *n)
{
    if (n->alias.n) put_name_record(a, RECORD_CNAME, n->alias);
    if (q->type == RECORD_A)
        for (each(ip, n->addresses)) put_record(a, n->alias, RECORD_A, str_make((const char *)ip, sizeof *ip));
    if (q->type == RECORD_PTR && n->pointer.n) put_name_record(a, RECORD_PTR, n->pointer);
    if (q->type == RECORD_SRV)
        for (each(s, n->services)) put_service(a, s);
}

static void set16(const struct answer *a, size_t at, unsigned v)
{
    a->out->p[a->begin + at] = (char)(v >> 8);
    a->out->p[a->begin + at + 1] = (char)v;
}

void dns_answer_write(const struct dns_question *q, enum dns_code code, const struct dns_name *n, size_t most,
                      struct buf *out)
{
    struct answer a = {.out = out, .begin = out->n, .most = most - (q->is_edns ? OPT_BYTES : 0)};
    static const unsigned char opt[OPT_BYTES] = {0, 0, RECORD_OPT, DNS_UDP_MOST >> 8, DNS_UDP_MOST & 255};
    static const unsigned char header[HEADER_BYTES];
    buf_add(out, header, HEADER_BYTES);
    set16(&a, 0, q->id);
    buf_add(out, q->raw, q->raw_n);
    if (n && code == DNS_OK && !q->problem) put_records(&a, q, n);
    if (q->is_edns) buf_add(out, opt, OPT_BYTES);
    set16(&a, 2,
          FLAG_ANSWER | FLAG_OWN | (q->flags & (FLAG_RECURSE | MASK_OPCODE)) | 0x80 /* it recurses */ |
              (a.is_cut ? FLAG_CUT : 0) | (unsigned)(q->problem ? q->problem : code));
    set16(&a, 4, q->raw_n > 0);
    set16(&a, 6, a.records);
    set16(&a, 10, q->is_edns);
}
