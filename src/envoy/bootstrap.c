#include "envoy/bootstrap.h"

#include <arpa/inet.h>
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/names.h"

#define TYPE(name) "type.googleapis.com/" name

static json_t *packed(json_t *j)
{
    assert(j && "text that is not UTF-8, or a wrong format");
    return j;
}
#define PACK(...) packed(json_pack(__VA_ARGS__))

static json_t *text(struct str s, const char *otherwise)
{
    if (!s.n) s = str_of(otherwise);
    json_t *j = json_stringn(s.p, s.n);
    return j ? j : json_string("");
}

/* "bookbuyer.shop": what traces call the service. */
static json_t *cluster_name(const struct envoy_bootstrap *b)
{
    SCOPED_ARENA struct arena *a = arena_new();
    struct str name = b->name.n ? b->name : b->pod;
    return text(name.n ? str_fmt(a, "%.*s.%.*s", STR_FMT(name), STR_FMT(b->namespace)) : STR_NULL, NAME_MESH);
}

#define CLUSTER_OWN_ZONE "own-zone"

static json_t *node(const struct envoy_bootstrap *b)
{
    json_t *j = PACK("{s:o, s:o, s:{s:o, s:o, s:o, s:o}}", "id", text(b->node_id, ""), "cluster", cluster_name(b),
                     "metadata", "kind", text(b->kind, ""), "name", text(b->name, ""), "namespace",
                     text(b->namespace, ""), "pod", text(b->pod, ""));
    if (b->zone.n) json_object_set_new(j, "locality", PACK("{s:o}", "zone", text(b->zone, "")));
    return j;
}

static json_t *admin(const struct envoy_bootstrap *b)
{
    return PACK("{s:{s:{s:o, s:i}}}", "address", "pipe", "path", text(b->admin_socket, FILE_ADMIN_SOCKET), "mode",
                0600);
}

static json_t *secret(const char *name, json_t *path)
{
    return PACK("{s:s, s:{s:s, s:{s:o}}}", "name", name, "sds_config", "resource_api_version", "V3",
                "path_config_source", "path", path);
}

static json_t *controller_tls(const struct envoy_bootstrap *b)
{
    json_t *san =
        PACK("{s:s, s:{s:o}}", "san_type", "DNS", "matcher", "exact", text(b->controller_dns, NAME_CONTROLLER_DNS));
    json_t *validation =
        PACK("{s:{s:[o]}, s:o}", "default_validation_context", "match_typed_subject_alt_names", san,
             "validation_context_sds_secret_config", secret(SDS_BUNDLE, text(b->bundle_file, FILE_SDS_BUNDLE)));
    json_t *common =
        PACK("{s:[s], s:{s:s, s:s}, s:[o], s:o}", "alpn_protocols", "h2", "tls_params", "tls_minimum_protocol_version",
             "TLSv1_3", "tls_maximum_protocol_version", "TLSv1_3", "tls_certificate_sds_secret_configs",
             secret(SDS_CERTIFICATE, text(b->certificate_file, FILE_SDS_CERTIFICATE)), "combined_validation_context",
             validation);
    return PACK("{s:s, s:{s:s, s:o, s:o}}", "name", "envoy.transport_sockets.tls", "typed_config", "@type",
                TYPE("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"), "sni",
                text(b->controller_dns, NAME_CONTROLLER_DNS), "common_tls_context", common);
}

/* HTTP/2, and a dead connection noticed within half a minute. */
static json_t *controller_http(void)
{
    const char *name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    return PACK("{s:{s:s, s:{s:{s:{s:s, s:s}}}}}", name, "@type",
                TYPE("envoy.extensions.upstreams.http.v3.HttpProtocolOptions"), "explicit_http_config",
                "http2_protocol_options", "connection_keepalive", "interval", "20s", "timeout", "5s");
}

static bool is_numeric(struct str address)
{
    SCOPED_ARENA struct arena *a = arena_new();
    unsigned char ip[16];
    const char *c = str_c(a, address);
    return inet_pton(AF_INET, c, ip) == 1 || inet_pton(AF_INET6, c, ip) == 1;
}

static json_t *controller_cluster(const struct envoy_bootstrap *b)
{
    json_t *address = PACK("{s:{s:o, s:I}}", "socket_address", "address", text(b->controller_address, ""), "port_value",
                           (json_int_t)(b->controller_port ? b->controller_port : PORT_XDS));
    json_t *endpoints = PACK("{s:s, s:[{s:[{s:{s:o}}]}]}", "cluster_name", NAME_ADS_CLUSTER, "endpoints",
                             "lb_endpoints", "endpoint", "address", address);
    return PACK("{s:s, s:s, s:s, s:o, s:o, s:o}", "name", NAME_ADS_CLUSTER, "type",
                is_numeric(b->controller_address) ? "STATIC" : "STRICT_DNS", "connect_timeout", "5s", "load_assignment",
                endpoints, "typed_extension_protocol_options", controller_http(), "transport_socket",
                controller_tls(b));
}

/* One aggregated delta stream. Without a fetch timeout Envoy would go live with nothing when the controller is slow. */
static json_t *dynamic_resources(void)
{
    json_t *grpc = PACK("{s:{s:s, s:{s:{s:s, s:s}}}}", "envoy_grpc", "cluster_name", NAME_ADS_CLUSTER, "retry_policy",
                        "retry_back_off", "base_interval", "0.2s", "max_interval", "2s");
    json_t *ads = PACK("{s:s, s:s, s:b, s:[o]}", "api_type", "DELTA_GRPC", "transport_api_version", "V3",
                       "set_node_on_first_message_only", 1, "grpc_services", grpc);
    json_t *source = PACK("{s:{}, s:s, s:s}", "ads", "resource_api_version", "V3", "initial_fetch_timeout", "0s");
    return PACK("{s:o, s:O, s:o}", "ads_config", ads, "cds_config", source, "lds_config", source);
}

/* Statistics that nobody reads cost memory per cluster and listener: only these are kept. */
static json_t *stats_config(void)
{
    static const char *const prefixes[] = {"osm.",           "server.",          "sds.",
                                           "control_plane.", "cluster_manager.", "listener_manager."};
    json_t *patterns = json_array();
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        json_array_append_new(patterns, PACK("{s:s}", "prefix", prefixes[i]));
    return PACK("{s:b, s:{s:{s:o}}}", "use_all_default_tags", 0, "stats_matcher", "inclusion_list", "patterns",
                patterns);
}

static json_t *monitor(const char *name, const char *type, const char *field, int64_t value)
{
    return PACK("{s:s, s:{s:s, s:I}}", "name", name, "typed_config", "@type", type, field, (json_int_t)value);
}

static json_t *on_heap(const char *action, double threshold)
{
    return PACK("{s:s, s:[{s:s, s:{s:f}}]}", "name", action, "triggers", "name", "envoy.resource_monitors.fixed_heap",
                "threshold", "value", threshold);
}

static json_t *overload_manager(const struct envoy_bootstrap *b)
{
    json_t *monitors =
        PACK("[o]", monitor("envoy.resource_monitors.global_downstream_max_connections",
                            TYPE("envoy.extensions.resource_monitors.downstream_connections.v3."
                                 "DownstreamConnectionsConfig"),
                            "max_active_downstream_connections", b->max_connections ? b->max_connections : 50000));
    json_t *m = PACK("{s:s, s:O}", "refresh_interval", "1s", "resource_monitors", monitors);
    if (b->max_heap_bytes) {
        json_array_append_new(monitors,
                              monitor("envoy.resource_monitors.fixed_heap",
                                      TYPE("envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig"),
                                      "max_heap_size_bytes", b->max_heap_bytes));
        json_object_set_new(m, "actions",
                            PACK("[o, o]", on_heap("envoy.overload_actions.shrink_heap", 0.9),
                                 on_heap("envoy.overload_actions.stop_accepting_requests", 0.95)));
    }
    json_decref(monitors);
    return m;
}

/* The limit of a regular expression's program: admission refuses above 900 (base/regex.h).
 * Repeated headers: by default RBAC and routes (of egress) look at the values one by one and are content with one that
 * matches, so that a caller could add the value that the policy wants beside the one that the application reads. */
static json_t *runtime(void)
{
    return PACK("{s:[{s:s, s:{s:i, s:b, s:b}}]}", "layers", "name", "static", "static_layer",
                "re2.max_program_size.error_level", 1000, "envoy.reloadable_features.rbac_match_headers_individually",
                0, "envoy.reloadable_features.match_headers_individually", 0);
}

/* Level and name of SOL_SOCKET, SO_MARK as Linux numbers them. */
static json_t *bind_with_mark(int64_t mark)
{
    return PACK("{s:[{s:i, s:i, s:I, s:s}]}", "socket_options", "level", 1, "name", 36, "int_value", (json_int_t)mark,
                "state", "STATE_PREBIND");
}

/* Envoy prefers its own zone only if it finds itself in a cluster of its like. Nobody ever calls it. */
static json_t *zone_cluster(const struct envoy_bootstrap *b)
{
    json_t *self = PACK("{s:{s:{s:{s:s, s:i}}}}", "endpoint", "address", "socket_address", "address", "127.0.0.1",
                        "port_value", 1);
    json_t *here = PACK("{s:{s:o}, s:[o]}", "locality", "zone", text(b->zone, ""), "lb_endpoints", self);
    return PACK("{s:s, s:s, s:{s:s, s:[o]}}", "name", CLUSTER_OWN_ZONE, "type", "STATIC", "load_assignment",
                "cluster_name", CLUSTER_OWN_ZONE, "endpoints", here);
}

static json_t *cluster_manager(const struct envoy_bootstrap *b)
{
    json_t *j = json_object();
    if (b->mark) json_object_set_new(j, "upstream_bind_config", bind_with_mark(b->mark));
    if (b->zone.n) json_object_set_new(j, "local_cluster_name", json_string(CLUSTER_OWN_ZONE));
    return j;
}

static json_t *bootstrap(const struct envoy_bootstrap *b)
{
    json_t *j =
        PACK("{s:o, s:o, s:o, s:{s:[o]}, s:o, s:o, s:o}", "node", node(b), "admin", admin(b), "dynamic_resources",
             dynamic_resources(), "static_resources", "clusters", controller_cluster(b), "stats_config", stats_config(),
             "overload_manager", overload_manager(b), "layered_runtime", runtime());
    json_object_set_new(j, "deferred_stat_options", PACK("{s:b}", "enable_deferred_creation_stats", 1));
    /* A series that is idle for so long is dropped; it comes back from zero. */
    json_object_set_new(j, "stats_flush_interval", json_string("5s"));
    json_object_set_new(j, "stats_eviction_interval", json_string("3600s"));
    json_object_set_new(j, "memory_allocator_manager",
                        PACK("{s:i, s:s}", "bytes_to_release", 1 << 20, "memory_release_interval", "10s"));
    if (b->mark || b->zone.n) json_object_set_new(j, "cluster_manager", cluster_manager(b));
    if (b->zone.n)
        json_array_append_new(json_object_get(json_object_get(j, "static_resources"), "clusters"), zone_cluster(b));
    return j;
}

void envoy_bootstrap_json(const struct envoy_bootstrap *b, struct buf *out)
{
    json_t *j = bootstrap(b);
    char *s = json_dumps(j, JSON_INDENT(2) | JSON_SORT_KEYS);
    json_decref(j);
    buf_c(out, s);
    buf_char(out, '\n');
    free(s);
}
