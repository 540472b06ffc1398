/* h2.h - an HTTP/2 server: short requests and gRPC streams.
 *
 * Two layers. h2_session is the protocol without I/O (feed bytes, take bytes): what tests and fuzzers use.
 * h2_server puts sessions on TLS connections of one event loop. All calls and callbacks happen on the loop's
 * thread, but for h2_later_*, which any thread may call. Limits: 16 kB of headers, 64 of them; 100 streams per
 * connection; bodies as the handler says; a body or header that is late by 10 s closes the connection. */
#pragma once
#include <event2/event.h>
#include <openssl/ssl.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct h2_session;
struct h2_stream;
struct mailbox;

/* The other end of a connection. Lives as long as the connection; copy what you keep. */
struct h2_peer {
    bool has_certificate;
    struct str spiffe_id; /* of its certificate, empty without one */
    struct str address;   /* "10.1.2.3:4567" */
    int64_t ends;         /* of its certificate, Unix seconds */
};

/* ---- short requests ---- */
struct h2_header {
    struct str name, value; /* name in lower case */
};
struct h2_request {
    struct str method, path, query; /* path without query, as sent (not decoded); query without '?' */
    struct str authority;
    struct h2_header *headers; /* without pseudo headers */
    size_t n_headers;
    struct str body; /* whole */
    const struct h2_peer *peer;
    struct arena *arena;      /* of this request, yours to use until it is answered */
    struct h2_stream *stream; /* internal */
};
/* Receives every request that is not a gRPC stream. |request| runs when the body is complete, and must answer: at
 * once by h2_respond, or later through h2_later. It must not block longer than a signature takes. */
struct h2_handler {
    void (*request)(void *arg, struct h2_request *r);
    void *arg;
    size_t max_body; /* larger bodies are answered 413 without calling |request| */
};
/* The value of a header (lower-case name), or STR_NULL. */
struct str h2_header(const struct h2_request *r, const char *name);
/* The value of a query parameter, percent-decoded in the request's arena, or STR_NULL. */
struct str h2_query(const struct h2_request *r, const char *name);
/* Answers; copies type and body. |r| is gone after the call. Exactly once. */
void h2_respond(struct h2_request *r, int status, const char *content_type, struct str body);
/* {"error": text} */
void h2_respond_error(struct h2_request *r, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* An answer that comes later (long polls, answers from another thread). */
struct h2_later;
/* Ends the request's own life: |r| is gone after the call, its peer may even have left. Only where the session has
 * a mailbox. */
struct h2_later *h2_later_new(struct h2_request *r);
/* Any thread, exactly once per h2_later, also when the peer has left (then nothing is sent), and before the mailbox
 * is freed (xds: before xds_server_free). Copies. Frees |l|. */
void h2_later_respond(struct h2_later *l, int status, const char *content_type, struct str body);
/* Any thread: the peer has left; h2_later_respond is still due. */
bool h2_later_is_gone(const struct h2_later *l);

/* ---- gRPC streams ---- */
enum grpc_code {
    GRPC_OK = 0,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
};
/* Bytes to send, by reference: |done(owner)| is called once when they have been copied out or dropped. */
struct h2_chunk {
    const char *p;
    size_t n;
    void (*done)(void *owner);
    void *owner;
};
struct h2_grpc {
    /* A POST with content-type application/grpc on |path|: false answers UNIMPLEMENTED. */
    bool (*accepts)(void *arg, struct str path);
    /* A new stream. What it returns is given to the calls below. It may call h2_grpc_end at once. */
    void *(*open)(void *arg, struct h2_stream *s, const struct h2_peer *peer);
    /* A message, without its frame, in pieces as they arrive; |is_last| with the final one (an empty message is one
     * empty piece). Valid during the call. Not called any more after h2_grpc_end. */
    void (*message)(void *state, struct str piece, bool is_last);
    /* The stream is over, for whatever reason (also after h2_grpc_end); |s| is gone after the call. */
    void (*closed)(void *state);
    void *arg;
    size_t max_message; /* larger ones end the stream with RESOURCE_EXHAUSTED */
};
/* Queues one gRPC message made of |n| chunks (its 5-byte frame is added). Takes over the chunks. */
void h2_grpc_send(struct h2_stream *s, const struct h2_chunk *chunks, size_t n);
/* Bytes queued and not yet handed to the connection. */
size_t h2_grpc_queued(const struct h2_stream *s);
/* Ends the stream with a status after what is queued; an error drops what is queued. |closed| runs later, never
 * from within this call. Again: no effect. */
void h2_grpc_end(struct h2_stream *s, enum grpc_code code, const char *message);
/* ---- the protocol without I/O ---- */
struct h2_session_options {
    const struct h2_peer *peer;     /* must outlive the session */
    const struct h2_handler *other; /* NULL: 404 */
    const struct h2_grpc *grpc;     /* NULL: UNIMPLEMENTED */
    struct mailbox *mail;           /* of the session's loop, for h2_later; may be NULL */
    void (*wants_write)(void *arg); /* there is something to take; may be NULL */
    void *arg;
    void *memory; /* an nghttp2_mem, for tests; NULL: the session's own */
};
MUST struct h2_session *h2_session_new(const struct h2_session_options *opt, struct err *err);
/* Ends all streams (their closed callbacks run). */
void h2_session_free(struct h2_session *s);
/* Bytes from the peer. False: the connection must be closed after what h2_session_take still gives. */
MUST bool h2_session_feed(struct h2_session *s, const void *p, size_t n);
/* Appends up to about |max| bytes for the peer to |out|. False: failed, close. */
MUST bool h2_session_take(struct h2_session *s, struct buf *out, size_t max);
/* Nothing more to read or write: close. */
bool h2_session_is_over(const struct h2_session *s);
/* Requests and streams that are open. */
size_t h2_session_streams(const struct h2_session *s);
void h2_session_ping(struct h2_session *s);
/* PINGs that were answered so far. */
unsigned h2_session_pongs(const struct h2_session *s);
/* No further streams; gRPC streams end with UNAVAILABLE and |why|. */
void h2_session_goaway(struct h2_session *s, const char *why);
/* A short request has been incomplete for |age_ns| or longer. */
bool h2_session_is_late(const struct h2_session *s, int64_t age_ns);

/* ---- on a loop ---- */
struct h2_server;
struct h2_server_options {
    SSL_CTX *tls;  /* counted; NULL: plain text with prior knowledge (tests) */
    int listen_fd; /* a listening, non-blocking socket; taken over. -1: connections come by h2_server_adopt */
    const struct h2_handler *other;
    const struct h2_grpc *grpc;
    struct mailbox *mail;  /* of |base|, for h2_later; may be NULL */
    int max_connections;   /* 0: 65536; further ones are closed at once */
    int64_t keepalive_ns;  /* PING when nothing was read for so long; 0: never */
    int64_t idle_close_ns; /* closed when bytes wait and none could be written for so long, when a PING is not
                              answered for so long, or when it has no stream for so long; 0: 60 s */
    int64_t max_age_ns;    /* GOAWAY after so long, ±10 %; closed at most 10 s later; 0: never. A connection also
                              ends so when its client certificate ends. */
};
/* |other| and |grpc| are copied; what they point to must outlive the server. */
MUST struct h2_server *h2_server_new(struct event_base *base, const struct h2_server_options *opt, struct err *err);
/* GOAWAY where possible, then closes everything. */
void h2_server_free(struct h2_server *s);
/* On the server's thread: serves an accepted, non-blocking socket. */
void h2_server_adopt(struct h2_server *s, int fd);
void h2_server_set_tls(struct h2_server *s, SSL_CTX *tls);
/* Every connection that is there gets its GOAWAY at a random time within |over_ns|; new ones are served as ever. */
void h2_server_drain(struct h2_server *s, int64_t over_ns);
size_t h2_server_connections(const struct h2_server *s);
