/* link.h - thousands of client connections on one epoll loop, TLS or plain: what xdsload and floor stand on.
 *
 * A link is embedded as the first member of its owner's struct. Everything happens on the thread of links_run. */
#pragma once
#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/err.h"

struct link;
struct link_ops {
    void (*up)(struct link *l);                  /* connected, and the handshake is over */
    void (*data)(struct link *l, struct str in); /* valid during the call */
    /* Closed by the other end or by an error; not after link_close. It may be opened again. */
    void (*down)(struct link *l);
};
enum link_state { LINK_CLOSED, LINK_CONNECTING, LINK_HANDSHAKE, LINK_UP };
struct link {
    struct links *set;
    enum link_state state;
    int fd;
    SSL *ssl;
    SSL_SESSION *session; /* to resume with; NULL: none */
    struct buf out;       /* what the socket did not take */
    bool waits_to_write;
    uint64_t received, sent; /* bytes, without TLS */
};
struct links {
    int epoll;
    const struct link_ops *ops;
    struct sockaddr_in *to;
    SSL_CTX *tls;     /* NULL: plain text */
    const char *name; /* of the server's certificate */
    bool resume;      /* keep sessions */
    size_t up, resumed;
};

/* |address| numeric IPv4. |tls| is counted. */
MUST bool links_init(struct links *s, const char *address, int port, SSL_CTX *tls, struct err *err);
void links_release(struct links *s);
/* Begins to connect; |cert| (may be NULL) is shown, with the key of the context. */
void link_open(struct links *s, struct link *l, X509 *cert);
/* Copies what cannot be written at once. Nothing while the link is not up. */
void link_send(struct link *l, const void *p, size_t n);
/* Without a word to the other end. */
void link_close(struct link *l);
/* Serves events for at most |ms|; returns early when |fd| (-1: none) is readable, with true. */
bool links_run(struct links *s, int ms, int fd);
