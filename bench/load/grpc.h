/* grpc.h - one gRPC stream per link: just enough of HTTP/2 to be cheap in thousands. Flow control is respected, pings
 * and settings are answered, windows are as wide as Envoy's. */
#pragma once
#include "link.h"

struct grpc_ops {
    void (*opened)(struct link *l); /* requests may be sent */
    void (*message)(struct link *l, struct str message);
    void (*ended)(struct link *l, int status); /* grpc-status, -1: the connection was lost; it is closed */
};
struct grpc {
    struct link link;
    struct buf in, message, queue; /* part of a frame; part of a message; requests that the windows hold back */
    int64_t window, stream_window, initial_window;
    uint32_t unacknowledged; /* bytes since our last WINDOW_UPDATE */
    uint64_t messages;
};
struct grpc_options {
    const char *path, *authority;
    const struct grpc_ops *ops;
};
/* What links of this process are for; call once, before the first is opened. The result goes to links.ops. */
const struct link_ops *grpc_link_ops(const struct grpc_options *opt);
/* Queues one message. */
void grpc_send(struct grpc *g, struct str message);
/* Forgets what belongs to a connection; before it is opened again. */
void grpc_reset(struct grpc *g);
