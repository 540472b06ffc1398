#include "plan/common.h"
#include "plan/outbound.h"

/* In SMI mode a caller is given only the pods that it may call. */
static void add_endpoint(struct out_service *o, const struct mesh_port *p, const struct mesh_endpoint *e,
                         struct plan_assignment *out)
{
    for (size_t i = 0; i < e->ports.n; i++) {
        const struct mesh_endpoint_port *ep = &e->ports.v[i];
        if (ep->port != p->port || !reach_allows(&o->reach, e->account, p->protocol, ep->target)) continue;
        struct plan_endpoint x = {.address = e->address, .port = ep->target, .pod = e->pod, .workload = e->workload};
        if (plan_balance_of(o->a, o->upstream).zone) x.zone = e->zone;
        list_push(o->a, &out->endpoints, x);
    }
}

static void assign(struct out_service *o, const struct mesh_port *p, struct plan_endpoints *out)
{
    struct strs accounts;
    if (!out_has_cluster(o, p, &accounts)) return;
    struct plan_assignment *l = list_add(o->a, &out->assignments);
    l->cluster = out_cluster_name(o->a, o->key, p->port);
    l->origin = str_fmt(o->a, "Service %.*s", STR_FMT(o->key));
    const struct mesh_endpoints *all = mesh_endpoints(o->c, o->key);
    for (size_t i = 0; i < all->endpoints.n; i++)
        if (all->endpoints.v[i].ready) add_endpoint(o, p, &all->endpoints.v[i], l);
}

static bool compute(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct out_service o;
    if (!out_service_init(&o, c, key, a)) return false;
    if (o.retry) return false;
    if (o.reach.outside || o.service->headless) return true;
    for (size_t i = 0; i < o.service->ports.n; i++) assign(&o, &o.service->ports.v[i], value);
    return true;
}
const struct cell_kind plan_endpoints_cell = {"plan-endpoints", &plan_endpoints_table, compute};

const struct plan_endpoints *plan_endpoints(struct cell *c, struct str key)
{
    return sheet_read(c, &plan_endpoints_cell, key);
}
