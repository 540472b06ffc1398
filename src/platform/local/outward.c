#include "platform/local/outward.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <sched.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "net/listen.h"
#include "net/relay.h"
#include "platform/local/net.h"
#include "platform/local/nft.h"

enum { PORT_OUTWARD = 15199, MAX_CONNECTIONS = 1024 };

struct outward {
    struct event_base *base;
    int host_net, own_net;
    struct evconnlistener *listener;
    struct nft_loader *nft;
    struct evdns_base *resolver;
    int connections;
};

/* A socket belongs to the namespace in which it was made, whoever connects it. */
static int socket_outside(const struct outward *o)
{
    if (setns(o->host_net, CLONE_NEWNET) < 0) return -1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (setns(o->own_net, CLONE_NEWNET) < 0) _exit(1); /* in the wrong world nothing may go on */
    return fd;
}

static void on_done(void *arg) { ((struct outward *)arg)->connections--; }

static void on_client(struct evconnlistener *l, evutil_socket_t client, struct sockaddr *from, int n, void *arg)
{
    (void)l, (void)from, (void)n;
    struct outward *o = arg;
    struct sockaddr_in to;
    socklen_t size = sizeof to;
    bool is_known = getsockopt(client, SOL_IP, SO_ORIGINAL_DST, &to, &size) == 0 && ntohs(to.sin_port) != PORT_OUTWARD;
    int fd = is_known && o->connections < MAX_CONNECTIONS ? socket_outside(o) : -1;
    if (fd < 0) {
        close(client);
        return;
    }
    o->connections++;
    relay_start(o->base, client, fd, (struct sockaddr *)&to, sizeof to, on_done, o);
}

static struct evdns_base *resolver_outside(const struct outward *o)
{
    struct evdns_base *dns = evdns_base_new(o->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!dns || setns(o->host_net, CLONE_NEWNET) < 0) return NULL;
    evdns_base_resolv_conf_parse(dns, DNS_OPTION_NAMESERVERS, "/etc/resolv.conf"); /* makes its sockets */
    if (setns(o->own_net, CLONE_NEWNET) < 0) _exit(1);
    return evdns_base_count_nameservers(dns) > 0 ? dns : NULL;
}

static const char ruleset[] =
    "table ip osm_outward\ndelete table ip osm_outward\ntable ip osm_outward {\n  chain prerouting {\n"
    "    type nat hook prerouting priority -90;\n"
    "    ip daddr { " NET_POD_RANGE ", " NET_SERVICE_RANGE ", 127.0.0.0/8 } return\n"
    "    fib daddr type local return\n"
    "    meta l4proto tcp dnat ip to " NET_OUTER_ADDRESS ":15199\n  }\n}\n";

struct outward *outward_new(struct event_base *base, int host_net, struct err *err)
{
    int fd = listen_tcp(NET_OUTER_ADDRESS, PORT_OUTWARD, err);
    if (fd < 0) return NULL;
    struct outward *o = xcalloc(1, sizeof *o);
    *o = (struct outward){
        .base = base, .host_net = host_net, .own_net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
    if (o->own_net < 0) return err_errno(err, errno, "cannot open the own network namespace"), NULL;
    o->listener = evconnlistener_new(base, on_client, o, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    o->nft = nft_loader_new(base);
    nft_load(o->nft, str_of(ruleset));
    o->resolver = resolver_outside(o);
    log_info("pods reach the machine's networks by TCP");
    return o;
}

struct evdns_base *outward_resolver(struct outward *o) { return o->resolver; }
