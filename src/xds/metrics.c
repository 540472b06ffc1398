/* The archived project's names. Its labels proxy_uuid and identity are left out: they would grow with every pod
 * that ever lived. */
#include "xds/internal.h"

static const double seconds[] = {.1, .25, .5, 1, 2.5, 5, 10, 20, 40, 90, 0};

struct metric xds_connect_count = {
    .name = "osm_proxy_connect_count", .help = "Proxies that are connected now", .type = METRIC_GAUGE};
struct metric xds_reconnect_count = {.name = "osm_proxy_reconnect_count",
                                     .help = "Streams of proxies that already held configuration",
                                     .type = METRIC_COUNTER};
struct metric xds_request_count = {.name = "osm_proxy_xds_request_count",
                                   .help = "Discovery requests received",
                                   .type = METRIC_COUNTER,
                                   .labels = {"type"}};
struct metric xds_send_success = {.name = "osm_proxy_response_send_success_count",
                                  .help = "Responses that proxies acknowledged",
                                  .type = METRIC_COUNTER,
                                  .labels = {"type"}};
struct metric xds_send_error = {.name = "osm_proxy_response_send_error_count",
                                .help = "Responses that proxies refused",
                                .type = METRIC_COUNTER,
                                .labels = {"type"}};
struct metric xds_update_time = {.name = "osm_proxy_config_update_time",
                                 .help = "Seconds from a response to its acknowledgement",
                                 .type = METRIC_HISTOGRAM,
                                 .labels = {"resource_type", "success"},
                                 .buckets = seconds};
struct metric xds_broadcasts = {
    .name = "osm_proxy_broadcast_event_count", .help = "Revisions that were published", .type = METRIC_COUNTER};
struct metric xds_resources_sent = {.name = "osm_proxy_resources_sent_count",
                                    .help = "Resources sent to proxies, all types together",
                                    .type = METRIC_COUNTER};
static const double fractions[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 0};
struct metric xds_accept_time = {.name = "osm_proxy_change_accept_time",
                                 .help = "Seconds from a revision to its acceptance by each proxy that it concerns",
                                 .type = METRIC_HISTOGRAM,
                                 .buckets = fractions};
struct metric xds_owing_count = {.name = "osm_proxy_behind_count",
                                 .help = "Proxies that have not yet accepted what concerns them",
                                 .type = METRIC_GAUGE};
struct metric xds_max_rejected = {.name = "osm_proxy_max_connections_rejected",
                                  .help = "Proxies refused because of maxDataPlaneConnections",
                                  .type = METRIC_COUNTER};

void xds_metrics_init(void)
{
    struct metric *const all[] = {&xds_connect_count,  &xds_reconnect_count, &xds_request_count, &xds_send_success,
                                  &xds_send_error,     &xds_update_time,     &xds_broadcasts,    &xds_max_rejected,
                                  &xds_resources_sent, &xds_accept_time,     &xds_owing_count};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) metric_register(all[i]);
}

const char *xds_type_short(enum xds_type t)
{
    static const char *const names[XDS_TYPE_COUNT] = {"CDS", "EDS", "LDS", "RDS", "SDS"};
    return names[t];
}
