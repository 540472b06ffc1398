/* h2_internal.h - what the files of the HTTP/2 server share. */
#pragma once
#include <nghttp2/nghttp2.h>

#include "net/h2.h"
#include "net/loop.h"

enum h2_kind { H2_REQUEST, H2_GRPC };

/* Reassembles gRPC frames: 1 byte of flags, 4 of length, the message. */
struct grpc_reader {
    unsigned char head[5];
    unsigned head_n;
    size_t left; /* bytes of the message that are still to come; valid when head_n is 5 */
};

struct h2_stream {
    struct h2_session *session;
    struct h2_stream *prev, *next;
    int32_t id;
    enum h2_kind kind;
    /* a short request */
    struct h2_request *request; /* in its own arena; NULL when answered, deferred or gRPC */
    struct buf body;
    size_t header_bytes;
    int64_t since;    /* when it began */
    int refusal;      /* HTTP status for a request that breaks a limit */
    bool is_complete; /* the peer has sent everything */
    struct h2_later *later;
    /* what is to be sent */
    struct h2_chunk *queue;
    size_t queue_at, queue_n, queue_cap;
    size_t chunk_at; /* in the first chunk */
    size_t queued;   /* bytes */
    bool is_deferred, is_ended, is_answered, has_trailers;
    /* gRPC */
    void *state;
    bool is_open; /* closed() is due */
    struct grpc_reader reader;
    enum grpc_code code;
    char *message;
};

struct h2_session {
    nghttp2_session *ng;
    struct h2_session_options opt;
    struct h2_stream *streams;
    size_t n_streams;
    unsigned pongs;
    struct buf *out;
    size_t out_max;
    bool is_failed;
    void *large; /* the library's one large buffer; NULL: none */
    size_t large_n;
};

/* A header block under construction: names and values must outlive the submit. */
#define H2_NV(n, v)                                                                                                    \
    {                                                                                                                  \
        (uint8_t *)(n), (uint8_t *)(v), sizeof(n) - 1, strlen(v), NGHTTP2_NV_FLAG_NONE                                 \
    }

void h2_wants_write(struct h2_session *s);
/* What a call of the library returned: out of memory ends the connection, as its state can no longer be known. */
void h2_check(struct h2_session *s, int rc);
/* The queue. */
void h2_queue_add(struct h2_stream *s, struct h2_chunk c);
void h2_queue_clear(struct h2_stream *s);
void h2_queue_copy_out(struct h2_stream *s, struct buf *out, size_t n);
ssize_t h2_queue_read(nghttp2_session *ng, int32_t id, uint8_t *p, size_t n, uint32_t *flags,
                      nghttp2_data_source *source, void *arg);
/* A finished header block, data, and the end of a stream of either kind. */
void h2_request_headers_done(struct h2_stream *s);
void h2_request_data(struct h2_stream *s, const uint8_t *p, size_t n);
void h2_request_complete(struct h2_stream *s);
void h2_request_closed(struct h2_stream *s);
bool h2_is_grpc(const struct h2_request *r);
void h2_grpc_begin(struct h2_stream *s);
void h2_grpc_data(struct h2_stream *s, const uint8_t *p, size_t n);
void h2_grpc_trailers(struct h2_stream *s);
void h2_grpc_closed(struct h2_stream *s);
