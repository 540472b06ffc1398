#include "mesh/egress.h"

#include "base/cidr.h"
#include "base/names.h"
#include "kinds/egress.h"
#include "kinds/http_route_group.h"
#include "mesh/platform.h"
#include "mesh/service.h"

static const struct field port_fields[] = {
    FIELD(struct egress_port, number, "number", F_INT),
    FIELD(struct egress_port, protocol, "protocol", F_INT),
};
static const struct table port_table = TABLE("EgressPort", struct egress_port, port_fields);
static const struct field egress_fields[] = {
    FIELD(struct mesh_egress, valid, "valid", F_BOOL),
    FIELD(struct mesh_egress, title, "title", F_STR),
    FIELD(struct mesh_egress, created, "created", F_INT),
    FIELD(struct mesh_egress, sources, "sources", F_STRS),
    FIELD(struct mesh_egress, hosts, "hosts", F_STRS),
    FIELD(struct mesh_egress, has_ranges, "hasRanges", F_BOOL),
    FIELD(struct mesh_egress, ranges, "ranges", F_STRS),
    FIELD(struct mesh_egress, ports, "ports", F_LIST, .sub = &port_table),
    FIELD(struct mesh_egress, any_request, "anyRequest", F_BOOL),
    FIELD(struct mesh_egress, matches, "matches", F_LIST, .sub = &access_match_table),
    FIELD(struct mesh_egress, setting, "setting", F_STR),
    FIELD(struct mesh_egress, diags, "diags", F_LIST, .sub = &mesh_diag_table),
};
const struct table mesh_egress_table = TABLE("Egress", struct mesh_egress, egress_fields);

const char *egress_protocol_name(int64_t protocol)
{
    static const char *const names[] = {"http", "https", "tcp", "tcp-server-first"};
    return names[protocol];
}

/* ---- one Egress ------------------------------------------------------------------------------------------ */

struct resolving {
    struct cell *c;
    const struct object *o;
    const struct egress_spec *spec;
    struct arena *a;
    struct mesh_egress *out;
};

static void resolve_sources(struct resolving *r)
{
    struct strs found = {0};
    for (each(s, r->spec->sources)) {
        struct str key = key_of(r->a, s->ns, s->name);
        if (!str_is(s->kind, "ServiceAccount")) {
            diag_error(r->a, &r->out->diags, E_SOURCE_KIND, "source %.*s %.*s is no ServiceAccount: it is passed over",
                       STR_FMT(s->kind), STR_FMT(key));
            continue;
        }
        if (!store_get(r->c, KIND_SERVICE_ACCOUNT, key))
            diag_remark(r->a, &r->out->diags, E_ABSENT, "ServiceAccount %.*s is not there", STR_FMT(key));
        list_push(r->a, &found, key);
    }
    r->out->sources = strs_sort_unique(found);
    if (!r->out->sources.n) diag_remark(r->a, &r->out->diags, E_ABSENT, "it has no sources: it allows no one anything");
}

static int by_port(const void *a, const void *b)
{
    const struct egress_port *x = a, *y = b;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    return (x->protocol > y->protocol) - (x->protocol < y->protocol);
}

/* The proxy's own ports cannot be told from connections to it. */
static bool is_proxy_port(int64_t n) { return n == PORT_OUTBOUND || n == PORT_INBOUND; }

static void resolve_ports(struct resolving *r)
{
    struct mesh_egress *out = r->out;
    for (each(p, r->spec->ports)) {
        struct egress_port port = {.number = p->number};
        while (port.protocol < EGRESS_TCP_SERVER_FIRST &&
               !str_eq_nocase(p->protocol, str_of(egress_protocol_name(port.protocol))))
            port.protocol++;
        if (is_proxy_port(p->number))
            diag_error(r->a, &out->diags, E_CONFLICT, "port %lld is the proxy's own: it is left out",
                       (long long)p->number);
        else
            list_push(r->a, &out->ports, port);
    }
    list_sort(&out->ports, by_port);
    size_t n = 0;
    for (size_t i = 0; i < out->ports.n; i++)
        if (!i || by_port(&out->ports.v[i - 1], &out->ports.v[i]) != 0) out->ports.v[n++] = out->ports.v[i];
    out->ports.n = n;
    if (!n) diag_remark(r->a, &out->diags, E_ABSENT, "it has no ports: it allows nothing");
}

/* ---- addresses ---- */

static bool is_within(struct strs ranges, const struct cidr *c)
{
    struct cidr own;
    for (each(range, ranges))
        if (cidr_parse(*range, &own) && cidr_contains(&own, c)) return true;
    return false;
}

static bool is_own(struct cell *c, const struct cidr *range)
{
    const struct mesh_platform *p = mesh_platform(c);
    return is_within(p->service_ranges, range) || is_within(p->pod_ranges, range);
}

/* Services outside the mesh stand at cluster addresses; no policy but Egress can speak of them. */
static bool is_outside_service(struct resolving *r, struct str address)
{
    struct strs all = store_index(r->c, INDEX_SERVICES_BY_ADDRESS, address);
    for (each(k, all)) {
        const struct mesh_service *s = mesh_service(r->c, *k);
        if (s && s->in_mesh) return false;
    }
    return all.n > 0;
}

static bool is_opened(struct resolving *r, const struct cidr *c)
{
    struct str text = cidr_text(r->a, c), ip = str_cut(&text, '/');
    return !is_own(r->c, c) || (c->bits == (c->is_v6 ? 128 : 32) && is_outside_service(r, ip));
}

static void resolve_ranges(struct resolving *r)
{
    struct strs found = {0};
    for (each(text, r->spec->ip_addresses)) {
        struct cidr c;
        if (!cidr_parse(*text, &c)) continue;
        if (is_opened(r, &c))
            list_push(r->a, &found, cidr_text(r->a, &c));
        else
            diag_error(r->a, &r->out->diags, E_EGRESS_RANGE,
                       "%.*s lies within the cluster's own addresses and is not the address of a Service outside the "
                       "mesh: it is left out",
                       STR_FMT(*text));
    }
    r->out->has_ranges = r->spec->ip_addresses.n > 0;
    r->out->ranges = strs_sort_unique(found);
}

/* ---- hosts ---- */

static bool has_http(const struct mesh_egress *e)
{
    for (size_t i = 0; i < e->ports.n; i++)
        if (e->ports.v[i].protocol == EGRESS_HTTP) return true;
    return false;
}

static const char *objection(struct resolving *r, struct str host)
{
    struct cidr c;
    if (!has_http(r->out) || r->out->has_ranges) return NULL;
    if (str_is(host, "*")) return "stands for any host, which http allows only together with ipAddresses";
    if (cidr_parse(host, &c) && is_own(r->c, &c)) return "lies within the cluster's own addresses";
    if (cidr_parse(host, &c) && is_within(cidr_near, &c))
        return "is the pod's own address or a link-local one, which only ipAddresses open";
    if (str_ends(host, S(".svc.cluster.local")) || str_ends(host, S(".svc")))
        return "is a name of the cluster, and its own addresses are not opened by names";
    return NULL;
}

static void resolve_hosts(struct resolving *r)
{
    struct strs found = {0};
    for (each(h, r->spec->hosts)) {
        struct str host = str_lower(r->a, *h);
        const char *why = objection(r, host);
        if (why)
            diag_error(r->a, &r->out->diags, E_EGRESS_RANGE, "host %.*s %s: it is left out", STR_FMT(host), why);
        else
            list_push(r->a, &found, host);
    }
    r->out->hosts = strs_sort_unique(found);
    if (!r->spec->hosts.n && has_http(r->out))
        diag_error(r->a, &r->out->diags, E_NO_MATCHES, "it has no hosts: its http ports open nothing");
}

/* What people mean who name a host for a database, and do not get. */
static void remark_open_ports(struct resolving *r)
{
    if (r->out->has_ranges || !r->out->hosts.n) return;
    for (each(p, r->out->ports))
        if (p->protocol == EGRESS_TCP || p->protocol == EGRESS_TCP_SERVER_FIRST)
            diag_remark(r->a, &r->out->diags, E_EGRESS_RANGE,
                        "port %lld %s is open to every address outside the cluster: hosts mean nothing to it, "
                        "ipAddresses limit it",
                        (long long)p->number, egress_protocol_name(p->protocol));
}

/* ---- matches ---- */

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct access_match *)a)->name, ((const struct access_match *)b)->name);
}

static void resolve_group(struct resolving *r, struct str name)
{
    struct str key = key_of(r->a, r->o->meta.ns, name), own = key_of(r->a, r->o->meta.ns, r->o->meta.name);
    const struct http_route_group *g = http_route_group_of(store_get(r->c, KIND_HTTP_ROUTE_GROUP, key));
    if (!g) {
        diag_error(r->a, &r->out->diags, E_EGRESS_GROUP_ABSENT,
                   "HTTPRouteGroup %.*s is not there: it allows no request", STR_FMT(key));
        return;
    }
    if (!g->spec.matches.n)
        diag_error(r->a, &r->out->diags, E_NO_MATCHES, "HTTPRouteGroup %.*s has no matches: it allows no request",
                   STR_FMT(key));
    for (each(m, g->spec.matches)) {
        struct str full = str_fmt(r->a, "%.*s/%.*s/%.*s", STR_FMT(own), STR_FMT(name), STR_FMT(m->name));
        list_push(r->a, &r->out->matches, access_match_of(r->a, m, full));
    }
}

static void resolve_matches(struct resolving *r)
{
    struct strs groups = {0};
    for (each(m, r->spec->matches)) {
        struct str key = key_of(r->a, r->o->meta.ns, m->name);
        if (str_is(m->kind, "HTTPRouteGroup"))
            list_push(r->a, &groups, m->name);
        else if (store_get(r->c, KIND_UPSTREAM_TRAFFIC_SETTING, key))
            r->out->setting = key;
        else
            diag_error(r->a, &r->out->diags, E_ABSENT, "UpstreamTrafficSetting %.*s is not there: no limits hold",
                       STR_FMT(key));
    }
    r->out->any_request = !groups.n;
    groups = strs_sort_unique(groups);
    for (each(g, groups)) resolve_group(r, *g);
    list_sort(&r->out->matches, by_name);
}

static bool compute_egress(struct cell *c, struct str key, struct arena *a, void *value)
{
    const struct object *o = store_get(c, KIND_EGRESS, key);
    const struct egress *e = egress_of(o);
    if (!e) return false;
    struct mesh_egress *out = value;
    struct resolving r = {c, o, &e->spec, a, out};
    out->title = object_title(a, o);
    out->created = o->meta.created;
    out->valid = mesh_has_namespace(c, o->meta.ns);
    if (!out->valid) diag_error(a, &out->diags, E_NOT_IN_MESH, "its namespace is not in the mesh: it allows nothing");
    resolve_sources(&r);
    resolve_ports(&r);
    resolve_ranges(&r);
    resolve_hosts(&r);
    remark_open_ports(&r);
    resolve_matches(&r);
    return true;
}
const struct cell_kind mesh_egress_cell = {"egress", &mesh_egress_table, compute_egress};

const struct mesh_egress *mesh_egress(struct cell *c, struct str key) { return sheet_read(c, &mesh_egress_cell, key); }
