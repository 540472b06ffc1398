#include "mesh/ingress.h"
#include "base/names.h"
#include "mesh/endpoint.h"
#include "mesh/service.h"
#include "mesh/settings.h"
#include "plan/common.h"

static void claim_service(struct cell *c, struct arena *a, struct str key, struct mesh_ingress *all)
{
    const struct mesh_service *s = mesh_service(c, key);
    const struct mesh_ingress *in = s && s->in_mesh ? mesh_ingress(c, key) : NULL;
    for (size_t i = 0; in && i < in->ports.n; i++)
        if (mesh_is_target(mesh_backing(c, key), in->ports.v[i].port)) mesh_ingress_claim(a, all, &in->ports.v[i]);
}

static bool is_grpc(struct cell *c, const struct mesh_ingress_port *p)
{
    const struct mesh_service *s = mesh_service(c, p->service);
    for (size_t i = 0; i < s->ports.n; i++) {
        struct ints targets = mesh_targets_of(mesh_backing(c, p->service), s->ports.v[i].port);
        for (size_t t = 0; t < targets.n; t++)
            if (targets.v[t] == p->port) return s->ports.v[i].protocol == MESH_GRPC;
    }
    return false;
}

static void add(struct cell *c, struct arena *a, struct plan_inbound *out, const struct mesh_ingress_port *p)
{
    struct limits_plan limits = {a, mesh_upstream(c, p->service), &out->counters};
    struct plan_ingress *i = list_add(a, &out->ingress);
    *i = (struct plan_ingress){
        .name = str_fmt(a, "ingress|%.*s|%lld", STR_FMT(p->service), (long long)p->port),
        .port = p->port,
        .ranges = p->ranges,
        .any_address = p->any_address,
        .tls = p->tls,
        .any_client = p->any_client,
        .grpc = is_grpc(c, p),
        .server_names = p->server_names,
        .principals = p->principals,
        .route_config = str_fmt(a, "rds-ingress|%.*s|%lld", STR_FMT(p->service), (long long)p->port),
        .local_cluster = plan_local_cluster(a, p->service, p->port),
        .service = p->service,
        .limits = plan_limits_of(&limits, true),
        .origin = str_fmt(a, "IngressBackend %.*s; Service %.*s", STR_FMT(p->policy), STR_FMT(p->service)),
    };
    if (plan_has_limits(&i->limits))
        i->origin = str_fmt(a, "%.*s; %.*s", STR_FMT(limits.upstream->title), STR_FMT(i->origin));
}

void plan_ingress_of(struct cell *c, struct arena *a, const struct workload *w, struct plan_inbound *out)
{
    struct mesh_ingress all = {0};
    bool denied = mesh_settings(c)->deny_inbound;
    for (each(s, w->services)) claim_service(c, a, key_of(a, w->ns, *s), &all);
    for (each(p, all.ports))
        if (mesh_ingress_is_open(p)) add(c, a, out, p);
    for (each(i, out->ingress)) i->denied = denied;
}

bool plan_is_named(struct strs server_names, struct str name)
{
    for (each(n, server_names)) {
        bool is_wild = str_starts(*n, S("*."));
        if (is_wild ? str_ends(name, str_sub(*n, 1, n->n)) : str_eq(*n, name)) return true;
    }
    return false;
}
