/* capture.h - which of a pod's connections go through its sidecar: options → one nftables ruleset. Pure.
 *
 * The ruleset replaces table `inet osm` in one transaction, so loading it twice is loading it once. TCP only, IPv4 and
 * IPv6. What is inbound and not excluded ends at the sidecar's inbound listener; what the sidecar itself sends is left
 * alone, but for its calls to the pod's own address, which enter by the inbound listener as any other caller's would.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"

struct buf;

enum { CAPTURE_MARK = 1500 }; /* SO_MARK of the sidecar's sockets where a second uid is not to be had */

struct capture {
    struct ints exclude_out_ports, exclude_in_ports;    /* 1-65535 */
    struct strs exclude_out_ranges, include_out_ranges; /* "10.0.0.0/8", "fd00::/8"; includes empty: everything */
    struct strs exclude_interfaces;
    bool is_pod_ip_mode; /* the application listens on |pod_ip| alone: what the sidecar sends to localhost goes there */
    struct str pod_ip;
    bool by_mark; /* tell the sidecar's packets by mark CAPTURE_MARK instead of uid UID_SIDECAR */
};
/* Lists as the injector writes them: "80, 443", "10.0.0.0/8,fd00::/8", "eth1". Appends to |out|. */
MUST bool capture_parse_ports(struct arena *a, struct str text, struct ints *out, struct err *err);
/* A plain address counts as its own range. Host bits are cleared. */
MUST bool capture_parse_ranges(struct arena *a, struct str text, struct strs *out, struct err *err);
MUST bool capture_parse_interfaces(struct arena *a, struct str text, struct strs *out, struct err *err);
/* Appends the ruleset for `nft -f -`. False with err when options contradict (PodIP mode without an address). */
MUST bool capture_ruleset(const struct capture *c, struct buf *out, struct err *err);

/* `osm capture`: parses the flags, loads the ruleset with nft. Exit code as for a verb. */
int capture_run(int argc, char **argv);
