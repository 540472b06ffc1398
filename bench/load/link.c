#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net/tls.h"

enum { READ_SIZE = 64 << 10, EVENTS = 256 };

static void watch(struct link *l, int op)
{
    struct epoll_event e = {.events = EPOLLIN | (l->waits_to_write ? EPOLLOUT : 0), .data.ptr = l};
    epoll_ctl(l->set->epoll, op, l->fd, &e);
}

static void wait_to_write(struct link *l, bool on)
{
    if (l->waits_to_write == on) return;
    l->waits_to_write = on;
    watch(l, EPOLL_CTL_MOD);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct link *l = SSL_get_app_data(ssl);
    SSL_SESSION_free(l->session);
    l->session = session;
    return 1;
}

bool links_init(struct links *s, const char *address, int port, SSL_CTX *tls, struct err *err)
{
    s->to = xcalloc(1, sizeof *s->to);
    *s->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &s->to->sin_addr) != 1) return err_set(err, "%s is no IPv4 address", address);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->tls = tls;
    if (!tls) return true;
    SSL_CTX_up_ref(tls);
    if (!s->resume) return true;
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls, keep_session);
    return true;
}

void links_release(struct links *s)
{
    close(s->epoll);
    SSL_CTX_free(s->tls);
    free(s->to);
}

static void drop(struct link *l)
{
    if (l->state == LINK_UP) l->set->up--;
    if (l->ssl) SSL_set_shutdown(l->ssl, SSL_SENT_SHUTDOWN); /* else the session could not be resumed */
    SSL_free(l->ssl);
    l->ssl = NULL;
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
    buf_free(&l->out);
    l->state = LINK_CLOSED;
    l->waits_to_write = false;
}

void link_close(struct link *l)
{
    if (l->state != LINK_CLOSED) drop(l);
}

static void fail(struct link *l)
{
    drop(l);
    l->set->ops->down(l);
}

static bool start_tls(struct link *l, X509 *cert)
{
    struct err err = {0};
    if (!l->set->tls) return true;
    l->ssl = SSL_new(l->set->tls);
    SSL_set_app_data(l->ssl, l);
    if (cert && SSL_use_certificate(l->ssl, cert) != 1) return false;
    if (l->set->name && !tls_expect_name(l->ssl, l->set->name, &err)) return false;
    if (l->session) SSL_set_session(l->ssl, l->session);
    SSL_set_fd(l->ssl, l->fd);
    SSL_set_read_ahead(l->ssl, 1);
    SSL_set_connect_state(l->ssl);
    return true;
}

void link_open(struct links *s, struct link *l, X509 *cert)
{
    int one = 1;
    l->set = s;
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0) {
        perror("socket");
        exit(1);
    }
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    l->state = LINK_CONNECTING;
    int rc = connect(l->fd, (struct sockaddr *)s->to, sizeof *s->to);
    l->waits_to_write = true;
    watch(l, EPOLL_CTL_ADD);
    if ((rc && errno != EINPROGRESS) || !start_tls(l, cert)) fail(l);
}

/* > 0 so many, 0 would block, < 0 over */
static ssize_t read_some(struct link *l, char *p, size_t n)
{
    ssize_t rc = l->ssl ? SSL_read(l->ssl, p, (int)n) : recv(l->fd, p, n, 0);
    if (rc > 0) return rc;
    if (!l->ssl) return rc < 0 && errno == EAGAIN ? 0 : -1;
    return SSL_get_error(l->ssl, (int)rc) == SSL_ERROR_WANT_READ ? 0 : -1;
}

static ssize_t write_some(struct link *l, const char *p, size_t n)
{
    ssize_t rc = l->ssl ? SSL_write(l->ssl, p, (int)n) : send(l->fd, p, n, MSG_NOSIGNAL);
    if (rc > 0) l->sent += (uint64_t)rc;
    if (rc > 0) return rc;
    if (!l->ssl) return rc < 0 && errno == EAGAIN ? 0 : -1;
    int code = SSL_get_error(l->ssl, (int)rc);
    return code == SSL_ERROR_WANT_WRITE || code == SSL_ERROR_WANT_READ ? 0 : -1;
}

void link_send(struct link *l, const void *p, size_t n)
{
    size_t at = 0;
    if (l->state != LINK_UP) return;
    while (!l->out.n && at < n) {
        ssize_t rc = write_some(l, (const char *)p + at, n - at);
        if (rc < 0) return; /* the next read says so */
        if (!rc) break;
        at += (size_t)rc;
    }
    if (at < n) buf_add(&l->out, (const char *)p + at, n - at);
    wait_to_write(l, l->out.n > 0);
}

static bool flush(struct link *l)
{
    size_t at = 0;
    while (at < l->out.n) {
        ssize_t rc = write_some(l, l->out.p + at, l->out.n - at);
        if (rc < 0) return false;
        if (!rc) break;
        at += (size_t)rc;
    }
    buf_drop(&l->out, at);
    if (!l->out.n) buf_free(&l->out);
    wait_to_write(l, l->out.n > 0);
    return true;
}

/* False: it failed. */
static bool advance(struct link *l)
{
    int code = 0;
    socklen_t size = sizeof code;
    if (l->state == LINK_CONNECTING) {
        if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &code, &size) || code) return false;
        l->state = LINK_HANDSHAKE;
    }
    int rc = l->ssl ? SSL_do_handshake(l->ssl) : 1;
    if (rc != 1) {
        code = SSL_get_error(l->ssl, rc);
        wait_to_write(l, code == SSL_ERROR_WANT_WRITE);
        return code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE;
    }
    l->state = LINK_UP;
    l->set->up++;
    if (l->ssl) l->set->resumed += (size_t)SSL_session_reused(l->ssl);
    wait_to_write(l, false);
    l->set->ops->up(l);
    return true;
}

static void read_all(struct link *l)
{
    static char in[READ_SIZE];
    while (l->state == LINK_UP) {
        ssize_t n = read_some(l, in, sizeof in);
        if (n < 0) fail(l);
        if (n <= 0) return;
        l->received += (uint64_t)n;
        l->set->ops->data(l, str_make(in, (size_t)n));
        if (l->ssl && !SSL_has_pending(l->ssl)) return;
    }
}

static void serve(struct link *l)
{
    if (l->state == LINK_CLOSED) return;
    if (l->state != LINK_UP && !advance(l)) {
        fail(l);
        return;
    }
    if (l->state != LINK_UP) return;
    if (l->out.n && !flush(l)) {
        fail(l);
        return;
    }
    read_all(l);
}

bool links_run(struct links *s, int ms, int fd)
{
    struct epoll_event events[EVENTS], control = {.events = EPOLLIN};
    bool is_called = false;
    if (fd >= 0) epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &control);
    int n = epoll_wait(s->epoll, events, EVENTS, ms);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr)
            serve(events[i].data.ptr);
        else
            is_called = true;
    }
    if (fd >= 0) epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, NULL);
    return is_called;
}
