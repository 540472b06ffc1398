#include "controller/serve.h"

enum { KEEPALIVE_S = 30, IDLE_CLOSE_S = 60, WARM_WAIT_S = 15, MAX_AGE_H = 11, DRAIN_S = 30 };
#define NS_PER_S INT64_C(1000000000)

struct xds_server *serve_proxies(struct event_base *base, const struct controller_options *opt,
                                 struct certificates *certificates, struct err *err)
{
    struct xds_options o = {.threads = opt->threads,
                            .address = opt->address,
                            .port = (uint16_t)opt->port,
                            .tls = certificates_tls(certificates),
                            .drain_ns = DRAIN_S * NS_PER_S,
                            .warm_wait_ns = WARM_WAIT_S * NS_PER_S,
                            .keepalive_ns = KEEPALIVE_S * NS_PER_S,
                            .idle_close_ns = IDLE_CLOSE_S * NS_PER_S,
                            .max_age_ns = MAX_AGE_H * 3600 * NS_PER_S,
                            .other = certificates_handler(certificates)};
    return xds_server_new(base, &o, err);
}
