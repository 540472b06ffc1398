#include "base/names.h"
#include "mesh/access.h"
#include "mesh/endpoint.h"
#include "mesh/platform.h"
#include "mesh/service.h"
#include "mesh/settings.h"
#include "mesh/workload.h"
#include "plan/common.h"

struct in_plan {
    struct cell *c;
    struct arena *a;
    bool permissive, deny;
    LIST(const struct mesh_target *) targets; /* whose destination is the workload's account */
    struct plan_inbound *out;
};

static struct strs principals_of(struct in_plan *p, struct strs accounts)
{
    struct strs out = {0};
    for (each(x, accounts)) list_push(p->a, &out, mesh_spiffe(p->c, p->a, *x));
    return strs_sort_unique(out);
}

/* ---- HTTP ------------------------------------------------------------------------------------------------ */

static void add_rule(struct in_plan *p, const struct mesh_target *t, const struct access_match *m,
                     struct plan_chain *ch)
{
    struct plan_rule *r = list_add(p->a, &ch->rules);
    *r = (struct plan_rule){.name = m->name, .path_regex = m->path_regex, .methods = m->methods, .origin = t->title};
    r->principals = principals_of(p, t->sources);
    for (size_t i = 0; i < m->headers.n; i++)
        list_push(p->a, &r->headers, ((struct plan_header){m->headers.v[i].key, m->headers.v[i].value}));
}

static void plan_http(struct in_plan *p, struct plan_chain *ch)
{
    ch->route_config = str_fmt(p->a, "rds-inbound|%.*s|%lld", STR_FMT(ch->service), (long long)ch->port);
    ch->denied = p->deny;
    if (p->deny) return;
    if (p->permissive) {
        list_push(p->a, &ch->rules, ((struct plan_rule){.name = S("permissive"), .any_principal = true}));
        return;
    }
    for (each(t, p->targets))
        for (size_t i = 0; i < (*t)->matches.n && (*t)->sources.n; i++) add_rule(p, *t, &(*t)->matches.v[i], ch);
}

/* ---- TCP ------------------------------------------------------------------------------------------------- */

/* False: nobody may connect, and there is no chain: an empty list of names would admit everyone. */
static bool plan_tcp(struct in_plan *p, struct plan_chain *ch)
{
    if (p->permissive) return ch->tcp_any = true;
    struct strs accounts = {0};
    for (each(t, p->targets))
        for (size_t i = 0; target_allows_port(*t, ch->port) && i < (*t)->sources.n; i++)
            list_push(p->a, &accounts, (*t)->sources.v[i]);
    ch->tcp_principals = principals_of(p, accounts);
    return ch->tcp_principals.n > 0;
}

/* ---- chains ---------------------------------------------------------------------------------------------- */

/* |limited|: the title of what limits the chain, or empty. */
static struct str origin_of(struct in_plan *p, struct str service, struct str limited)
{
    struct strs parts = {0};
    if (limited.n) list_push(p->a, &parts, limited);
    for (each(t, p->targets)) list_push(p->a, &parts, (*t)->title);
    list_push(p->a, &parts, str_fmt(p->a, "Service %.*s", STR_FMT(service)));
    return str_join(p->a, parts, S("; "));
}

static void plan_chain(struct in_plan *p, const struct mesh_service *s, const struct mesh_port *port, int64_t target)
{
    struct str key = key_of(p->a, s->ns, s->name);
    struct plan_chain ch = {.port = target, .protocol = port->protocol, .service = key};
    ch.name = str_fmt(p->a, "in|%.*s|%lld", STR_FMT(key), (long long)target);
    for (each(have, p->out->chains))
        if (str_eq(have->name, ch.name)) return;
    ch.server_name = plan_server_name(p->a, s->ns, s->name);
    ch.local_cluster = plan_local_cluster(p->a, key, target);
    struct limits_plan limits = {p->a, mesh_upstream(p->c, key), &p->out->counters};
    ch.limits = plan_limits_of(&limits, protocol_is_http(port->protocol));
    ch.origin = origin_of(p, key, plan_has_limits(&ch.limits) ? limits.upstream->title : STR_NULL);
    if (protocol_is_http(port->protocol))
        plan_http(p, &ch);
    else if (!plan_tcp(p, &ch))
        return;
    list_push(p->a, &p->out->chains, ch);
}

static void plan_service(struct in_plan *p, struct str key)
{
    const struct mesh_service *s = mesh_service(p->c, key);
    if (!s || !s->in_mesh) return;
    const struct mesh_backing *b = mesh_backing(p->c, key);
    for (size_t i = 0; i < s->ports.n; i++) {
        struct ints targets = mesh_targets_of(b, s->ports.v[i].port);
        for (size_t t = 0; t < targets.n; t++) plan_chain(p, s, &s->ports.v[i], targets.v[t]);
    }
}

static void read_targets(struct in_plan *p, struct str account)
{
    if (p->permissive) return;
    struct strs keys = store_index(p->c, INDEX_TARGETS_BY_DESTINATION, account);
    for (each(k, keys)) {
        const struct mesh_target *t = mesh_target(p->c, *k);
        if (t && t->valid && str_eq(t->destination, account)) list_push(p->a, &p->targets, t);
    }
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct plan_chain *)a)->name, ((const struct plan_chain *)b)->name);
}

static int by_cluster(const void *a, const void *b)
{
    return str_cmp(((const struct plan_outside *)a)->cluster, ((const struct plan_outside *)b)->cluster);
}

static bool compute(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct workload w;
    if (!workload_parse(a, key, &w)) return false;
    const struct mesh_settings *set = mesh_settings(c);
    struct in_plan p = {.c = c, .a = a, .permissive = set->permissive, .deny = set->deny_inbound, .out = value};
    read_targets(&p, w.account);
    for (each(s, w.services)) plan_service(&p, key_of(a, w.ns, *s));
    list_sort(&p.out->chains, by_name);
    plan_ingress_of(c, a, &w, p.out);
    list_sort(&p.out->counters, by_cluster);
    p.out->tls = plan_tls_of(c);
    return true;
}
const struct cell_kind plan_inbound_cell = {"plan-inbound", &plan_inbound_table, compute};

const struct plan_inbound *plan_inbound(struct cell *c, struct str workload)
{
    return sheet_read(c, &plan_inbound_cell, workload);
}
