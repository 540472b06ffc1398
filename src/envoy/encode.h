/* encode.h - the room's own pieces: each turns one plan node into one message. */
#pragma once
#include "envoy/envoy.h"
#include "envoy/pb.h"

#define FILTER_HCM          "envoy.filters.network.http_connection_manager"
#define FILTER_TCP_PROXY    "envoy.filters.network.tcp_proxy"
#define FILTER_NETWORK_RBAC "envoy.filters.network.rbac"
#define FILTER_HTTP_RBAC    "envoy.filters.http.rbac"
#define FILTER_AUTHZ        "envoy.filters.http.ext_authz"
#define FILTER_HEALTH       "envoy.filters.http.health_check"
#define FILTER_FORWARD      "envoy.filters.http.dynamic_forward_proxy"
#define FILTER_LOCAL_LIMIT  "envoy.filters.http.local_ratelimit"
#define FILTER_GLOBAL_LIMIT "envoy.filters.http.ratelimit"
#define FILTER_ROUTER       "envoy.filters.http.router"
#define SOCKET_TLS          "envoy.transport_sockets.tls"
#define LISTENER_CAPTURE    "capture"
#define LISTENER_INBOUND    "inbound"
#define CLUSTER_PASSTHROUGH "passthrough"
#define CLUSTER_NONE        "none" /* no endpoint, ever: a connection sent there is closed */
#define METADATA_OSM        "osm"  /* namespace of endpoint metadata */

/* Which way a connection goes, seen from the pod. */
enum direction { DIR_OUTBOUND, DIR_INBOUND };

struct encoded_logs {
    PbAccessLog **v;
    size_t n;
};
/* Shared by all resources of one bundle. */
struct encoder {
    struct arena *a;
    const struct plan_tls *tls;
    const struct plan_hop *hop; /* where there are listeners */
    struct envoy_bundle *out;
    struct encoded_logs request_logs; /* equal everywhere: made once */
};

static inline bool encode_is_http(int64_t protocol) { return protocol == PLAN_HTTP || protocol == PLAN_GRPC; }

/* Ends the process, in every build, when something that would open access is about to be encoded. */
void encode_check(bool ok, const char *why);
/* Adds a finished resource; |r| has everything but the bytes. */
void encode_resource(struct encoder *e, const ProtobufCMessage *m, struct envoy_resource r);

/* address.c */
PbAddress *encode_address(struct arena *a, struct str ip, int64_t port);
/* A CIDR; |cidr| without '/' is one address. */
PbCidrRange *encode_cidr(struct arena *a, struct str cidr);
/* Resources that name others find them on the same stream. */
PbConfigSource *encode_ads(struct arena *a);

/* tls.c. An empty SAN list would admit every certificate: checked. */
PbTransportSocket *encode_tls_upstream(struct encoder *e, const struct plan_cluster *c);
/* Asks for a client certificate; |sans| limits who, NULL for everyone of the mesh. */
PbTransportSocket *encode_tls_downstream(struct encoder *e, const struct strs *sans);
/* For callers outside the mesh. */
PbTransportSocket *encode_tls_ingress(struct encoder *e, const struct plan_ingress *p);

/* rbac.c. Policies by rule name; rules without principals are left out, without policies nobody is let in. */
PbRbac *encode_http_rbac(struct arena *a, const struct plan_chain *chain);
PbRbac *encode_tcp_rbac(struct arena *a, const struct plan_chain *chain);
/* A caller whose certificate has the name |id| (a URI, else a DNS name). */
PbPrincipal *encode_principal(struct arena *a, struct str id);
/* Adds the policy |name|: |who| may do everything. */
void encode_allow(struct arena *a, PbRbac *rbac, struct str name, PbPrincipal *who);
/* The whole value of a header; "host" is the authority. */
PbHeaderMatcher *encode_header_matcher(struct arena *a, struct str name, struct str re);

/* access_log.c */
/* What is written about a call: on standard output, and to the collector of the Telemetry if it names one. */
struct encoded_logs encode_request_logs(struct encoder *e);
/* One line "no_policy <original destination>" into FILE_DENIED_LOG per connection. */
struct encoded_logs encode_denied_log(struct encoder *e);
/* Only connections that no filter chain wanted: clients outside the mesh, unknown ports. */
struct encoded_logs encode_unmatched_logs(struct encoder *e);
/* A member of a Struct. */
PbStructField *encode_struct_field(struct arena *a, struct str name, struct str value);

/* stats.c: osm_request_total and osm_request_duration_ms. |service| empty: outside the mesh. */
PbAccessLog *encode_request_stats(struct encoder *e, enum direction d, struct str service);
/* osm_tcp_connection_total when a connection stands, osm_tcp_sent_bytes_total and osm_tcp_received_bytes_total when it
 * ends (seen from the client), osm_tcp_failed_total when it could not be made. */
struct encoded_logs encode_connection_stats(struct encoder *e, enum direction d, struct str service);
#define LOG_MOMENT(name) ENVOY__DATA__ACCESSLOG__V3__ACCESS_LOG_TYPE__##name
/* Passes a log of one moment only. */
PbLogFilter *encode_log_moment(struct arena *a, int type);

/* outside.c: what proxies themselves call. */
void encode_outside_cluster(struct encoder *e, const struct plan_outside *p);
/* |timeout_ns| 0: none. */
PbGrpcService *encode_grpc(struct arena *a, const struct plan_outside *p, int64_t timeout_ns);
/* Adds the clusters that a listener with |hop| names. */
void encode_hop_clusters(struct encoder *e, struct strs *clusters);
/* Says who sends, from the environment that the agent gives Envoy: nothing in a shared resource names a pod. */
PbExtension *encode_environment_detector(struct arena *a);
/* tracing.c: NULL when off. */
PbHcmTracing *encode_tracing(struct encoder *e);
/* authz.c. |may_stream|: a request may never end, so its body is not waited for. */
PbHttpFilter *encode_authz(struct encoder *e, bool may_stream);
/* health.c: what checks, and what answers. */
PbHealthCheck *encode_health_check(struct arena *a, const struct plan_cluster *c);
PbHttpFilter *encode_health_filter(struct arena *a);

PbHttpFilter *encode_http_filter(struct arena *a, const char *name, const ProtobufCMessage *config);
/* http.c: a connection manager that takes its routes from RDS. */
struct http_options {
    enum direction direction; /* inbound: RBAC, denying all that the route configuration does not allow */
    struct str route_config;
    struct str service;               /* "ns/svc", for statistics */
    bool path_rules;                  /* policy looks at paths */
    bool may_stream;                  /* inbound: gRPC */
    bool from_mesh;                   /* inbound: callers are proxies, whose health checks are answered */
    const struct plan_limits *limits; /* inbound */
    const struct strs *by_host; /* egress: the proxy resolves the host, never to these ranges; NULL: it does not */
};
PbFilter *encode_http(struct encoder *e, const struct http_options *o);
PbHttpFilter *encode_http_filter(struct arena *a, const char *name, const ProtobufCMessage *config);
/* tcp.c */
/* By weight; the share that is denied, or everything when there are no clusters, is closed. */
PbFilter *encode_tcp_outbound(struct encoder *e, const struct plan_listener *l);
PbFilter *encode_tcp_inbound(struct encoder *e, const struct plan_chain *p);
/* Without statistics. */
PbFilter *encode_tcp(struct encoder *e, const char *stat_prefix, struct str cluster, struct encoded_logs logs);
PbFilter *encode_filter(struct arena *a, const char *name, const ProtobufCMessage *config);

/* limit.c: rate limits of an inbound or ingress chain. Three places, one for each life: connection filters in front of
 * all others, HTTP filters behind access (encode_http does it), and the numbers in the route configuration, where a
 * change cuts no connection. */
void encode_connection_limits(struct encoder *e, PbFilterChain *chain, const struct plan_limits *l);
void encode_request_filters(struct encoder *e, PbHcm *m, const struct plan_limits *l);
/* What holds for all paths. */
void encode_host_limits(struct arena *a, PbVirtualHost *host, const struct plan_limits *l);
/* Narrows a route to the path and gives it its limits. */
void encode_path_limit(struct arena *a, PbRoute *route, const struct plan_path_limit *p);
/* balance.c: which endpoints are called. */
void encode_balance(struct arena *a, PbCluster *c, const struct plan_balance *b);

/* Is there a chain at all? HTTP always (it answers 403), TCP only for somebody. */
bool encode_is_open(const struct plan_chain *p);
PbAssignment *encode_endpoints(struct arena *a, struct str cluster, const struct plan_endpoint *v, size_t n);

/* cluster.c: what every cluster has, replacing what was there. Thresholds are counted so that they can be watched only
 * where there are any. */
void encode_connection(struct arena *a, PbCluster *c, const struct plan_connection *p);
/* HTTP/2 upstream when the application spoke HTTP/2, else HTTP/1.1. */
void encode_http_upstream(struct arena *a, PbCluster *c, const struct plan_connection *p);
/* cluster.c, endpoint.c, listener.c, route.c: whole resources, added to the bundle. */
void encode_cluster(struct encoder *e, const struct plan_cluster *c, bool health_checks);
/* The application at 127.0.0.1:|port|. |is_http|: somebody hands it HTTP. */
void encode_local_cluster(struct encoder *e, struct str name, int64_t port, bool is_http, struct str origin);
void encode_base_clusters(struct encoder *e, const struct plan_base *b);
void encode_assignment(struct encoder *e, const struct plan_assignment *p);
void encode_outbound_listener(struct encoder *e, const struct plan_listener *l);
void encode_capture_listener(struct encoder *e, const struct plan_base *b);
void encode_inbound_listener(struct encoder *e, const struct plan_inbound *in);
void encode_outbound_route(struct encoder *e, const struct plan_route_config *r);
void encode_inbound_route(struct encoder *e, const struct plan_chain *chain);
/* All paths to the application, for those whom |access| lets in, as often as |limits| allow. */
struct local_route {
    struct str name, cluster;
    PbRbac *access;
    const struct plan_limits *limits;
    struct str origin;
};
void encode_local_route(struct encoder *e, const struct local_route *l);

/* ingress.c: callers outside the mesh. */
void encode_ingress_chains(struct encoder *e, const struct plan_inbound *in, PbListener *m);
void encode_ingress_route(struct encoder *e, const struct plan_ingress *p);

/* Pieces of the two. */
PbListener *encode_listener(struct arena *a, struct str name, struct str ip, int64_t port);
void encode_listener_filter(struct arena *a, PbListener *m, const char *name, const ProtobufCMessage *config);
PbFilterChain *encode_filter_chain(struct arena *a, PbFilter *f);
/* A chain that closes connections to these ranges and says no_policy; none when there are no ranges. */
void encode_closed_ranges(struct encoder *e, PbListener *m, struct strs ranges);
void encode_add_listener(struct encoder *e, const PbListener *m, struct envoy_resource r);
void encode_forward(struct arena *a, PbRoute *r, const struct plan_weight *v, size_t n);
void encode_answer(struct arena *a, PbRoute *r, uint32_t status, const char *why);

/* egress.c */
void encode_egress_listener(struct encoder *e, const struct plan_egress *p, const struct plan_egress_listener *l);
void encode_egress_routes(struct encoder *e, const struct plan_egress_routes *r);
void encode_egress_cluster(struct encoder *e, const struct plan_egress_cluster *c, struct strs closed);
/* Where all of one proxy's egress finds names resolved: never to an address of the cluster or of the pod itself. */
PbDnsCache *encode_dns_cache(struct arena *a, struct strs closed);

/* json.c: any message; see envoy_bundle_to_json. */
void envoy_message_to_json(const ProtobufCMessage *m, struct buf *out);
