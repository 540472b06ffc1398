/* websocket.h - one WebSocket to an API server, as bytes in and bytes out: the upgrade (RFC 6455 section 4), and wslay
 * for the frames. No I/O; for untrusted bytes. Private to src/kube. */
#pragma once
#include "base/buf.h"
#include "base/list.h"
#include "net/http_text.h"

struct websocket;
struct websocket_options {
    struct str target;    /* "/api/v1/…?…" */
    struct str host;      /* of the header Host */
    struct strs headers;  /* further lines */
    struct str protocols; /* of Sec-WebSocket-Protocol: "v5.channel.k8s.io, v4.channel.k8s.io" */
    /* A whole message. false: no more is wanted, websocket_feed returns true and gives none. */
    bool (*message)(void *arg, struct str bytes);
    void *arg;
};
enum { WEBSOCKET_MAX_MESSAGE = 1 << 20 };

/* The request is in the output at once. */
struct websocket *websocket_new(const struct websocket_options *opt);
void websocket_free(struct websocket *w); /* NULL is fine */
/* Takes what came. False with err when it cannot go on: no upgrade (websocket_refusal), no WebSocket, a message of more
 * than WEBSOCKET_MAX_MESSAGE bytes. */
MUST bool websocket_feed(struct websocket *w, struct str bytes, struct err *err);
/* The connection ended. False with err unless the other side had closed before, as it is done. */
MUST bool websocket_end(struct websocket *w, struct err *err);
/* The protocol that the server chose; empty until it did. */
struct str websocket_protocol(const struct websocket *w);
/* The server's answer when it did not upgrade, whole; else NULL. */
const struct http_text *websocket_refusal(const struct websocket *w);
/* Did the other side close? */
bool websocket_is_closed(const struct websocket *w);
/* One binary message. Only with a protocol. */
void websocket_send(struct websocket *w, struct str bytes);
/* What is to be sent; the caller drops what it has sent. */
struct buf *websocket_output(struct websocket *w);
