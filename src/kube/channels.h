/* channels.h - what the streams of a pod say: each message of the WebSocket begins with the number of its channel.
 * Pure; for untrusted bytes. Private to src/kube. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* v4 and v5.channel.k8s.io of exec: 1 and 2 are what the command writes, 3 tells how it ended. */
struct exec_channels {
    size_t max; /* bytes of |out|; of |errors| the first 64 kB are kept */
    struct buf out, errors, status;
};
/* False with err: more than |max|. */
MUST bool exec_channels_take(struct exec_channels *c, struct str message, struct err *err);
/* How it ended, once the server has closed: true with the command's exit code; else err, a sentence. */
MUST bool exec_channels_end(const struct exec_channels *c, int *exit, struct err *err);
void exec_channels_release(struct exec_channels *c);

/* v4.channel.k8s.io of one forwarded port: 0 carries its bytes, 1 why there are none. Both begin with the port. */
struct forward_channels {
    size_t max; /* bytes of |data| */
    struct buf data, failure;
    size_t skipped[2];
};
MUST bool forward_channels_take(struct forward_channels *c, struct str message, struct err *err);
void forward_channels_release(struct forward_channels *c);
