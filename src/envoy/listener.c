#include "base/names.h"
#include "envoy/encode.h"

#define DIRECTION(x) ENVOY__CONFIG__CORE__V3__TRAFFIC_DIRECTION__##x

PbListener *encode_listener(struct arena *a, struct str name, struct str ip, int64_t port)
{
    PbListener *m = NEW(a, Listener);
    m->name = pb_str(a, name);
    m->address = encode_address(a, ip, port);
    m->traffic_direction = DIRECTION(OUTBOUND);
    return m;
}

PbFilterChain *encode_filter_chain(struct arena *a, PbFilter *f)
{
    PbFilterChain *m = NEW(a, FilterChain);
    PB_ADD(a, m, filters, f);
    return m;
}

void encode_add_listener(struct encoder *e, const PbListener *m, struct envoy_resource r)
{
    r.type = ENVOY_LISTENER;
    encode_hop_clusters(e, &r.clusters);
    r.name = str_of(m->name); /* Envoy goes by the listener's own name: the two must be equal */
    encode_resource(e, &m->base, r);
}

void encode_outbound_listener(struct encoder *e, const struct plan_listener *p)
{
    struct arena *a = e->a;
    struct envoy_resource r = {.origin = p->origin};
    PbListener *m = encode_listener(a, p->name, p->address, p->port);
    m->bind_to_port = pb_bool(a, false);
    PbFilter *f;
    if (encode_is_http(p->protocol)) {
        struct http_options o = {.direction = DIR_OUTBOUND, .route_config = p->route_config, .service = p->service};
        f = encode_http(e, &o);
    } else {
        f = encode_tcp_outbound(e, p);
        for (each(w, p->clusters)) list_push(a, &r.clusters, w->cluster);
    }
    PB_ADD(a, m, filter_chains, encode_filter_chain(a, f));
    encode_add_listener(e, m, r);
}

static PbFilterChain *closed_chain(struct encoder *e, const char *name, struct encoded_logs logs)
{
    PbFilterChain *c = encode_filter_chain(e->a, encode_tcp(e, name, S(CLUSTER_NONE), logs));
    c->name = (char *)name;
    c->filter_chain_match = NEW(e->a, ChainMatch);
    return c;
}

void encode_closed_ranges(struct encoder *e, PbListener *m, struct strs ranges)
{
    if (!ranges.n) return;
    PbFilterChain *c = closed_chain(e, "no_policy", encode_denied_log(e));
    for (each(range, ranges)) PB_ADD(e->a, c->filter_chain_match, prefix_ranges, encode_cidr(e->a, *range));
    PB_ADD(e->a, m, filter_chains, c);
}

/* Connections whose original destination has no listener of its own: addresses of the cluster that the caller has no
 * rule for are closed, egress or not; anything else is passed through or closed. */
void encode_capture_listener(struct encoder *e, const struct plan_base *b)
{
    struct arena *a = e->a;
    PbListener *m = encode_listener(a, S(LISTENER_CAPTURE), S("0.0.0.0"), PORT_OUTBOUND);
    m->use_original_dst = pb_bool(a, true);
    /* A connection made to this port itself would be passed through to itself for ever. */
    PbFilterChain *self = closed_chain(e, "self", encode_request_logs(e));
    self->filter_chain_match->destination_port = pb_u32(a, PORT_OUTBOUND);
    PB_ADD(a, m, filter_chains, self);
    encode_closed_ranges(e, m, b->closed_ranges);
    struct str to = b->egress ? S(CLUSTER_PASSTHROUGH) : S(CLUSTER_NONE);
    m->default_filter_chain = encode_filter_chain(a, encode_tcp(e, "egress", to, encode_request_logs(e)));
    struct envoy_resource r = {0};
    list_push(a, &r.clusters, S(CLUSTER_NONE));
    if (b->egress) list_push(a, &r.clusters, to);
    encode_add_listener(e, m, r);
}

static PbChainMatch *chain_match(struct arena *a, const struct plan_chain *p)
{
    PbChainMatch *m = NEW(a, ChainMatch);
    m->destination_port = pb_u32(a, (uint32_t)p->port);
    PB_ADD(a, m, server_names, pb_str(a, p->server_name));
    m->transport_protocol = "tls";
    PB_ADD(a, m, application_protocols, NAME_ALPN);
    return m;
}

static bool has_path_rules(const struct plan_chain *p)
{
    for (each(r, p->rules))
        if (r->path_regex.n) return true;
    return false;
}

/* Who may talk to a TCP port is decided in the handshake: a server that speaks first would have spoken before the
 * network filter saw the client's first byte. The filter stands behind it all the same. */
static void tcp_chain(struct encoder *e, const struct plan_chain *p, PbFilterChain *m)
{
    PbNetworkRbac *rbac = NEW(e->a, NetworkRbac);
    rbac->stat_prefix = "inbound";
    rbac->rules = encode_tcp_rbac(e->a, p);
    PB_ADD(e->a, m, filters, encode_filter(e->a, FILTER_NETWORK_RBAC, &rbac->base));
    PB_ADD(e->a, m, filters, encode_tcp_inbound(e, p));
    m->transport_socket = encode_tls_downstream(e, p->tcp_any ? NULL : &p->tcp_principals);
}

static void http_chain(struct encoder *e, const struct plan_chain *p, PbFilterChain *m)
{
    struct http_options o = {
        .direction = DIR_INBOUND,
        .route_config = p->route_config,
        .service = p->service,
        .path_rules = has_path_rules(p),
        .may_stream = p->protocol == PLAN_GRPC,
        .from_mesh = true,
        .limits = &p->limits,
    };
    PB_ADD(e->a, m, filters, encode_http(e, &o));
    m->transport_socket = encode_tls_downstream(e, NULL);
}

bool encode_is_open(const struct plan_chain *p)
{
    return encode_is_http(p->protocol) || (!p->denied && (p->tcp_any || p->tcp_principals.n));
}

static PbFilterChain *inbound_chain(struct encoder *e, const struct plan_chain *p)
{
    PbFilterChain *m = NEW(e->a, FilterChain);
    m->name = pb_str(e->a, p->name);
    m->filter_chain_match = chain_match(e->a, p);
    encode_connection_limits(e, m, &p->limits);
    (encode_is_http(p->protocol) ? http_chain : tcp_chain)(e, p, m);
    return m;
}

void encode_listener_filter(struct arena *a, PbListener *m, const char *name, const ProtobufCMessage *config)
{
    PbListenerFilter *f = NEW(a, ListenerFilter);
    f->name = (char *)name;
    PB_ONE(f, typed_config, pb_any(a, config));
    PB_ADD(a, m, listener_filters, f);
}

static void add_origin(struct arena *a, struct strs *all, struct str origin)
{
    for (struct str rest = origin; rest.p && rest.n;) {
        struct str one = str_trim(str_cut(&rest, ';'));
        if (one.n && !strs_has(*all, one)) list_push(a, all, one);
    }
}

/* Nothing is emitted for a workload without an open port: 15003 then refuses. */
void encode_inbound_listener(struct encoder *e, const struct plan_inbound *in)
{
    struct arena *a = e->a;
    struct envoy_resource r = {0};
    struct strs origins = {0};
    PbListener *m = encode_listener(a, S(LISTENER_INBOUND), S("0.0.0.0"), PORT_INBOUND);
    m->traffic_direction = DIRECTION(INBOUND);
    encode_listener_filter(a, m, "envoy.filters.listener.tls_inspector", &NEW(a, TlsInspector)->base);
    encode_listener_filter(a, m, "envoy.filters.listener.original_dst", &NEW(a, OriginalDst)->base);
    struct encoded_logs unmatched = encode_unmatched_logs(e);
    for (each(log, unmatched)) PB_ADD(a, m, access_log, *log);
    for (each(p, in->chains)) {
        if (!encode_is_open(p)) continue;
        PB_ADD(a, m, filter_chains, inbound_chain(e, p));
        if (!encode_is_http(p->protocol)) list_push(a, &r.clusters, p->local_cluster);
        add_origin(a, &origins, p->origin);
    }
    encode_ingress_chains(e, in, m);
    for (each(p, in->ingress)) add_origin(a, &origins, p->origin);
    if (!m->n_filter_chains) return;
    r.origin = str_join(a, origins, S("; "));
    encode_add_listener(e, m, r);
}
