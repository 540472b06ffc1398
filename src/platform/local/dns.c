#include "platform/local/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"

enum { TTL_S = 5 };

struct dns {
    struct zone *zone;
    struct evdns_base *resolver; /* NULL: none */
    struct evdns_server_port *port;
    int fd;
};

/* A domain name on the wire, uncompressed. */
static void put_name(struct buf *b, struct str name)
{
    while (name.p && name.n) {
        struct str label = str_sub(str_cut(&name, '.'), 0, 63);
        buf_char(b, (char)label.n);
        buf_str(b, label);
    }
    buf_char(b, 0);
}

static void add_services(struct evdns_server_request *r, const char *asked, const struct dns_name *n)
{
    for (each(s, n->services)) {
        struct buf data SCOPED_BUF = {0};
        char head[6] = {0, 0, 0, 100, (char)(s->port >> 8), (char)s->port};
        buf_add(&data, head, sizeof head);
        put_name(&data, s->target);
        evdns_server_request_add_reply(r, EVDNS_ANSWER_SECTION, asked, RECORD_SRV, EVDNS_CLASS_INET, TTL_S, (int)data.n,
                                       0, data.p);
    }
}

/* Adds what |n| has of |type|. Resolvers take an empty answer for "not of that type". */
static void add_answer(struct evdns_server_request *r, const struct evdns_server_question *q, const struct dns_name *n)
{
    struct arena *a SCOPED_ARENA = arena_new();
    if (n->alias.n) evdns_server_request_add_cname_reply(r, q->name, str_c(a, n->alias), TTL_S);
    for (size_t i = 0; q->type == RECORD_A && i < n->addresses.n; i++) /* libevent packs several into one record */
        evdns_server_request_add_a_reply(r, q->name, 1, &n->addresses.v[i], TTL_S);
    if (q->type == RECORD_PTR && n->pointer.n)
        evdns_server_request_add_ptr_reply(r, NULL, q->name, str_c(a, n->pointer), TTL_S);
    if (q->type == RECORD_SRV) add_services(r, q->name, n);
}

/* The other resolver has answered: what it says is said again. */
static void on_forwarded(int result, char type, int count, int ttl, void *addresses, void *arg)
{
    struct evdns_server_request *r = arg;
    for (int i = 0; result == DNS_ERR_NONE && type == DNS_IPv4_A && i < count; i++)
        evdns_server_request_add_a_reply(r, r->questions[0]->name, 1, (uint32_t *)addresses + i, ttl);
    evdns_server_request_respond(r, result == DNS_ERR_NONE || result == DNS_ERR_NODATA ? DNS_ERR_NONE
                                    : result == DNS_ERR_NOTEXIST                       ? DNS_ERR_NOTEXIST
                                                                                       : DNS_ERR_SERVERFAILED);
}

/* Takes the request over when it is for somebody else. */
static bool forward(struct dns *d, struct evdns_server_request *r)
{
    const char *name = r->nquestions == 1 ? r->questions[0]->name : NULL;
    if (!d->resolver || !name || zone_owns(str_of(name)) || str_find(str_of(name), '.') < 0) return false;
    if (r->questions[0]->type != RECORD_A) return evdns_server_request_respond(r, DNS_ERR_NONE) == 0;
    return evdns_base_resolve_ipv4(d->resolver, name, DNS_QUERY_NO_SEARCH, on_forwarded, r) != NULL;
}

static void on_question(struct evdns_server_request *r, void *arg)
{
    struct dns *d = arg;
    int code = DNS_ERR_NOTEXIST;
    if (forward(d, r)) return;
    evdns_server_request_set_flags(r, EVDNS_FLAGS_AA | EVDNS_FLAGS_RD);
    for (int i = 0; i < r->nquestions && d->zone; i++) {
        const struct dns_name *n = zone_find(d->zone, str_of(r->questions[i]->name));
        if (!n) continue;
        code = DNS_ERR_NONE;
        add_answer(r, r->questions[i], n);
    }
    evdns_server_request_respond(r, code);
}

struct dns *dns_new(struct event_base *base, const char *address, int port, struct err *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd SCOPED_FD = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, address, &at.sin_addr);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
        return err_errno(err, errno, "cannot answer DNS on %s:%d", address, port), NULL;
    struct dns *d = xcalloc(1, sizeof *d);
    d->fd = STEAL_FD(fd);
    d->port = evdns_add_server_port_with_base(base, d->fd, 0, on_question, d);
    return d;
}

void dns_set_forward(struct dns *d, struct evdns_base *resolver) { d->resolver = resolver; }

void dns_free(struct dns *d)
{
    if (!d) return;
    evdns_close_server_port(d->port);
    close(d->fd);
    zone_free(d->zone);
    free(d);
}

void dns_set_zone(struct dns *d, struct zone *z)
{
    zone_free(d->zone);
    d->zone = z;
}
