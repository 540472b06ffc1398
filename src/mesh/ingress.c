#include "mesh/ingress.h"

#include "base/cidr.h"
#include "base/names.h"
#include "kinds/ingress_backend.h"
#include "mesh/endpoint.h"
#include "mesh/service.h"

static const struct field port_fields[] = {
    FIELD(struct mesh_ingress_port, service, "service", F_STR),
    FIELD(struct mesh_ingress_port, port, "port", F_INT),
    FIELD(struct mesh_ingress_port, tls, "tls", F_BOOL),
    FIELD(struct mesh_ingress_port, any_client, "anyClient", F_BOOL),
    FIELD(struct mesh_ingress_port, server_names, "serverNames", F_STRS),
    FIELD(struct mesh_ingress_port, ranges, "ranges", F_STRS),
    FIELD(struct mesh_ingress_port, any_address, "anyAddress", F_BOOL),
    FIELD(struct mesh_ingress_port, principals, "principals", F_STRS),
    FIELD(struct mesh_ingress_port, created, "created", F_INT),
    FIELD(struct mesh_ingress_port, policy, "policy", F_STR),
};
static const struct table port_table = TABLE("IngressPort", struct mesh_ingress_port, port_fields);
static const struct field policy_fields[] = {
    FIELD(struct mesh_ingress_policy, ports, "ports", F_LIST, .sub = &port_table),
    FIELD(struct mesh_ingress_policy, diags, "diags", F_LIST, .sub = &mesh_diag_table),
};
const struct table mesh_ingress_policy_table = TABLE("IngressPolicy", struct mesh_ingress_policy, policy_fields);
static const struct field ingress_fields[] = {
    FIELD(struct mesh_ingress, ports, "ports", F_LIST, .sub = &port_table),
};
const struct table mesh_ingress_table = TABLE("Ingress", struct mesh_ingress, ingress_fields);

bool mesh_ingress_is_open(const struct mesh_ingress_port *p)
{
    bool needs_name = p->tls && !p->any_client;
    return (p->ranges.n || p->any_address) && (!needs_name || p->principals.n);
}

bool mesh_ingress_is_older(const struct mesh_ingress_port *a, const struct mesh_ingress_port *b)
{
    if (!str_eq(a->policy, b->policy)) return mesh_is_older(a->created, a->policy, b->created, b->policy);
    return str_cmp(a->service, b->service) < 0;
}

bool mesh_ingress_same(const struct mesh_ingress_port *a, const struct mesh_ingress_port *b)
{
    struct mesh_ingress_port x = *a;
    x.service = b->service;
    x.created = b->created;
    x.policy = b->policy;
    return table_equal(&port_table, &x, b);
}

/* ---- one IngressBackend by itself ------------------------------------------------------------------------ */

struct resolving {
    struct cell *c;
    const struct object *o;
    const struct ingress_backend_spec *spec;
    struct arena *a;
    struct mesh_ingress_policy *out;
    struct strs ranges, principals;
    bool names_addresses; /* some source is an address, found or not */
};

static void add_range(struct resolving *r, struct str text)
{
    struct cidr c;
    if (cidr_parse(text, &c)) list_push(r->a, &r->ranges, cidr_text(r->a, &c));
}

/* All addresses, ready or not: a gateway calls while it starts and while it drains. */
static void add_service(struct resolving *r, const struct ingress_source *s)
{
    struct str key = key_of(r->a, s->ns, s->name);
    const struct mesh_endpoints *e = mesh_service(r->c, key) ? mesh_endpoints(r->c, key) : NULL;
    if (!e) {
        diag_error(r->a, &r->out->diags, E_ABSENT, "source Service %.*s is not there: it admits nobody", STR_FMT(key));
        return;
    }
    if (!e->endpoints.n && !e->outside.n)
        diag_error(r->a, &r->out->diags, E_ABSENT,
                   "source Service %.*s has no endpoints: it admits nobody until it has some", STR_FMT(key));
    for (size_t i = 0; i < e->endpoints.n; i++) add_range(r, e->endpoints.v[i].address);
    for (size_t i = 0; i < e->outside.n; i++) add_range(r, e->outside.v[i]);
}

static void resolve_sources(struct resolving *r)
{
    for (each(s, r->spec->sources)) {
        if (s->kind == INGRESS_PRINCIPAL) {
            list_push(r->a, &r->principals, s->name);
            continue;
        }
        r->names_addresses = true;
        if (s->kind == INGRESS_SERVICE)
            add_service(r, s);
        else
            add_range(r, s->name);
    }
    if (!r->spec->sources.n) diag_error(r->a, &r->out->diags, E_ABSENT, "it has no sources: it admits nobody");
    r->ranges = strs_sort_unique(r->ranges);
    r->principals = strs_sort_unique(r->principals);
}

static struct strs server_names(struct resolving *r, const struct ingress_target *t)
{
    struct strs out = {0};
    for (size_t i = 0; t->tls && i < t->tls->sni_hosts.n; i++)
        list_push(r->a, &out, str_lower(r->a, t->tls->sni_hosts.v[i]));
    return strs_sort_unique(out);
}

static void say_names_are_unknown(struct resolving *r, const struct ingress_target *t)
{
    const char *why = t->port.protocol == INGRESS_HTTP ? "over http" : "with skipClientCertValidation";
    diag_remark(r->a, &r->out->diags, E_NOT_ENFORCED,
                "%.*s port %lld: %s nobody is known by certificate: its sources of kind AuthenticatedPrincipal admit "
                "nobody there",
                STR_FMT(t->name), (long long)t->port.number, why);
}

static void resolve_backend(struct resolving *r, const struct ingress_target *t)
{
    struct mesh_ingress_port *p = list_add(r->a, &r->out->ports);
    *p = (struct mesh_ingress_port){
        .service = key_of(r->a, r->o->meta.ns, t->name),
        .port = t->port.number,
        .tls = t->port.protocol == INGRESS_HTTPS,
        .ranges = r->ranges,
        .created = r->o->meta.created,
        .policy = key_of(r->a, r->o->meta.ns, r->o->meta.name),
    };
    p->any_client = p->tls && t->tls && t->tls->skip_client_cert;
    if (p->tls) p->server_names = server_names(r, t);
    if (p->tls && !p->any_client) {
        p->principals = r->principals;
        p->any_address = p->principals.n && !r->names_addresses;
    } else if (r->principals.n) {
        say_names_are_unknown(r, t);
    }
    if (r->spec->sources.n && !mesh_ingress_is_open(p))
        diag_error(r->a, &r->out->diags, E_ABSENT, "%.*s port %lld: none of its sources admits anybody",
                   STR_FMT(t->name), (long long)t->port.number);
}

static bool compute_policy(struct cell *c, struct str key, struct arena *a, void *value)
{
    const struct object *o = store_get(c, KIND_INGRESS_BACKEND, key);
    if (!ingress_backend_of(o)) return false;
    struct resolving r = {.c = c, .o = o, .spec = &ingress_backend_of(o)->spec, .a = a, .out = value};
    resolve_sources(&r);
    for (each(t, r.spec->backends)) resolve_backend(&r, t);
    return true;
}
const struct cell_kind mesh_ingress_policy_cell = {"ingress-policy", &mesh_ingress_policy_table, compute_policy};

const struct mesh_ingress_policy *mesh_ingress_policy(struct cell *c, struct str key)
{
    return sheet_read(c, &mesh_ingress_policy_cell, key);
}

/* ---- what holds for a Service ---------------------------------------------------------------------------- */

static int by_port(const void *a, const void *b)
{
    int64_t x = ((const struct mesh_ingress_port *)a)->port, y = ((const struct mesh_ingress_port *)b)->port;
    return (x > y) - (x < y);
}

void mesh_ingress_claim(struct arena *a, struct mesh_ingress *all, const struct mesh_ingress_port *p)
{
    for (each(have, all->ports)) {
        if (have->port != p->port) continue;
        if (mesh_ingress_is_older(p, have)) *have = *p;
        return;
    }
    list_push(a, &all->ports, *p);
    list_sort(&all->ports, by_port);
}

static bool compute_ingress(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct mesh_ingress *out = value;
    struct strs policies = store_index(c, INDEX_INGRESS_BY_BACKEND, key);
    for (each(k, policies)) {
        const struct mesh_ingress_policy *p = mesh_ingress_policy(c, *k);
        for (size_t i = 0; p && i < p->ports.n; i++)
            if (str_eq(p->ports.v[i].service, key)) mesh_ingress_claim(a, out, &p->ports.v[i]);
    }
    return true;
}
const struct cell_kind mesh_ingress_cell = {"ingress", &mesh_ingress_table, compute_ingress};

const struct mesh_ingress *mesh_ingress(struct cell *c, struct str service)
{
    return sheet_read(c, &mesh_ingress_cell, service);
}
