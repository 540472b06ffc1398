// rooms: platform
/* A DNS question, and the answer to it within each limit. */
#include <stdlib.h>

#include "platform/local/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint32_t addresses[64];
    static struct dns_srv services[] = {{80, S_INIT("web.shop.svc.cluster.local")}};
    struct dns_name n = {
        .addresses = {addresses, 64}, .services = {services, 1}, .pointer = S("web"), .alias = S("a.b")};
    struct dns_question q;
    if (!dns_question_read(str_make((const char *)data, size), &q)) return 0;
    size_t limits[] = {q.udp_bytes, DNS_TCP_BYTES};
    for (int i = 0; i < 2; i++) {
        struct buf out = {0};
        dns_answer_write(&q, DNS_OK, &n, limits[i], &out);
        if (out.n > limits[i]) abort();
        buf_free(&out);
    }
    return 0;
}
