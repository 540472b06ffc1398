/* Chains, access and routes for callers outside the mesh, beside the mesh's own on the inbound listener.
 *
 * Envoy chooses a chain step by step and never goes back: destination port, then server name, then TLS or not, then
 * ALPN, then the caller's address. So a chain for any server name is not found by a caller who asks for one that
 * another chain of the port names; it is there once more under these names. Callers of the mesh are told apart by
 * ALPN. */
#include "base/names.h"
#include "envoy/encode.h"

/* ---- chains ---------------------------------------------------------------------------------------------- */

/* Names that the mesh's chains of the port claim and this one is meant for, too. */
static struct strs mesh_names(struct arena *a, const struct plan_inbound *in, const struct plan_ingress *p)
{
    struct strs out = {0};
    for (each(c, in->chains))
        if (c->port == p->port && encode_is_open(c) &&
            (!p->server_names.n || plan_is_named(p->server_names, c->server_name)))
            list_push(a, &out, c->server_name);
    return strs_sort_unique(out);
}

static PbChainMatch *match(struct arena *a, const struct plan_ingress *p, struct strs server_names)
{
    encode_check(p->any_address || p->ranges.n, "an ingress without addresses would admit everyone");
    PbChainMatch *m = NEW(a, ChainMatch);
    m->destination_port = pb_u32(a, (uint32_t)p->port);
    m->transport_protocol = p->tls ? "tls" : "raw_buffer";
    for (each(name, server_names)) PB_ADD(a, m, server_names, pb_str(a, *name));
    for (each(range, p->ranges)) PB_ADD(a, m, source_prefix_ranges, encode_cidr(a, *range));
    return m;
}

static PbFilterChain *chain(struct encoder *e, const struct plan_ingress *p, struct str name, struct strs server_names)
{
    struct http_options o = {.direction = DIR_INBOUND,
                             .route_config = p->route_config,
                             .service = p->service,
                             .may_stream = p->grpc,
                             .limits = &p->limits};
    PbFilterChain *m = NEW(e->a, FilterChain);
    m->name = pb_str(e->a, name);
    m->filter_chain_match = match(e->a, p, server_names);
    encode_connection_limits(e, m, &p->limits);
    PB_ADD(e->a, m, filters, encode_http(e, &o));
    if (p->tls) m->transport_socket = encode_tls_ingress(e, p);
    return m;
}

static struct strs joined(struct arena *a, struct strs x, struct strs y)
{
    struct strs out = {0};
    for (each(s, x)) list_push(a, &out, *s);
    for (each(s, y)) list_push(a, &out, *s);
    return strs_sort_unique(out);
}

void encode_ingress_chains(struct encoder *e, const struct plan_inbound *in, PbListener *m)
{
    struct arena *a = e->a;
    for (each(p, in->ingress)) {
        struct strs claimed = p->tls ? mesh_names(a, in, p) : (struct strs){0};
        struct strs names = p->server_names.n ? joined(a, p->server_names, claimed) : (struct strs){0};
        PB_ADD(a, m, filter_chains, chain(e, p, p->name, names));
        if (p->server_names.n || !claimed.n) continue;
        PB_ADD(a, m, filter_chains, chain(e, p, str_fmt(a, "%.*s|mesh-names", STR_FMT(p->name)), claimed));
    }
}

/* ---- access ---------------------------------------------------------------------------------------------- */

static PbPrincipal *both(struct arena *a, PbPrincipal *x, PbPrincipal *y)
{
    PbPrincipalSet *set = NEW(a, PrincipalSet);
    PB_ADD(a, set, ids, x);
    PB_ADD(a, set, ids, y);
    PbPrincipal *p = NEW(a, Principal);
    PB_ONE(p, and_ids, set);
    return p;
}

static PbPrincipal *one_of(struct arena *a, PbPrincipalSet *set)
{
    encode_check(set->n_ids > 0, "an ingress that names nobody");
    PbPrincipal *p = NEW(a, Principal);
    PB_ONE(p, or_ids, set);
    return p;
}

static PbPrincipal *from_ranges(struct arena *a, struct strs ranges)
{
    PbPrincipalSet *set = NEW(a, PrincipalSet);
    for (each(r, ranges)) {
        PbPrincipal *p = NEW(a, Principal);
        PB_ONE(p, direct_remote_ip, encode_cidr(a, *r));
        PB_ADD(a, set, ids, p);
    }
    return one_of(a, set);
}

static PbPrincipal *with_names(struct arena *a, struct strs names)
{
    PbPrincipalSet *set = NEW(a, PrincipalSet);
    for (each(n, names)) PB_ADD(a, set, ids, encode_principal(a, *n));
    return one_of(a, set);
}

/* The chain's match and its TLS have looked at both already; here they are looked at for each request, so that a
 * change acts on connections that are open, too. */
static PbRbac *access(struct arena *a, const struct plan_ingress *p)
{
    bool by_name = p->tls && !p->any_client;
    PbRbac *rbac = NEW(a, Rbac);
    if (p->denied) return rbac;
    PbPrincipal *who = p->any_address ? NULL : from_ranges(a, p->ranges);
    if (by_name) {
        PbPrincipal *named = with_names(a, p->principals);
        who = who ? both(a, who, named) : named;
    }
    encode_check(who != NULL, "an ingress that admits everyone");
    encode_allow(a, rbac, S("ingress"), who);
    return rbac;
}

void encode_ingress_route(struct encoder *e, const struct plan_ingress *p)
{
    encode_local_route(e, &(struct local_route){.name = p->route_config,
                                                .cluster = p->local_cluster,
                                                .access = access(e->a, p),
                                                .limits = &p->limits,
                                                .origin = p->origin});
}
