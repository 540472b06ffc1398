/* dns_message.h - a DNS question off the wire and its answer onto it (RFC 1035, 2782, 6891). Pure.
 *
 * One question per message; what else stands in it (but the size that EDNS gives) is passed over. */
#pragma once
#include <arpa/nameser.h>

#include "base/buf.h"
#include "platform/local/zone.h"

enum { DNS_UDP_BYTES = 512, DNS_UDP_MOST = 1232, DNS_TCP_BYTES = 65535, DNS_TTL_S = 5 };
enum dns_code { DNS_OK, DNS_MALFORMED, DNS_FAILED, DNS_NO_NAME, DNS_NOT_DONE };

struct dns_question {
    uint16_t id, flags, type;
    char name[NS_MAXDNAME];     /* without the last dot */
    char raw[NS_MAXCDNAME + 4]; /* the question as it was asked, said again in the answer */
    size_t raw_n;
    size_t udp_bytes; /* what fits into an answer over UDP */
    bool is_edns;
    enum dns_code problem; /* DNS_OK, or why it can only be answered with this code */
};

/* False: nothing that could be answered (too short, or itself an answer). */
bool dns_question_read(struct str packet, struct dns_question *out);
/* Appends the answer: what |n| (NULL: nothing) has of the type asked for. What does not fit into |most| bytes is
 * left out and the answer marked as cut, so that the client asks again over TCP. */
void dns_answer_write(const struct dns_question *q, enum dns_code code, const struct dns_name *n, size_t most,
                      struct buf *out);
