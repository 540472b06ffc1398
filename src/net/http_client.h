/* http_client.h - HTTP requests to others (libcurl): asynchronous on a loop, or synchronous for the CLI's verbs.
 *
 * Redirects are not followed, proxies of the environment not used. HTTP/1.1; HTTP/2 where TLS offers it. */
#pragma once
#include <event2/event.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

struct http_client;
struct http_call;

struct http_call_options {
    const char *method;     /* NULL: GET, or POST with a body */
    const char *url;        /* "https://name:port/path?query"; with unix_path any host, "http://osm/…" */
    const char *unix_path;  /* connect here */
    const char *connect_to; /* "10.0.0.1:15128": connect there whatever the URL's host is. The certificate is checked
                               against the URL's host: "https://NAME_CONTROLLER_DNS:15128/…" */
    struct str roots;       /* PEM: the only roots trusted; empty: the system's */
    struct str chain, key;  /* PEM: client certificate; empty: none */
    bool no_verify;         /* https: take any certificate, as a kubelet's probe does */
    bool h2c;               /* http: HTTP/2 with prior knowledge (gRPC); |unix_path| must be NULL */
    bool no_reuse;          /* a connection of its own, closed afterwards */
    bool few_connections;   /* waits for a connection under way to turn out to be HTTP/2 rather than open another */
    bool keepalive;         /* a peer that is gone without a word is noticed within a minute, also between bytes */
    const char *proxy;      /* "http://proxy:3128", https:// or socks5://; NULL: none */
    struct strs headers;    /* "Name: value" */
    struct str body;        /* p != NULL: sent, with Content-Type application/json unless headers say otherwise */
    int64_t timeout_ms;     /* for the whole; 0: 30 s; < 0: none (watches, long polls) */
    int64_t connect_timeout_ms; /* 0: 5 s */
    int64_t idle_timeout_ms;    /* fails when nothing arrives for so long; 0: never */
    size_t max_body;            /* of the answer; 0: 16 MiB. Not with |data| */
    /* When set, the body of a 2xx answer is delivered piece by piece instead of being kept; false aborts. */
    bool (*data)(void *data_arg, struct str piece);
    void *data_arg; /* NULL: the |arg| of http_call_start */
    /* When set, told the status as soon as the head of the answer is there. Gets what |data| gets. */
    void (*head)(void *data_arg, int status);
};
struct http_answer {
    bool ok;      /* there was an answer; else |err| */
    bool is_away; /* there was none because the server could not be reached, or cut or delayed it: later there may be */
    int status;
    struct str body;
    struct str content_type;
    struct str warning;     /* the first Warning header; empty: none */
    int64_t retry_after_ms; /* of Retry-After; 0: none */
    struct err err;         /* names URL and reason; never headers or bodies */
};

/* One per loop; keeps connections for further use. */
MUST struct http_client *http_client_new(struct event_base *base, struct err *err);
/* Cancels all calls without their callbacks. NULL is fine. Not from within a callback. */
void http_client_free(struct http_client *c);
/* Starts a call; options are copied. |done| runs once, on the loop, never from within this function; the answer is
 * valid during it. The call may be cancelled until |done| runs. */
struct http_call *http_call_start(struct http_client *c, const struct http_call_options *opt,
                                  void (*done)(void *arg, const struct http_answer *answer), void *arg);
/* |done| will not run. NULL is fine. Not from within |data|. */
void http_call_cancel(struct http_call *call);

/* Blocks; the answer's texts live in |a|. False with err when there was no answer at all; an HTTP error status is an
 * answer. */
MUST bool http_fetch(const struct http_call_options *opt, struct arena *a, struct http_answer *out, struct err *err);

/* A connection for bytes of the caller's own, with the TLS, proxy and limits of |opt|; method, headers and body are the
 * caller's to write. Blocks until it is there (connect_timeout_ms). HTTP/1.1 is what TLS is told. NULL with err. */
struct http_socket;
MUST struct http_socket *http_socket_open(const struct http_call_options *opt, struct err *err);
void http_socket_close(struct http_socket *s); /* NULL is fine */
/* For an event: readable or writable, try again. Non-blocking. */
int http_socket_fd(const struct http_socket *s);
/* Bytes that were read or written; 0: none now; HTTP_SOCKET_END: the other side is gone. After a read that is not 0
 * read again before waiting: TLS may hold more than the descriptor tells. */
enum { HTTP_SOCKET_END = -1 };
ssize_t http_socket_read(struct http_socket *s, void *p, size_t n);
ssize_t http_socket_write(struct http_socket *s, const void *p, size_t n);
