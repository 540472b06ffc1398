#include "mesh/platform.h"
#include "mesh/settings.h"
#include "plan/common.h"

struct plan_tls plan_tls_of(struct cell *c)
{
    const struct mesh_tls *t = &mesh_settings(c)->tls;
    return (struct plan_tls){t->min, t->max, t->cipher_suites, t->ecdh_curves};
}

struct str plan_server_name(struct arena *a, struct str ns, struct str service)
{
    return str_fmt(a, "%.*s.%.*s.svc.cluster.local", STR_FMT(service), STR_FMT(ns));
}

struct str plan_local_cluster(struct arena *a, struct str service, int64_t target)
{
    return str_fmt(a, "%.*s|%lld|local", STR_FMT(service), (long long)target);
}

static bool compute(struct cell *c, struct str key, struct arena *a, void *value)
{
    (void)key;
    struct plan_base *out = value;
    const struct mesh_platform *p = mesh_platform(c);
    out->egress = mesh_settings(c)->egress;
    out->tls = plan_tls_of(c);
    for (size_t i = 0; i < p->service_ranges.n; i++) list_push(a, &out->closed_ranges, p->service_ranges.v[i]);
    for (size_t i = 0; i < p->pod_ranges.n; i++) list_push(a, &out->closed_ranges, p->pod_ranges.v[i]);
    return true;
}
const struct cell_kind plan_base_cell = {"plan-base", &plan_base_table, compute};

const struct plan_base *plan_base(struct cell *c) { return sheet_read(c, &plan_base_cell, STR_NULL); }
