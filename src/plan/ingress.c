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
