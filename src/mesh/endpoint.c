#include "mesh/endpoint.h"

#include "base/names.h"
#include "kinds/endpoint_slice.h"
#include "kinds/service.h"
#include "mesh/service.h"
#include "mesh/workload.h"

static const struct field port_fields[] = {
    FIELD(struct mesh_endpoint_port, port, "port", F_INT),
    FIELD(struct mesh_endpoint_port, target, "target", F_INT),
};
static const struct table port_table = TABLE("EndpointPort", struct mesh_endpoint_port, port_fields);
static const struct field endpoint_fields[] = {
    FIELD(struct mesh_endpoint, address, "address", F_STR),
    FIELD(struct mesh_endpoint, pod, "pod", F_STR),
    FIELD(struct mesh_endpoint, account, "account", F_STR),
    FIELD(struct mesh_endpoint, workload, "workload", F_STR),
    FIELD(struct mesh_endpoint, zone, "zone", F_STR),
    FIELD(struct mesh_endpoint, ready, "ready", F_BOOL),
    FIELD(struct mesh_endpoint, ports, "ports", F_LIST, .sub = &port_table),
};
static const struct table endpoint_table = TABLE("Endpoint", struct mesh_endpoint, endpoint_fields);
static const struct field fields[] = {
    FIELD(struct mesh_endpoints, endpoints, "endpoints", F_LIST, .sub = &endpoint_table),
    FIELD(struct mesh_endpoints, outside, "outside", F_STRS),
};
const struct table mesh_endpoints_table = TABLE("Endpoints", struct mesh_endpoints, fields);

static const struct field targets_fields[] = {
    FIELD(struct mesh_targets, port, "port", F_INT),
    FIELD(struct mesh_targets, targets, "targets", F_INTS),
};
static const struct table targets_table = TABLE("Targets", struct mesh_targets, targets_fields);
static const struct field backing_fields[] = {
    FIELD(struct mesh_backing, accounts, "accounts", F_STRS),
    FIELD(struct mesh_backing, ports, "ports", F_LIST, .sub = &targets_table),
};
const struct table mesh_backing_table = TABLE("Backing", struct mesh_backing, backing_fields);

/* ---- endpoints ------------------------------------------------------------------------------------------- */

struct joining {
    struct cell *c;
    const struct mesh_service *service;
    struct arena *a;
    struct mesh_endpoints *out;
    LIST(struct str) outside;
    bool has_ready;
};

static void add_ports(struct joining *j, const struct kube_endpoint_slice *slice, struct mesh_endpoint *out)
{
    for (size_t i = 0; i < j->service->ports.n; i++) {
        const struct mesh_port *p = &j->service->ports.v[i];
        for (each(sp, slice->ports)) {
            if (!str_eq(sp->name, p->name) || sp->protocol != KUBE_PROTO_TCP || !sp->port.is_set) continue;
            list_push(j->a, &out->ports, ((struct mesh_endpoint_port){p->port, sp->port.v}));
            break;
        }
    }
}

/* Several slices may name one address while they are rebalanced: the first that says ready wins, ports add up. */
static struct mesh_endpoint *endpoint_get(struct joining *j, struct str address)
{
    for (each(e, j->out->endpoints))
        if (str_eq(e->address, address)) return e;
    struct mesh_endpoint *e = list_add(j->a, &j->out->endpoints);
    e->address = address;
    return e;
}

/* A slice is anybody's word who may write one in the namespace: callers listen at the addresses of headless Services,
 * and a foreign address would draw others' traffic there. So the pod itself must have the address. */
static const struct mesh_pod *pod_behind(struct joining *j, const struct kube_endpoint *e, struct str ns)
{
    if (!str_is(e->target.kind, "Pod")) return NULL;
    struct str key = key_of(j->a, e->target.ns.n ? e->target.ns : ns, e->target.name);
    const struct mesh_pod *p = mesh_pod(j->c, key);
    return p && p->in_mesh && str_eq(p->ns, ns) && strs_has(p->addresses, e->addresses.v[0]) ? p : NULL;
}

static void add_endpoint(struct joining *j, const struct object *o, const struct kube_endpoint_slice *slice,
                         const struct kube_endpoint *e)
{
    if (e->addresses.n == 0 || slice->address_type == KUBE_ADDRESS_FQDN) return;
    bool ready = kube_endpoint_is_ready(e) || (j->service->publish_not_ready && !kube_endpoint_is_terminating(e));
    const struct mesh_pod *p = pod_behind(j, e, o->meta.ns);
    if (!p) {
        list_push(j->a, &j->outside, e->addresses.v[0]);
        return;
    }
    struct mesh_endpoint *out = endpoint_get(j, e->addresses.v[0]);
    bool is_new = out->pod.n == 0;
    out->pod = key_of(j->a, p->ns, p->name);
    out->account = p->account;
    out->workload = p->owner;
    out->zone = p->zone.n ? p->zone : e->zone;
    out->ready = out->ready || ready;
    if (is_new) add_ports(j, slice, out);
    j->has_ready = j->has_ready || ready;
}

/* As kube-proxy does: when nothing is ready, what still serves while it terminates is better than nothing. */
static void use_terminating(struct joining *j, const struct kube_endpoint_slice *slice)
{
    for (each(e, slice->endpoints)) {
        if (!e->addresses.n || !kube_endpoint_is_serving(e) || !kube_endpoint_is_terminating(e)) continue;
        for (each(have, j->out->endpoints))
            if (str_eq(have->address, e->addresses.v[0])) have->ready = true;
    }
}

static int by_address(const void *a, const void *b)
{
    return str_cmp(((const struct mesh_endpoint *)a)->address, ((const struct mesh_endpoint *)b)->address);
}

static bool compute_endpoints(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct joining j = {.c = c, .service = mesh_service(c, key), .a = a, .out = value};
    if (!j.service) return false;
    struct strs slices = store_index(c, INDEX_SLICES_BY_SERVICE, key);
    for (each(k, slices)) {
        const struct object *o = store_get(c, KIND_ENDPOINT_SLICE, *k);
        const struct kube_endpoint_slice *slice = kube_endpoint_slice_of(o);
        for (size_t i = 0; slice && i < slice->endpoints.n; i++) add_endpoint(&j, o, slice, &slice->endpoints.v[i]);
    }
    for (each(k, slices)) {
        const struct kube_endpoint_slice *slice = kube_endpoint_slice_of(store_get(c, KIND_ENDPOINT_SLICE, *k));
        if (slice && !j.has_ready) use_terminating(&j, slice);
    }
    list_sort(&j.out->endpoints, by_address);
    j.out->outside = strs_sort_unique((struct strs){j.outside.v, j.outside.n});
    return true;
}
const struct cell_kind mesh_endpoints_cell = {"endpoints", &mesh_endpoints_table, compute_endpoints};

const struct mesh_endpoints *mesh_endpoints(struct cell *c, struct str key)
{
    return sheet_read(c, &mesh_endpoints_cell, key);
}

/* ---- backing --------------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void add_number(struct arena *a, struct ints *l, int64_t n)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i] == n) return;
    list_push(a, l, n);
}

static struct ints numbers_of(struct arena *a, const struct mesh_port *p, const struct mesh_endpoints *e)
{
    struct ints out = {0};
    if (p->target) add_number(a, &out, p->target);
    for (size_t i = 0; i < e->endpoints.n; i++)
        for (each(ep, e->endpoints.v[i].ports))
            if (ep->port == p->port) add_number(a, &out, ep->target);
    list_sort(&out, by_number);
    return out;
}

static bool compute_backing(struct cell *c, struct str key, struct arena *a, void *value)
{
    const struct mesh_service *s = mesh_service(c, key);
    if (!s) return false;
    struct mesh_backing *out = value;
    const struct mesh_endpoints *e = mesh_endpoints(c, key);
    struct strs accounts = {0};
    for (size_t i = 0; i < e->endpoints.n; i++) list_push(a, &accounts, e->endpoints.v[i].account);
    out->accounts = strs_sort_unique(accounts);
    for (each(p, s->ports))
        list_push(a, &out->ports, ((struct mesh_targets){.port = p->port, .targets = numbers_of(a, p, e)}));
    return true;
}
const struct cell_kind mesh_backing_cell = {"backing", &mesh_backing_table, compute_backing};

const struct mesh_backing *mesh_backing(struct cell *c, struct str key)
{
    return sheet_read(c, &mesh_backing_cell, key);
}

struct ints mesh_targets_of(const struct mesh_backing *b, int64_t port)
{
    for (size_t i = 0; b && i < b->ports.n; i++)
        if (b->ports.v[i].port == port) return b->ports.v[i].targets;
    return (struct ints){0};
}

bool mesh_is_target(const struct mesh_backing *b, int64_t target)
{
    for (size_t i = 0; b && i < b->ports.n; i++)
        for (size_t t = 0; t < b->ports.v[i].targets.n; t++)
            if (b->ports.v[i].targets.v[t] == target) return true;
    return false;
}
