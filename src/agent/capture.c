#include "agent/capture.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/names.h"

/* ---- lists ---- */

static bool next_item(struct str *rest, struct str *item)
{
    while (rest->p) {
        *item = str_trim(str_cut(rest, ','));
        if (!str_empty(*item)) return true;
    }
    return false;
}

bool capture_parse_ports(struct arena *a, struct str text, struct ints *out, struct err *err)
{
    for (struct str item; next_item(&text, &item);) {
        int64_t port;
        if (!str_to_i64(item, 1, 65535, &port)) return err_set(err, "'%.*s' is not a port (1-65535)", STR_FMT(item));
        list_push(a, out, port);
    }
    return true;
}

static void clear_host_bits(unsigned char *p, size_t n, int64_t prefix)
{
    for (size_t i = 0; i < n; i++) {
        int64_t left = prefix - (int64_t)i * 8;
        p[i] &= left >= 8 ? 0xff : left <= 0 ? 0 : (unsigned char)(0xff << (8 - left));
    }
}

static bool parse_range(struct arena *a, struct str item, struct str *out)
{
    unsigned char address[16];
    char text[INET6_ADDRSTRLEN];
    struct str bits = item;
    const char *host = str_c(a, str_cut(&bits, '/'));
    int family = strchr(host, ':') ? AF_INET6 : AF_INET;
    int64_t max = family == AF_INET ? 32 : 128, prefix = max;
    if (inet_pton(family, host, address) != 1 || (bits.p && !str_to_i64(bits, 0, max, &prefix))) return false;
    clear_host_bits(address, (size_t)max / 8, prefix);
    inet_ntop(family, address, text, sizeof text);
    *out = str_fmt(a, "%s/%d", text, (int)prefix);
    return true;
}

bool capture_parse_ranges(struct arena *a, struct str text, struct strs *out, struct err *err)
{
    for (struct str item, range; next_item(&text, &item);) {
        if (!parse_range(a, item, &range))
            return err_set(err, "'%.*s' is not an address range (10.0.0.0/8, fd00::/8)", STR_FMT(item));
        list_push(a, out, range);
    }
    return true;
}

static bool is_interface(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && !strchr("-._@", s.p[i])) return false;
    return s.n > 0 && s.n < IFNAMSIZ;
}

bool capture_parse_interfaces(struct arena *a, struct str text, struct strs *out, struct err *err)
{
    for (struct str item; next_item(&text, &item);) {
        if (!is_interface(item)) return err_set(err, "'%.*s' is not the name of a network interface", STR_FMT(item));
        list_push(a, out, str_dup(a, item));
    }
    return true;
}

/* ---- the ruleset ---- */

static bool is_v6(struct str range) { return str_find(range, ':') >= 0; }

static bool has_family(struct strs ranges, bool v6)
{
    for (each(r, ranges))
        if (is_v6(*r) == v6) return true;
    return false;
}

/* Named sets with auto-merge, because users' lists overlap and nft refuses that elsewhere. */
static void put_range_set(struct buf *b, const char *name, struct strs ranges, bool v6)
{
    if (!has_family(ranges, v6)) return;
    buf_fmt(b, "  set %s_v%d {\n    type ipv%d_addr\n    flags interval\n    auto-merge\n    elements = {", name,
            v6 ? 6 : 4, v6 ? 6 : 4);
    const char *sep = " ";
    for (each(r, ranges)) {
        if (is_v6(*r) != v6) continue;
        buf_fmt(b, "%s%.*s", sep, STR_FMT(*r));
        sep = ", ";
    }
    buf_c(b, " }\n  }\n");
}

static void put_sets(struct buf *b, const struct capture *c)
{
    put_range_set(b, "out_exclude", c->exclude_out_ranges, false);
    put_range_set(b, "out_exclude", c->exclude_out_ranges, true);
    put_range_set(b, "out_include", c->include_out_ranges, false);
    put_range_set(b, "out_include", c->include_out_ranges, true);
}

static void rule(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void rule(struct buf *b, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_fmt(b, "    %s\n", text);
}

static void put_interfaces(struct buf *b, const char *key, struct strs names)
{
    for (each(n, names)) rule(b, "%s \"%.*s\" return", key, STR_FMT(*n));
}

static int cmp_port(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void put_ports(struct buf *b, struct ints ports)
{
    if (!ports.n) return;
    struct arena *a SCOPED_ARENA = arena_new();
    struct ints sorted = {0};
    for (each(p, ports)) list_push(a, &sorted, *p);
    list_sort(&sorted, cmp_port);
    buf_c(b, "    tcp dport {");
    for (size_t i = 0; i < sorted.n; i++)
        if (i == 0 || sorted.v[i] != sorted.v[i - 1]) buf_fmt(b, "%s%d", i ? ", " : " ", (int)sorted.v[i]);
    buf_c(b, " } return\n");
}

static void put_ranges(struct buf *b, const char *set, struct strs ranges, const char *verdict)
{
    if (has_family(ranges, false)) rule(b, "ip daddr @%s_v4 %s", set, verdict);
    if (has_family(ranges, true)) rule(b, "ip6 daddr @%s_v6 %s", set, verdict);
}

static void put_prerouting(struct buf *b, const struct capture *c)
{
    buf_c(b, "  chain prerouting {\n    type nat hook prerouting priority -100; policy accept;\n");
    rule(b, "iifname \"lo\" return");
    /* Straight to a listener there is no original destination, and a pass-through would loop. */
    rule(b, "tcp dport { %d, %d, %d } drop", PORT_ENVOY_ADMIN, PORT_OUTBOUND, PORT_INBOUND);
    rule(b, "tcp dport { %d, %d-%d } return", PORT_METRICS, PORT_LIVENESS, PORT_HEALTHCHECK);
    put_ports(b, c->exclude_in_ports);
    put_interfaces(b, "iifname", c->exclude_interfaces);
    rule(b, "meta l4proto tcp redirect to :%d", PORT_INBOUND);
    buf_c(b, "  }\n");
}

static void put_own_address(struct buf *b, const struct capture *c, const char *proxy)
{
    bool v6 = is_v6(c->pod_ip);
    if (c->is_pod_ip_mode)
        rule(b, "oifname \"lo\" %s daddr %s %s meta l4proto tcp dnat %s to %.*s", v6 ? "ip6" : "ip",
             v6 ? "::1" : "127.0.0.1", proxy, v6 ? "ip6" : "ip", STR_FMT(c->pod_ip));
    rule(b, "oifname \"lo\" ip daddr != 127.0.0.0/8 %s meta l4proto tcp redirect to :%d", proxy, PORT_INBOUND);
    rule(b, "oifname \"lo\" ip6 daddr != ::1 %s meta l4proto tcp redirect to :%d", proxy, PORT_INBOUND);
    rule(b, "oifname \"lo\" return");
}

static void put_output(struct buf *b, const struct capture *c)
{
    char proxy[64], redirect[64];
    snprintf(proxy, sizeof proxy, c->by_mark ? "meta mark %d" : "meta skuid %d",
             c->by_mark ? CAPTURE_MARK : UID_SIDECAR);
    snprintf(redirect, sizeof redirect, "meta l4proto tcp redirect to :%d", PORT_OUTBOUND);
    buf_c(b, "  chain output {\n    type nat hook output priority -100; policy accept;\n");
    rule(b, "meta l4proto != tcp return");
    /* The source of the inbound pass-through: it must reach the application, not the inbound listener again. */
    rule(b, "ip saddr 127.0.0.6 %s return", proxy);
    rule(b, "ip6 saddr ::6 %s return", proxy);
    put_own_address(b, c, proxy);
    rule(b, "%s return", proxy);
    put_interfaces(b, "oifname", c->exclude_interfaces);
    put_ranges(b, "out_exclude", c->exclude_out_ranges, "return");
    put_ports(b, c->exclude_out_ports);
    if (c->include_out_ranges.n)
        put_ranges(b, "out_include", c->include_out_ranges, redirect);
    else
        rule(b, "%s", redirect);
    buf_c(b, "  }\n");
}

bool capture_ruleset(const struct capture *c, struct buf *out, struct err *err)
{
    if (c->is_pod_ip_mode && str_empty(c->pod_ip)) return err_set(err, "--local-proxy-mode PodIP needs --pod-ip");
    buf_c(out, "table inet osm\ndelete table inet osm\ntable inet osm {\n");
    put_sets(out, c);
    put_prerouting(out, c);
    put_output(out, c);
    buf_c(out, "}\n");
    return true;
}
