#include <stdio.h>
#include <stdlib.h>

#include "envoy/encode.h"

void encode_check(bool ok, const char *why)
{
    if (ok) return;
    fprintf(stderr, "osm: %s\n", why);
    abort();
}

void encode_resource(struct encoder *e, const ProtobufCMessage *m, struct envoy_resource r)
{
    r.bytes = pb_pack(e->a, m);
    list_push(e->a, &e->out->resources, r);
}

static int by_type_and_name(const void *x, const void *y)
{
    const struct envoy_resource *a = x, *b = y;
    if (a->type != b->type) return a->type < b->type ? -1 : 1;
    return str_cmp(a->name, b->name);
}

static void finish(struct envoy_bundle *b) { list_sort(&b->resources, by_type_and_name); }

void envoy_encode_outbound(struct arena *a, const struct plan_outbound *p, struct envoy_bundle *out)
{
    struct encoder e = {.a = a, .tls = &p->tls, .out = out};
    for (each(c, p->clusters)) encode_cluster(&e, c, p->health_checks);
    for (each(r, p->routes)) encode_outbound_route(&e, r);
    finish(out);
}

void envoy_encode_listeners(struct arena *a, const struct plan_outbound *p, const struct plan_hop *hop,
                            struct envoy_bundle *out)
{
    struct encoder e = {.a = a, .tls = &p->tls, .hop = hop, .out = out};
    for (each(l, p->listeners)) encode_outbound_listener(&e, l);
    finish(out);
}

void envoy_encode_endpoints(struct arena *a, const struct plan_endpoints *p, struct envoy_bundle *out)
{
    struct encoder e = {.a = a, .out = out};
    for (each(x, p->assignments)) encode_assignment(&e, x);
    finish(out);
}

static bool has_ingress(const struct plan_inbound *p, struct str local_cluster)
{
    for (each(i, p->ingress))
        if (str_eq(i->local_cluster, local_cluster)) return true;
    return false;
}

static bool has_chain(const struct plan_inbound *p, struct str local_cluster)
{
    for (each(c, p->chains))
        if (encode_is_open(c) && str_eq(c->local_cluster, local_cluster)) return true;
    return false;
}

/* A chain of the mesh and one for ingress share the port's cluster. */
static void local_clusters(struct encoder *e, const struct plan_inbound *p)
{
    for (each(c, p->chains))
        if (encode_is_open(c))
            encode_local_cluster(e, c->local_cluster, c->port,
                                 encode_is_http(c->protocol) || has_ingress(p, c->local_cluster), c->origin);
    for (each(i, p->ingress))
        if (!has_chain(p, i->local_cluster)) encode_local_cluster(e, i->local_cluster, i->port, true, i->origin);
}

void envoy_encode_inbound(struct arena *a, const struct plan_inbound *p, const struct plan_hop *hop,
                          struct envoy_bundle *out)
{
    struct encoder e = {.a = a, .tls = &p->tls, .hop = hop, .out = out};
    encode_inbound_listener(&e, p);
    local_clusters(&e, p);
    for (each(chain, p->chains))
        if (encode_is_open(chain) && chain->route_config.n) encode_inbound_route(&e, chain);
    for (each(i, p->ingress)) encode_ingress_route(&e, i);
    for (each(s, p->counters)) encode_outside_cluster(&e, s);
    finish(out);
}

void envoy_encode_egress(struct arena *a, const struct plan_egress *p, const struct plan_hop *hop,
                         struct envoy_bundle *out)
{
    struct encoder e = {.a = a, .hop = hop, .out = out};
    for (each(c, p->clusters)) encode_egress_cluster(&e, c, p->closed_ranges);
    for (each(l, p->listeners)) encode_egress_listener(&e, p, l);
    for (each(r, p->routes)) encode_egress_routes(&e, r);
    finish(out);
}

void envoy_encode_base(struct arena *a, const struct plan_base *p, const struct plan_hop *hop, struct envoy_bundle *out)
{
    struct encoder e = {.a = a, .tls = &p->tls, .hop = hop, .out = out};
    encode_base_clusters(&e, p);
    encode_capture_listener(&e, p);
    finish(out);
}
