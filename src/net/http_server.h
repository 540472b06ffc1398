/* http_server.h - HTTP/1.1 on TCP or a Unix socket: health, metrics, the API of the verbs.
 *
 * A static table of routes over libevent's evhttp; HTTPS when the options have a context. Everything runs on the loop's
 * thread. Limits: 16 kB of headers, bodies as the options say (default 1 MiB), 30 s for a slow client. */
#pragma once
#include <event2/event.h>
#include <jansson.h>
#include <openssl/ssl.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

struct http_server;

/* One request and its answer. It lives until it is answered or the client has left. */
struct http_exchange {
    const char *method; /* "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH" */
    struct str path;    /* decoded, without query */
    struct str rest;    /* what the route's '*' stood for */
    struct str query;   /* as sent, without '?'; http_query decodes it */
    struct str body;
    struct arena *arena; /* freed with the exchange */
    void *arg;           /* of the server's options */
    struct http_internal *in;
};
typedef void http_route_fn(struct http_exchange *x);
struct http_route {
    const char *method; /* NULL ends the table. GET routes also answer HEAD */
    const char *path;   /* "/v1/status", or with a last '*': "/v1/pods/" "*" stands for the rest, not empty */
    http_route_fn *fn;  /* must answer, now or later */
};
struct http_server_options {
    const char *address; /* numeric; NULL with unix_path */
    uint16_t port;       /* 0: any free one */
    const char *unix_path;
    unsigned unix_mode;              /* 0: 0600 */
    const struct http_route *routes; /* static; first match wins. No route: 404; path with other methods: 405 */
    void *arg;
    size_t max_body; /* 0: 1 MiB */
    SSL_CTX *tls;    /* counted; NULL: plain */
    bool is_counted; /* in osm_http_response_total and _duration */
};
MUST struct http_server *http_server_new(struct event_base *base, const struct http_server_options *opt,
                                         struct err *err);
/* Closes; exchanges still open get their gone callback. The socket file is removed. NULL is fine. */
void http_server_free(struct http_server *s);
/* For connections from now on; counted. Only for a server that was made with a context. */
void http_server_set_tls(struct http_server *s, SSL_CTX *tls);
uint16_t http_server_port(const struct http_server *s);

/* Query parameter, decoded, or STR_NULL. Header (any case), or STR_NULL. Both live as long as the exchange. */
struct str http_query(struct http_exchange *x, const char *name);
/* All values of a parameter that repeats, in their order; list in the exchange's arena. */
struct strs http_query_all(struct http_exchange *x, const char *name);
struct str http_header(struct http_exchange *x, const char *name);

/* Each of the following answers; |x| is gone afterwards. Exactly one of them per exchange. Text is copied. */
void http_reply(struct http_exchange *x, int status, const char *content_type, struct str body);
/* Takes over |j|. */
void http_reply_json(struct http_exchange *x, int status, json_t *j);
/* {"error": text} */
void http_reply_error(struct http_exchange *x, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Chunked answer: start, any number of chunks, end (after which |x| is gone). */
void http_reply_start(struct http_exchange *x, int status, const char *content_type);
void http_reply_chunk(struct http_exchange *x, struct str bytes);
void http_reply_end(struct http_exchange *x);
/* Bytes of a chunked answer that the client has not yet taken: stop producing when it grows. */
size_t http_reply_queued(const struct http_exchange *x);
/* A further answer header; before any of the above. */
void http_reply_header(struct http_exchange *x, const char *name, const char *value);
/* For answers that come later: |fn(arg)| when the client leaves (or the server is freed) before the answer; |x| is
 * gone after |fn| returns. */
void http_on_gone(struct http_exchange *x, void (*fn)(void *arg), void *arg);
