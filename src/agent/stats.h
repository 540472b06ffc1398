/* stats.h - the sidecar's statistics for Prometheus, on port 15010 at /stats/prometheus.
 *
 * Envoy puts `envoy_` before every name; those of ours go by the names that people's dashboards know. The labels are
 * already there: Envoy writes them from its own node and the endpoint it called. */
#pragma once
#include "agent/options.h"
#include "net/http_client.h"
#include "net/http_server.h"

struct buf;

/* `envoy_osm_*` becomes `osm_*`, in samples and comments; everything else stays. Pure. O(body). */
void stats_rename(struct str body, struct buf *out);

struct stats;
struct stats_options {
    struct event_base *base;
    struct http_client *http;
    const char *socket; /* Envoy's admin */
    const char *listen; /* address */
};
/* NULL with err when the port is in use. */
MUST struct stats *stats_new(const struct stats_options *opt, struct err *err);
void stats_free(struct stats *s);
