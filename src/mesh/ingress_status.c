/* What becomes of an IngressBackend: the Services it names and the older policies that stand in its way. */
#include "base/names.h"
#include "mesh/endpoint.h"
#include "mesh/ingress.h"
#include "mesh/service.h"
#include "mesh/workload.h"

static const struct field fields[] = {
    FIELD(struct mesh_ingress_status, committed, "committed", F_BOOL),
    FIELD(struct mesh_ingress_status, reason, "reason", F_STR),
    FIELD(struct mesh_ingress_status, diags, "diags", F_LIST, .sub = &mesh_diag_table),
};
const struct table mesh_ingress_status_table = TABLE("IngressStatus", struct mesh_ingress_status, fields);

struct judging {
    struct cell *c;
    struct arena *a;
    struct mesh_diags *diags;
};

/* The Service whose port is opened: false when there is no such port. */
static bool check_service(const struct judging *j, const struct mesh_ingress_port *p)
{
    const struct mesh_service *s = mesh_service(j->c, p->service);
    if (!s || !s->in_mesh)
        diag_error(j->a, j->diags, E_ABSENT, "backend %.*s is no Service of the mesh: nothing is opened there",
                   STR_FMT(p->service));
    else if (!mesh_is_target(mesh_backing(j->c, p->service), p->port))
        diag_error(j->a, j->diags, E_ABSENT,
                   "no port of Service %.*s ends at port %lld of its pods, and that is what backends[].port.number "
                   "means: nothing is opened there",
                   STR_FMT(p->service), (long long)p->port);
    else
        return true;
    return false;
}

static const struct mesh_ingress_port *port_of(const struct mesh_ingress *i, int64_t port)
{
    for (size_t n = 0; n < i->ports.n; n++)
        if (i->ports.v[n].port == port) return &i->ports.v[n];
    return NULL;
}

/* Other Services before the same pods. */
static struct strs neighbours(const struct judging *j, struct str service)
{
    struct strs found = {0};
    const struct mesh_endpoints *e = mesh_endpoints(j->c, service);
    for (size_t i = 0; e && i < e->endpoints.n; i++) {
        const struct mesh_pod *pod = mesh_pod(j->c, e->endpoints.v[i].pod);
        for (size_t s = 0; pod && s < pod->services.n; s++)
            list_push(j->a, &found, key_of(j->a, pod->ns, pod->services.v[s]));
    }
    return strs_sort_unique(found);
}

static void check_older(const struct judging *j, const struct mesh_ingress_port *p, struct str service)
{
    const struct mesh_ingress_port *other = port_of(mesh_ingress(j->c, service), p->port);
    if (!other || !mesh_ingress_is_older(other, p) || mesh_ingress_same(other, p)) return;
    if (!mesh_is_target(mesh_backing(j->c, service), p->port)) return;
    diag_error(j->a, j->diags, E_CONFLICT,
               "port %lld of %.*s: IngressBackend %.*s (Service %.*s) is older and speaks of the same port of the same "
               "pods: it holds, and this one does nothing there",
               (long long)p->port, STR_FMT(p->service), STR_FMT(other->policy), STR_FMT(service));
}

static bool compute(struct cell *c, struct str key, struct arena *a, void *value)
{
    const struct mesh_ingress_policy *policy = mesh_ingress_policy(c, key);
    if (!policy) return false;
    struct mesh_ingress_status *out = value;
    struct judging j = {c, a, &out->diags};
    diag_append(a, &out->diags, policy->diags.v, policy->diags.n);
    for (size_t i = 0; i < policy->ports.n; i++) {
        const struct mesh_ingress_port *p = &policy->ports.v[i];
        if (!check_service(&j, p)) continue;
        check_older(&j, p, p->service);
        struct strs others = neighbours(&j, p->service);
        for (each(s, others))
            if (!str_eq(*s, p->service)) check_older(&j, p, *s);
    }
    *out = (struct mesh_ingress_status){true, S("successfully committed by the system"), out->diags};
    for (each(d, out->diags))
        if (d->is_error && out->committed) out->committed = false, out->reason = d->text;
    return true;
}
const struct cell_kind mesh_ingress_status_cell = {"ingress-status", &mesh_ingress_status_table, compute};
