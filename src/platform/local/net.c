#include "platform/local/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#define INNER_LINK "eth0"

static void sock_freep(struct nl_sock **s)
{
    if (*s) nl_socket_free(*s);
}
#define SCOPED_SOCK __attribute__((cleanup(sock_freep)))

static bool nl_fail(struct err *err, int code, const char *what)
{
    return err_set(err, "%s: %s", what, nl_geterror(code));
}

static struct nl_sock *sock_open(struct err *err)
{
    struct nl_sock *s = nl_socket_alloc();
    int rc = s ? nl_connect(s, NETLINK_ROUTE) : -NLE_NOMEM;
    if (rc == 0) return s;
    if (s) nl_socket_free(s);
    nl_fail(err, rc, "cannot open a netlink socket");
    return NULL;
}

static bool sysctl_set(const char *path, const char *value, struct err *err)
{
    int fd SCOPED_FD = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return true; /* a kernel without that protocol */
    if (fd < 0 || write(fd, value, strlen(value)) < 0) return err_errno(err, errno, "cannot set %s to %s", path, value);
    return true;
}

static bool link_up(struct nl_sock *s, int index, struct err *err)
{
    struct rtnl_link *link = rtnl_link_alloc(), *change = rtnl_link_alloc();
    rtnl_link_set_ifindex(link, index);
    rtnl_link_set_ifindex(change, index);
    rtnl_link_set_flags(change, IFF_UP);
    int rc = rtnl_link_change(s, link, change, 0);
    rtnl_link_put(link);
    rtnl_link_put(change);
    return rc == 0 || nl_fail(err, rc, "cannot bring a link up");
}

static bool address_add(struct nl_sock *s, int index, const char *cidr, struct err *err)
{
    struct nl_addr *local = NULL;
    int rc = nl_addr_parse(cidr, AF_INET, &local);
    if (rc < 0) return nl_fail(err, rc, cidr);
    struct rtnl_addr *addr = rtnl_addr_alloc();
    rtnl_addr_set_ifindex(addr, index);
    rtnl_addr_set_local(addr, local);
    rc = rtnl_addr_add(s, addr, 0);
    rtnl_addr_put(addr);
    nl_addr_put(local);
    return rc == 0 || rc == -NLE_EXIST || nl_fail(err, rc, "cannot add an address");
}

/* |gateway| NULL: the destination is on the link itself. */
static bool route_add(struct nl_sock *s, int index, const char *to, const char *gateway, struct err *err)
{
    struct nl_addr *dst = NULL, *via = NULL;
    int rc = nl_addr_parse(to, AF_INET, &dst);
    if (rc == 0 && gateway) rc = nl_addr_parse(gateway, AF_INET, &via);
    if (rc < 0) return nl_fail(err, rc, to);
    struct rtnl_route *route = rtnl_route_alloc();
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    rtnl_route_set_family(route, AF_INET);
    rtnl_route_set_dst(route, dst);
    rtnl_route_set_scope(route, gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
    rtnl_route_nh_set_ifindex(hop, index);
    if (via) rtnl_route_nh_set_gateway(hop, via);
    rtnl_route_add_nexthop(route, hop);
    rc = rtnl_route_add(s, route, NLM_F_REPLACE);
    rtnl_route_put(route);
    nl_addr_put(dst);
    if (via) nl_addr_put(via);
    return rc == 0 || nl_fail(err, rc, "cannot add a route");
}

void net_pod_address(unsigned host, char *out)
{
    snprintf(out, INET_ADDRSTRLEN, "10.244.%u.%u", host >> 8 & 255, host & 255);
}

bool net_outer_setup(struct err *err)
{
    struct nl_sock *s SCOPED_SOCK = sock_open(err);
    if (!s) return false;
    int lo = (int)if_nametoindex("lo");
    return link_up(s, lo, err) && address_add(s, lo, NET_OUTER_ADDRESS "/32", err) &&
           route_add(s, lo, NET_SERVICE_RANGE, NULL, err) && /* for pods of this network: nft sends them on */
           sysctl_set("/proc/sys/net/ipv4/ip_forward", "1", err) &&
           sysctl_set("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0", err) &&
           sysctl_set("/proc/sys/net/ipv4/conf/all/rp_filter", "0", err) &&
           sysctl_set("/proc/sys/net/ipv4/conf/default/rp_filter", "0", err);
}

bool net_pod_attach(unsigned host, pid_t init, struct err *err)
{
    struct nl_sock *s SCOPED_SOCK = sock_open(err);
    if (!s) return false;
    char name[IFNAMSIZ], address[INET_ADDRSTRLEN];
    snprintf(name, sizeof name, "pod%u", host);
    net_pod_address(host, address);
    int rc = rtnl_link_veth_add(s, name, INNER_LINK, init);
    if (rc < 0) return nl_fail(err, rc, "cannot make the pod's link");
    int index = (int)if_nametoindex(name);
    return link_up(s, index, err) && route_add(s, index, address, NULL, err);
}

bool net_pod_setup(unsigned host, struct err *err)
{
    struct nl_sock *s SCOPED_SOCK = sock_open(err);
    if (!s) return false;
    int lo = (int)if_nametoindex("lo"), eth = (int)if_nametoindex(INNER_LINK);
    char cidr[INET_ADDRSTRLEN + 3], address[INET_ADDRSTRLEN];
    net_pod_address(host, address);
    snprintf(cidr, sizeof cidr, "%s/32", address);
    /* One family only, as in the ranges: else applications resolve and try addresses that lead nowhere. Any user
     * may listen on any port, as the container runtimes have it. */
    return sysctl_set("/proc/sys/net/ipv6/conf/" INNER_LINK "/disable_ipv6", "1", err) &&
           sysctl_set("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0", err) && link_up(s, lo, err) &&
           link_up(s, eth, err) && address_add(s, eth, cidr, err) &&
           route_add(s, eth, NET_OUTER_ADDRESS "/32", NULL, err) &&
           route_add(s, eth, "0.0.0.0/0", NET_OUTER_ADDRESS, err);
}
