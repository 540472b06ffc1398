/* pb.h - building protobuf messages in an arena.
 *
 * The generated names are long; every message of proto/ has a short one here: `struct` type PbCluster, made by
 * NEW(a, Cluster). Messages, their strings and lists live in the arena and are never freed one by one. */
#pragma once
#include "envoy/config/accesslog/v3/accesslog.pb-c.h"
#include "envoy/config/cluster/v3/circuit_breaker.pb-c.h"
#include "envoy/config/cluster/v3/cluster.pb-c.h"
#include "envoy/config/cluster/v3/outlier_detection.pb-c.h"
#include "envoy/config/core/v3/address.pb-c.h"
#include "envoy/config/core/v3/base.pb-c.h"
#include "envoy/config/core/v3/config_source.pb-c.h"
#include "envoy/config/core/v3/extension.pb-c.h"
#include "envoy/config/core/v3/grpc_service.pb-c.h"
#include "envoy/config/core/v3/health_check.pb-c.h"
#include "envoy/config/core/v3/protocol.pb-c.h"
#include "envoy/config/core/v3/resolver.pb-c.h"
#include "envoy/config/core/v3/substitution_format_string.pb-c.h"
#include "envoy/config/endpoint/v3/endpoint.pb-c.h"
#include "envoy/config/endpoint/v3/endpoint_components.pb-c.h"
#include "envoy/config/listener/v3/listener.pb-c.h"
#include "envoy/config/listener/v3/listener_components.pb-c.h"
#include "envoy/config/ratelimit/v3/rls.pb-c.h"
#include "envoy/config/rbac/v3/rbac.pb-c.h"
#include "envoy/config/route/v3/route.pb-c.h"
#include "envoy/config/route/v3/route_components.pb-c.h"
#include "envoy/config/trace/v3/http_tracer.pb-c.h"
#include "envoy/config/trace/v3/opentelemetry.pb-c.h"
#include "envoy/config/trace/v3/zipkin.pb-c.h"
#include "envoy/data/accesslog/v3/accesslog.pb-c.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb-c.h"
#include "envoy/extensions/access_loggers/open_telemetry/v3/logs_service.pb-c.h"
#include "envoy/extensions/access_loggers/stats/v3/stats.pb-c.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb-c.h"
#include "envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster.pb-c.h"
#include "envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache.pb-c.h"
#include "envoy/extensions/common/ratelimit/v3/ratelimit.pb-c.h"
#include "envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy.pb-c.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb-c.h"
#include "envoy/extensions/filters/http/health_check/v3/health_check.pb-c.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb-c.h"
#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.pb-c.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb-c.h"
#include "envoy/extensions/filters/http/router/v3/router.pb-c.h"
#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb-c.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb-c.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"
#include "envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit.pb-c.h"
#include "envoy/extensions/filters/network/ratelimit/v3/rate_limit.pb-c.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb-c.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb-c.h"
#include "envoy/extensions/load_balancing_policies/common/v3/common.pb-c.h"
#include "envoy/extensions/load_balancing_policies/maglev/v3/maglev.pb-c.h"
#include "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.pb-c.h"
#include "envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.pb-c.h"
#include "envoy/extensions/tracers/opentelemetry/resource_detectors/v3/environment_resource_detector.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/common.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb-c.h"
#include "envoy/type/matcher/v3/address.pb-c.h"
#include "envoy/type/matcher/v3/path.pb-c.h"
#include "envoy/type/matcher/v3/regex.pb-c.h"
#include "envoy/type/matcher/v3/string.pb-c.h"
#include "envoy/type/v3/http_status.pb-c.h"
#include "envoy/type/v3/percent.pb-c.h"
#include "envoy/type/v3/scope.pb-c.h"
#include "envoy/type/v3/token_bucket.pb-c.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/struct.pb-c.h"
#include "google/protobuf/wrappers.pb-c.h"
#include "opentelemetry/proto/common/v1/common.pb-c.h"
#include "xds/core/v3/cidr.pb-c.h"

#include "base/list.h"

/* X(short name, generated type, generated prefix) */
// clang-format off
#define PB_MESSAGES(X) \
    X(Any, Google__Protobuf__Any, google__protobuf__any) \
    X(Duration, Google__Protobuf__Duration, google__protobuf__duration) \
    X(U32, Google__Protobuf__UInt32Value, google__protobuf__uint32_value) \
    X(U64, Google__Protobuf__UInt64Value, google__protobuf__uint64_value) \
    X(Bool, Google__Protobuf__BoolValue, google__protobuf__bool_value) \
    X(Struct, Google__Protobuf__Struct, google__protobuf__struct) \
    X(Value, Google__Protobuf__Value, google__protobuf__value) \
    X(ListValue, Google__Protobuf__ListValue, google__protobuf__list_value) \
    X(SocketAddress, Envoy__Config__Core__V3__SocketAddress, envoy__config__core__v3__socket_address) \
    X(Address, Envoy__Config__Core__V3__Address, envoy__config__core__v3__address) \
    X(BindConfig, Envoy__Config__Core__V3__BindConfig, envoy__config__core__v3__bind_config) \
    X(CidrRange, Envoy__Config__Core__V3__CidrRange, envoy__config__core__v3__cidr_range) \
    X(Metadata, Envoy__Config__Core__V3__Metadata, envoy__config__core__v3__metadata) \
    X(DataSource, Envoy__Config__Core__V3__DataSource, envoy__config__core__v3__data_source) \
    X(TransportSocket, Envoy__Config__Core__V3__TransportSocket, envoy__config__core__v3__transport_socket) \
    X(AdsSource, Envoy__Config__Core__V3__AggregatedConfigSource, envoy__config__core__v3__aggregated_config_source) \
    X(PathSource, Envoy__Config__Core__V3__PathConfigSource, envoy__config__core__v3__path_config_source) \
    X(ConfigSource, Envoy__Config__Core__V3__ConfigSource, envoy__config__core__v3__config_source) \
    X(Http1Options, Envoy__Config__Core__V3__Http1ProtocolOptions, envoy__config__core__v3__http1_protocol_options) \
    X(Http2Options, Envoy__Config__Core__V3__Http2ProtocolOptions, envoy__config__core__v3__http2_protocol_options) \
    X(HttpOptions, Envoy__Config__Core__V3__HttpProtocolOptions, envoy__config__core__v3__http_protocol_options) \
    X(Format, Envoy__Config__Core__V3__SubstitutionFormatString, envoy__config__core__v3__substitution_format_string) \
    X(AccessLog, Envoy__Config__Accesslog__V3__AccessLog, envoy__config__accesslog__v3__access_log) \
    X(LogFilter, Envoy__Config__Accesslog__V3__AccessLogFilter, envoy__config__accesslog__v3__access_log_filter) \
    X(LogTypeFilter, Envoy__Config__Accesslog__V3__LogTypeFilter, envoy__config__accesslog__v3__log_type_filter) \
    X(ResponseFlagFilter, Envoy__Config__Accesslog__V3__ResponseFlagFilter, envoy__config__accesslog__v3__response_flag_filter) \
    X(StdoutLog, Envoy__Extensions__AccessLoggers__Stream__V3__StdoutAccessLog, envoy__extensions__access_loggers__stream__v3__stdout_access_log) \
    X(FileLog, Envoy__Extensions__AccessLoggers__File__V3__FileAccessLog, envoy__extensions__access_loggers__file__v3__file_access_log) \
    X(StatScope, Envoy__Type__V3__Scope, envoy__type__v3__scope) \
    X(StatsLog, Envoy__Extensions__AccessLoggers__Stats__V3__Config, envoy__extensions__access_loggers__stats__v3__config) \
    X(StatTag, Envoy__Extensions__AccessLoggers__Stats__V3__Config__Tag, envoy__extensions__access_loggers__stats__v3__config__tag) \
    X(Stat, Envoy__Extensions__AccessLoggers__Stats__V3__Config__Stat, envoy__extensions__access_loggers__stats__v3__config__stat) \
    X(StatHistogram, Envoy__Extensions__AccessLoggers__Stats__V3__Config__Histogram, envoy__extensions__access_loggers__stats__v3__config__histogram) \
    X(StatCounter, Envoy__Extensions__AccessLoggers__Stats__V3__Config__Counter, envoy__extensions__access_loggers__stats__v3__config__counter) \
    X(Regex, Envoy__Type__Matcher__V3__RegexMatcher, envoy__type__matcher__v3__regex_matcher) \
    X(StringMatcher, Envoy__Type__Matcher__V3__StringMatcher, envoy__type__matcher__v3__string_matcher) \
    X(PathMatcher, Envoy__Type__Matcher__V3__PathMatcher, envoy__type__matcher__v3__path_matcher) \
    X(VirtualHost, Envoy__Config__Route__V3__VirtualHost, envoy__config__route__v3__virtual_host) \
    X(Route, Envoy__Config__Route__V3__Route, envoy__config__route__v3__route) \
    X(RouteMatch, Envoy__Config__Route__V3__RouteMatch, envoy__config__route__v3__route_match) \
    X(RouteAction, Envoy__Config__Route__V3__RouteAction, envoy__config__route__v3__route_action) \
    X(WeightedCluster, Envoy__Config__Route__V3__WeightedCluster, envoy__config__route__v3__weighted_cluster) \
    X(ClusterWeight, Envoy__Config__Route__V3__WeightedCluster__ClusterWeight, envoy__config__route__v3__weighted_cluster__cluster_weight) \
    X(DirectResponse, Envoy__Config__Route__V3__DirectResponseAction, envoy__config__route__v3__direct_response_action) \
    X(HeaderMatcher, Envoy__Config__Route__V3__HeaderMatcher, envoy__config__route__v3__header_matcher) \
    X(RouteConfig, Envoy__Config__Route__V3__RouteConfiguration, envoy__config__route__v3__route_configuration) \
    X(Rbac, Envoy__Config__Rbac__V3__RBAC, envoy__config__rbac__v3__rbac) \
    X(Policy, Envoy__Config__Rbac__V3__Policy, envoy__config__rbac__v3__policy) \
    X(Permission, Envoy__Config__Rbac__V3__Permission, envoy__config__rbac__v3__permission) \
    X(PermissionSet, Envoy__Config__Rbac__V3__Permission__Set, envoy__config__rbac__v3__permission__set) \
    X(Principal, Envoy__Config__Rbac__V3__Principal, envoy__config__rbac__v3__principal) \
    X(PrincipalSet, Envoy__Config__Rbac__V3__Principal__Set, envoy__config__rbac__v3__principal__set) \
    X(Authenticated, Envoy__Config__Rbac__V3__Principal__Authenticated, envoy__config__rbac__v3__principal__authenticated) \
    X(Endpoint, Envoy__Config__Endpoint__V3__Endpoint, envoy__config__endpoint__v3__endpoint) \
    X(LbEndpoint, Envoy__Config__Endpoint__V3__LbEndpoint, envoy__config__endpoint__v3__lb_endpoint) \
    X(LocalityEndpoints, Envoy__Config__Endpoint__V3__LocalityLbEndpoints, envoy__config__endpoint__v3__locality_lb_endpoints) \
    X(Assignment, Envoy__Config__Endpoint__V3__ClusterLoadAssignment, envoy__config__endpoint__v3__cluster_load_assignment) \
    X(CircuitBreakers, Envoy__Config__Cluster__V3__CircuitBreakers, envoy__config__cluster__v3__circuit_breakers) \
    X(Thresholds, Envoy__Config__Cluster__V3__CircuitBreakers__Thresholds, envoy__config__cluster__v3__circuit_breakers__thresholds) \
    X(Cluster, Envoy__Config__Cluster__V3__Cluster, envoy__config__cluster__v3__cluster) \
    X(ClusterType, Envoy__Config__Cluster__V3__Cluster__CustomClusterType, envoy__config__cluster__v3__cluster__custom_cluster_type) \
    X(Extension, Envoy__Config__Core__V3__TypedExtensionConfig, envoy__config__core__v3__typed_extension_config) \
    X(DnsOptions, Envoy__Config__Core__V3__DnsResolverOptions, envoy__config__core__v3__dns_resolver_options) \
    X(CaresResolver, Envoy__Extensions__Network__DnsResolver__Cares__V3__CaresDnsResolverConfig, envoy__extensions__network__dns_resolver__cares__v3__cares_dns_resolver_config) \
    X(XdsCidr, Xds__Core__V3__CidrRange, xds__core__v3__cidr_range) \
    X(AddressMatcher, Envoy__Type__Matcher__V3__AddressMatcher, envoy__type__matcher__v3__address_matcher) \
    X(DnsCache, Envoy__Extensions__Common__DynamicForwardProxy__V3__DnsCacheConfig, envoy__extensions__common__dynamic_forward_proxy__v3__dns_cache_config) \
    X(ForwardCluster, Envoy__Extensions__Clusters__DynamicForwardProxy__V3__ClusterConfig, envoy__extensions__clusters__dynamic_forward_proxy__v3__cluster_config) \
    X(ForwardFilter, Envoy__Extensions__Filters__Http__DynamicForwardProxy__V3__FilterConfig, envoy__extensions__filters__http__dynamic_forward_proxy__v3__filter_config) \
    X(ForwardRoute, Envoy__Extensions__Filters__Http__DynamicForwardProxy__V3__PerRouteConfig, envoy__extensions__filters__http__dynamic_forward_proxy__v3__per_route_config) \
    X(RouteEntry, Envoy__Config__Route__V3__Route__TypedPerFilterConfigEntry, envoy__config__route__v3__route__typed_per_filter_config_entry) \
    X(EdsConfig, Envoy__Config__Cluster__V3__Cluster__EdsClusterConfig, envoy__config__cluster__v3__cluster__eds_cluster_config) \
    X(UpstreamHttp, Envoy__Extensions__Upstreams__Http__V3__HttpProtocolOptions, envoy__extensions__upstreams__http__v3__http_protocol_options) \
    X(DownstreamHttp, Envoy__Extensions__Upstreams__Http__V3__HttpProtocolOptions__UseDownstreamHttpConfig, envoy__extensions__upstreams__http__v3__http_protocol_options__use_downstream_http_config) \
    X(SdsSecret, Envoy__Extensions__TransportSockets__Tls__V3__SdsSecretConfig, envoy__extensions__transport_sockets__tls__v3__sds_secret_config) \
    X(TlsParams, Envoy__Extensions__TransportSockets__Tls__V3__TlsParameters, envoy__extensions__transport_sockets__tls__v3__tls_parameters) \
    X(SanMatcher, Envoy__Extensions__TransportSockets__Tls__V3__SubjectAltNameMatcher, envoy__extensions__transport_sockets__tls__v3__subject_alt_name_matcher) \
    X(Validation, Envoy__Extensions__TransportSockets__Tls__V3__CertificateValidationContext, envoy__extensions__transport_sockets__tls__v3__certificate_validation_context) \
    X(CommonTls, Envoy__Extensions__TransportSockets__Tls__V3__CommonTlsContext, envoy__extensions__transport_sockets__tls__v3__common_tls_context) \
    X(CombinedValidation, Envoy__Extensions__TransportSockets__Tls__V3__CommonTlsContext__CombinedCertificateValidationContext, envoy__extensions__transport_sockets__tls__v3__common_tls_context__combined_certificate_validation_context) \
    X(UpstreamTls, Envoy__Extensions__TransportSockets__Tls__V3__UpstreamTlsContext, envoy__extensions__transport_sockets__tls__v3__upstream_tls_context) \
    X(DownstreamTls, Envoy__Extensions__TransportSockets__Tls__V3__DownstreamTlsContext, envoy__extensions__transport_sockets__tls__v3__downstream_tls_context) \
    X(Filter, Envoy__Config__Listener__V3__Filter, envoy__config__listener__v3__filter) \
    X(ChainMatch, Envoy__Config__Listener__V3__FilterChainMatch, envoy__config__listener__v3__filter_chain_match) \
    X(FilterChain, Envoy__Config__Listener__V3__FilterChain, envoy__config__listener__v3__filter_chain) \
    X(ListenerFilter, Envoy__Config__Listener__V3__ListenerFilter, envoy__config__listener__v3__listener_filter) \
    X(Listener, Envoy__Config__Listener__V3__Listener, envoy__config__listener__v3__listener) \
    X(OriginalDst, Envoy__Extensions__Filters__Listener__OriginalDst__V3__OriginalDst, envoy__extensions__filters__listener__original_dst__v3__original_dst) \
    X(TlsInspector, Envoy__Extensions__Filters__Listener__TlsInspector__V3__TlsInspector, envoy__extensions__filters__listener__tls_inspector__v3__tls_inspector) \
    X(HttpRbac, Envoy__Extensions__Filters__Http__Rbac__V3__RBAC, envoy__extensions__filters__http__rbac__v3__rbac) \
    X(RbacPerRoute, Envoy__Extensions__Filters__Http__Rbac__V3__RBACPerRoute, envoy__extensions__filters__http__rbac__v3__rbacper_route) \
    X(Router, Envoy__Extensions__Filters__Http__Router__V3__Router, envoy__extensions__filters__http__router__v3__router) \
    X(NetworkRbac, Envoy__Extensions__Filters__Network__Rbac__V3__RBAC, envoy__extensions__filters__network__rbac__v3__rbac) \
    X(TcpProxy, Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy, envoy__extensions__filters__network__tcp_proxy__v3__tcp_proxy) \
    X(TcpLogOptions, Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy__TcpAccessLogOptions, envoy__extensions__filters__network__tcp_proxy__v3__tcp_proxy__tcp_access_log_options) \
    X(TcpWeightedCluster, Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy__WeightedCluster, envoy__extensions__filters__network__tcp_proxy__v3__tcp_proxy__weighted_cluster) \
    X(TcpClusterWeight, Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy__WeightedCluster__ClusterWeight, envoy__extensions__filters__network__tcp_proxy__v3__tcp_proxy__weighted_cluster__cluster_weight) \
    X(Hcm, Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager, envoy__extensions__filters__network__http_connection_manager__v3__http_connection_manager) \
    X(Upgrade, Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager__UpgradeConfig, envoy__extensions__filters__network__http_connection_manager__v3__http_connection_manager__upgrade_config) \
    X(Rds, Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__Rds, envoy__extensions__filters__network__http_connection_manager__v3__rds) \
    X(HttpFilter, Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpFilter, envoy__extensions__filters__network__http_connection_manager__v3__http_filter) \
    X(StructField, Google__Protobuf__Struct__FieldsEntry, google__protobuf__struct__fields_entry) \
    X(MetadataEntry, Envoy__Config__Core__V3__Metadata__FilterMetadataEntry, envoy__config__core__v3__metadata__filter_metadata_entry) \
    X(RuntimeFraction, Envoy__Config__Core__V3__RuntimeFractionalPercent, envoy__config__core__v3__runtime_fractional_percent) \
    X(Fraction, Envoy__Type__V3__FractionalPercent, envoy__type__v3__fractional_percent) \
    X(GrpcService, Envoy__Config__Core__V3__GrpcService, envoy__config__core__v3__grpc_service) \
    X(EnvoyGrpc, Envoy__Config__Core__V3__GrpcService__EnvoyGrpc, envoy__config__core__v3__grpc_service__envoy_grpc) \
    X(HealthCheck, Envoy__Config__Core__V3__HealthCheck, envoy__config__core__v3__health_check) \
    X(HttpHealthCheck, Envoy__Config__Core__V3__HealthCheck__HttpHealthCheck, envoy__config__core__v3__health_check__http_health_check) \
    X(TcpHealthCheck, Envoy__Config__Core__V3__HealthCheck__TcpHealthCheck, envoy__config__core__v3__health_check__tcp_health_check) \
    X(HeaderValue, Envoy__Config__Core__V3__HeaderValue, envoy__config__core__v3__header_value) \
    X(HeaderValueOption, Envoy__Config__Core__V3__HeaderValueOption, envoy__config__core__v3__header_value_option) \
    X(NotHealthCheckFilter, Envoy__Config__Accesslog__V3__NotHealthCheckFilter, envoy__config__accesslog__v3__not_health_check_filter) \
    X(OtlpLog, Envoy__Extensions__AccessLoggers__OpenTelemetry__V3__OpenTelemetryAccessLogConfig, envoy__extensions__access_loggers__open_telemetry__v3__open_telemetry_access_log_config) \
    X(OtlpValue, Opentelemetry__Proto__Common__V1__AnyValue, opentelemetry__proto__common__v1__any_value) \
    X(OtlpArray, Opentelemetry__Proto__Common__V1__ArrayValue, opentelemetry__proto__common__v1__array_value) \
    X(OtlpMap, Opentelemetry__Proto__Common__V1__KeyValueList, opentelemetry__proto__common__v1__key_value_list) \
    X(OtlpPair, Opentelemetry__Proto__Common__V1__KeyValue, opentelemetry__proto__common__v1__key_value) \
    X(HcmTracing, Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager__Tracing, envoy__extensions__filters__network__http_connection_manager__v3__http_connection_manager__tracing) \
    X(HttpTracer, Envoy__Config__Trace__V3__Tracing__Http, envoy__config__trace__v3__tracing__http) \
    X(Zipkin, Envoy__Config__Trace__V3__ZipkinConfig, envoy__config__trace__v3__zipkin_config) \
    X(OtlpTracer, Envoy__Config__Trace__V3__OpenTelemetryConfig, envoy__config__trace__v3__open_telemetry_config) \
    X(EnvironmentDetector, Envoy__Extensions__Tracers__Opentelemetry__ResourceDetectors__V3__EnvironmentResourceDetectorConfig, envoy__extensions__tracers__opentelemetry__resource_detectors__v3__environment_resource_detector_config) \
    X(Percent, Envoy__Type__V3__Percent, envoy__type__v3__percent) \
    X(ExtAuthz, Envoy__Extensions__Filters__Http__ExtAuthz__V3__ExtAuthz, envoy__extensions__filters__http__ext_authz__v3__ext_authz) \
    X(BodySettings, Envoy__Extensions__Filters__Http__ExtAuthz__V3__BufferSettings, envoy__extensions__filters__http__ext_authz__v3__buffer_settings) \
    X(HealthFilter, Envoy__Extensions__Filters__Http__HealthCheck__V3__HealthCheck, envoy__extensions__filters__http__health_check__v3__health_check) \
    X(ExplicitHttp, Envoy__Extensions__Upstreams__Http__V3__HttpProtocolOptions__ExplicitHttpConfig, envoy__extensions__upstreams__http__v3__http_protocol_options__explicit_http_config) \
    X(Locality, Envoy__Config__Core__V3__Locality, envoy__config__core__v3__locality) \
    X(TokenBucket, Envoy__Type__V3__TokenBucket, envoy__type__v3__token_bucket) \
    X(HttpStatus, Envoy__Type__V3__HttpStatus, envoy__type__v3__http_status) \
    X(RateLimitService, Envoy__Config__Ratelimit__V3__RateLimitServiceConfig, envoy__config__ratelimit__v3__rate_limit_service_config) \
    X(Outlier, Envoy__Config__Cluster__V3__OutlierDetection, envoy__config__cluster__v3__outlier_detection) \
    X(CommonLb, Envoy__Config__Cluster__V3__Cluster__CommonLbConfig, envoy__config__cluster__v3__cluster__common_lb_config) \
    X(LbPolicies, Envoy__Config__Cluster__V3__LoadBalancingPolicy, envoy__config__cluster__v3__load_balancing_policy) \
    X(LbPolicy, Envoy__Config__Cluster__V3__LoadBalancingPolicy__Policy, envoy__config__cluster__v3__load_balancing_policy__policy) \
    X(RetryPolicy, Envoy__Config__Route__V3__RetryPolicy, envoy__config__route__v3__retry_policy) \
    X(RetryBackOff, Envoy__Config__Route__V3__RetryPolicy__RetryBackOff, envoy__config__route__v3__retry_policy__retry_back_off) \
    X(Hash, Envoy__Config__Route__V3__RouteAction__HashPolicy, envoy__config__route__v3__route_action__hash_policy) \
    X(HashHeader, Envoy__Config__Route__V3__RouteAction__HashPolicy__Header, envoy__config__route__v3__route_action__hash_policy__header) \
    X(HashCookie, Envoy__Config__Route__V3__RouteAction__HashPolicy__Cookie, envoy__config__route__v3__route_action__hash_policy__cookie) \
    X(HashConnection, Envoy__Config__Route__V3__RouteAction__HashPolicy__ConnectionProperties, envoy__config__route__v3__route_action__hash_policy__connection_properties) \
    X(RouteLimit, Envoy__Config__Route__V3__RateLimit, envoy__config__route__v3__rate_limit) \
    X(LimitAction, Envoy__Config__Route__V3__RateLimit__Action, envoy__config__route__v3__rate_limit__action) \
    X(LimitHeaders, Envoy__Config__Route__V3__RateLimit__Action__RequestHeaders, envoy__config__route__v3__rate_limit__action__request_headers) \
    X(LimitAddress, Envoy__Config__Route__V3__RateLimit__Action__RemoteAddress, envoy__config__route__v3__rate_limit__action__remote_address) \
    X(LimitKey, Envoy__Config__Route__V3__RateLimit__Action__GenericKey, envoy__config__route__v3__rate_limit__action__generic_key) \
    X(LimitMatch, Envoy__Config__Route__V3__RateLimit__Action__HeaderValueMatch, envoy__config__route__v3__rate_limit__action__header_value_match) \
    X(Descriptor, Envoy__Extensions__Common__Ratelimit__V3__RateLimitDescriptor, envoy__extensions__common__ratelimit__v3__rate_limit_descriptor) \
    X(DescriptorEntry, Envoy__Extensions__Common__Ratelimit__V3__RateLimitDescriptor__Entry, envoy__extensions__common__ratelimit__v3__rate_limit_descriptor__entry) \
    X(HttpLocalLimit, Envoy__Extensions__Filters__Http__LocalRatelimit__V3__LocalRateLimit, envoy__extensions__filters__http__local_ratelimit__v3__local_rate_limit) \
    X(HttpLimit, Envoy__Extensions__Filters__Http__Ratelimit__V3__RateLimit, envoy__extensions__filters__http__ratelimit__v3__rate_limit) \
    X(TcpLocalLimit, Envoy__Extensions__Filters__Network__LocalRatelimit__V3__LocalRateLimit, envoy__extensions__filters__network__local_ratelimit__v3__local_rate_limit) \
    X(TcpLimit, Envoy__Extensions__Filters__Network__Ratelimit__V3__RateLimit, envoy__extensions__filters__network__ratelimit__v3__rate_limit) \
    X(LocalityLb, Envoy__Extensions__LoadBalancingPolicies__Common__V3__LocalityLbConfig, envoy__extensions__load_balancing_policies__common__v3__locality_lb_config) \
    X(ZoneLb, Envoy__Extensions__LoadBalancingPolicies__Common__V3__LocalityLbConfig__ZoneAwareLbConfig, envoy__extensions__load_balancing_policies__common__v3__locality_lb_config__zone_aware_lb_config) \
    X(ForceZone, Envoy__Extensions__LoadBalancingPolicies__Common__V3__LocalityLbConfig__ZoneAwareLbConfig__ForceLocalZone, envoy__extensions__load_balancing_policies__common__v3__locality_lb_config__zone_aware_lb_config__force_local_zone) \
    X(HashLb, Envoy__Extensions__LoadBalancingPolicies__Common__V3__ConsistentHashingLbConfig, envoy__extensions__load_balancing_policies__common__v3__consistent_hashing_lb_config) \
    X(RoundRobin, Envoy__Extensions__LoadBalancingPolicies__RoundRobin__V3__RoundRobin, envoy__extensions__load_balancing_policies__round_robin__v3__round_robin) \
    X(Maglev, Envoy__Extensions__LoadBalancingPolicies__Maglev__V3__Maglev, envoy__extensions__load_balancing_policies__maglev__v3__maglev) \
    X(HostConfigEntry, Envoy__Config__Route__V3__VirtualHost__TypedPerFilterConfigEntry, envoy__config__route__v3__virtual_host__typed_per_filter_config_entry) \
    X(PolicyEntry, Envoy__Config__Rbac__V3__RBAC__PoliciesEntry, envoy__config__rbac__v3__rbac__policies_entry) \
    X(RouteConfigEntry, Envoy__Config__Route__V3__RouteConfiguration__TypedPerFilterConfigEntry, envoy__config__route__v3__route_configuration__typed_per_filter_config_entry) \
    X(ClusterOption, Envoy__Config__Cluster__V3__Cluster__TypedExtensionProtocolOptionsEntry, envoy__config__cluster__v3__cluster__typed_extension_protocol_options_entry)
// clang-format on

/* A zeroed message with the defaults of |d|. */
void *pb_new(struct arena *a, const ProtobufCMessageDescriptor *d);

#define PB_DECLARE(name, type, prefix)                                                                                 \
    typedef type Pb##name;                                                                                             \
    static inline Pb##name *pb_new_##name(struct arena *a) { return pb_new(a, &prefix##__descriptor); }
PB_MESSAGES(PB_DECLARE)
#undef PB_DECLARE

/* PbCluster *c = NEW(a, Cluster); */
#define NEW(a, name) pb_new_##name(a)

/* Appends to the repeated field |f| of |m|, which only this macro fills. */
#define PB_ADD(a, m, f, x) (*(__typeof__((m)->f))list_grow((a), (void **)&(m)->f, &(m)->n_##f, sizeof *(m)->f) = (x))
/* Sets the member |f| of a oneof and with it the oneof's case. */
#define PB_ONE(m, f, x)    ((m)->f = (x), pb_choose(&(m)->base, #f))
void pb_choose(ProtobufCMessage *m, const char *field);

/* NUL-terminated copy for a string field. */
char *pb_str(struct arena *a, struct str s);
/* The message's bytes. Equal messages give equal bytes: fields in number order, lists as they stand. */
struct str pb_pack(struct arena *a, const ProtobufCMessage *m);
/* The message in an Any, its type URL from its descriptor. */
PbAny *pb_any(struct arena *a, const ProtobufCMessage *m);
#define ANY(a, m) pb_any((a), &(m)->base)

/* Wrapped scalars. |seconds| and |ns| may be 0. */
PbU32 *pb_u32(struct arena *a, uint32_t v);
PbU64 *pb_u64(struct arena *a, uint64_t v);
PbBool *pb_bool(struct arena *a, bool v);
PbDuration *pb_seconds(struct arena *a, int64_t seconds);
PbDuration *pb_duration(struct arena *a, int64_t ns);
