#include "platform/local/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "net/listen.h"
#include "platform/local/dns_message.h"

enum { TCP_MOST = 256, TCP_IDLE_S = 10 };

struct dns {
    struct event_base *base;
    struct zone *zone;
    struct evdns_base *resolver; /* NULL: none */
    struct event *readable;
    struct evconnlistener *listener;
    int fd, connections;
};

/* A client over TCP. */
struct connection {
    struct dns *dns;
    struct bufferevent *stream; /* NULL: it hung up while something was asked elsewhere for it */
    int waiting;
};

/* Where an answer goes. */
struct client {
    struct sockaddr_in from; /* of UDP */
    struct connection *tcp;  /* NULL: UDP */
};

/* A question that another resolver answers. */
struct forwarded {
    struct dns *dns;
    struct client client;
    struct dns_question question;
    char alias[NS_MAXDNAME];
};

static void send_answer(struct dns *d, const struct client *to, const struct dns_question *q, enum dns_code code,
                        const struct dns_name *n)
{
    struct buf out SCOPED_BUF = {0};
    dns_answer_write(q, code, n, to->tcp ? DNS_TCP_BYTES : q->udp_bytes, &out);
    if (!to->tcp) {
        if (sendto(d->fd, out.p, out.n, 0, (const struct sockaddr *)&to->from, sizeof to->from) < 0) {} /* asks again */
    } else if (to->tcp->stream) {
        unsigned char length[] = {(unsigned char)(out.n >> 8), (unsigned char)out.n};
        bufferevent_write(to->tcp->stream, length, sizeof length);
        bufferevent_write(to->tcp->stream, out.p, out.n);
    }
}

/* ---- names of others ---- */

static void connection_end(struct connection *c)
{
    if (c->stream) bufferevent_free(c->stream);
    c->stream = NULL;
    if (c->waiting) return;
    c->dns->connections--;
    free(c);
}

static void on_forwarded(int result, char type, int count, int ttl, void *addresses, void *arg)
{
    (void)ttl;
    struct forwarded *f = arg;
    struct dns_name found = {.alias = str_of(f->alias)};
    if (result == DNS_ERR_SHUTDOWN) return free(f); /* dns_free is at work */
    if (result == DNS_ERR_NONE && type == DNS_IPv4_A) {
        found.addresses.v = addresses;
        found.addresses.n = (size_t)count;
    }
    enum dns_code code = result == DNS_ERR_NONE || result == DNS_ERR_NODATA ? DNS_OK
                         : result == DNS_ERR_NOTEXIST                       ? DNS_NO_NAME
                                                                            : DNS_FAILED;
    if (code == DNS_NO_NAME && found.alias.n) code = DNS_OK; /* the alias itself is there */
    send_answer(f->dns, &f->client, &f->question, code, &found);
    if (f->client.tcp && --f->client.tcp->waiting == 0 && !f->client.tcp->stream) connection_end(f->client.tcp);
    free(f);
}

/* Asks for |name| elsewhere; false when that cannot be. */
static bool forward(struct dns *d, const struct client *from, const struct dns_question *q, struct str name,
                    struct str alias)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (!d->resolver || q->type != RECORD_A || zone_owns(name) || str_find(name, '.') < 0) return false;
    struct forwarded *f = xcalloc(1, sizeof *f);
    *f = (struct forwarded){.dns = d, .client = *from, .question = *q};
    snprintf(f->alias, sizeof f->alias, "%.*s", STR_FMT(alias));
    if (from->tcp) from->tcp->waiting++;
    if (evdns_base_resolve_ipv4(d->resolver, str_c(a, name), DNS_QUERY_NO_SEARCH, on_forwarded, f)) return true;
    if (from->tcp) from->tcp->waiting--;
    free(f);
    return false;
}

/* ---- a question ---- */

static void answer(struct dns *d, const struct client *from, struct str packet)
{
    struct dns_question q;
    if (!dns_question_read(packet, &q)) return;
    struct str name = str_of(q.name);
    const struct dns_name *n = d->zone && !q.problem ? zone_find(d->zone, name) : NULL;
    const struct dns_name *meant = n && n->alias.n ? zone_find(d->zone, n->alias) : NULL;
    if (q.problem) return send_answer(d, from, &q, q.problem, NULL);
    if (n && n->alias.n && forward(d, from, &q, n->alias, n->alias)) return;
    if (!n && forward(d, from, &q, name, STR_NULL)) return;
    struct dns_name both = n ? *n : (struct dns_name){0};
    if (meant) both.addresses.v = meant->addresses.v, both.addresses.n = meant->addresses.n;
    bool is_elsewhere = d->resolver && !zone_owns(name) && str_find(name, '.') >= 0;
    send_answer(d, from, &q, n || is_elsewhere ? DNS_OK : DNS_NO_NAME, &both);
}

static void on_datagram(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    char packet[4096];
    struct client from = {0};
    socklen_t size = sizeof from.from;
    ssize_t n = recvfrom(fd, packet, sizeof packet, 0, (struct sockaddr *)&from.from, &size);
    if (n > 0) answer(arg, &from, str_make(packet, (size_t)n));
}

/* ---- TCP ---- */

static void on_stream(struct bufferevent *b, void *arg)
{
    struct connection *c = arg;
    struct evbuffer *in = bufferevent_get_input(b);
    unsigned char length[2];
    while (c->stream && evbuffer_copyout(in, length, 2) == 2) {
        size_t n = (size_t)length[0] << 8 | length[1];
        if (evbuffer_get_length(in) < 2 + n) return;
        evbuffer_drain(in, 2);
        struct client from = {.tcp = c};
        answer(c->dns, &from, str_make((const char *)evbuffer_pullup(in, (ev_ssize_t)n), n));
        evbuffer_drain(in, n);
    }
}

static void on_stream_end(struct bufferevent *b, short what, void *arg)
{
    (void)b, (void)what;
    connection_end(arg);
}

static void on_client(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int n, void *arg)
{
    (void)l, (void)from, (void)n;
    struct dns *d = arg;
    if (d->connections >= TCP_MOST) {
        close(fd);
        return;
    }
    struct connection *c = xcalloc(1, sizeof *c);
    *c = (struct connection){.dns = d, .stream = bufferevent_socket_new(d->base, fd, BEV_OPT_CLOSE_ON_FREE)};
    d->connections++;
    bufferevent_setcb(c->stream, on_stream, NULL, on_stream_end, c);
    bufferevent_set_timeouts(c->stream, &(struct timeval){.tv_sec = TCP_IDLE_S},
                             &(struct timeval){.tv_sec = TCP_IDLE_S});
    bufferevent_enable(c->stream, EV_READ | EV_WRITE);
}

/* ---- life ---- */

struct dns *dns_new(struct event_base *base, const char *address, int port, struct err *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd SCOPED_FD = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, address, &at.sin_addr);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
        return err_errno(err, errno, "cannot answer DNS on %s:%d", address, port), NULL;
    int tcp = listen_tcp(address, (uint16_t)port, err);
    if (tcp < 0) return NULL;
    struct dns *d = xcalloc(1, sizeof *d);
    *d = (struct dns){.base = base, .fd = STEAL_FD(fd)};
    d->readable = event_new(base, d->fd, EV_READ | EV_PERSIST, on_datagram, d);
    event_add(d->readable, NULL);
    d->listener = evconnlistener_new(base, on_client, d, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, tcp);
    return d;
}

void dns_set_forward(struct dns *d, struct evdns_base *resolver) { d->resolver = resolver; }

void dns_free(struct dns *d)
{
    if (!d) return;
    event_free(d->readable);
    evconnlistener_free(d->listener);
    close(d->fd);
    zone_free(d->zone);
    free(d);
}

void dns_set_zone(struct dns *d, struct zone *z)
{
    zone_free(d->zone);
    d->zone = z;
}
