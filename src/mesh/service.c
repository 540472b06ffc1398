#include "mesh/service.h"

#include "base/names.h"
#include "kinds/service.h"
#include "mesh/endpoint.h"
#include "mesh/platform.h"

static const struct field port_fields[] = {
    FIELD(struct mesh_port, name, "name", F_STR),         FIELD(struct mesh_port, port, "port", F_INT),
    FIELD(struct mesh_port, target, "target", F_INT),     FIELD(struct mesh_port, target_name, "targetName", F_STR),
    FIELD(struct mesh_port, protocol, "protocol", F_INT),
};
static const struct table port_table = TABLE("Port", struct mesh_port, port_fields);
static const struct field fields[] = {
    FIELD(struct mesh_service, ns, "namespace", F_STR),
    FIELD(struct mesh_service, name, "name", F_STR),
    FIELD(struct mesh_service, created, "created", F_INT),
    FIELD(struct mesh_service, in_mesh, "inMesh", F_BOOL),
    FIELD(struct mesh_service, headless, "headless", F_BOOL),
    FIELD(struct mesh_service, has_selector, "hasSelector", F_BOOL),
    FIELD(struct mesh_service, publish_not_ready, "publishNotReady", F_BOOL),
    FIELD(struct mesh_service, selector, "selector", F_MAP),
    FIELD(struct mesh_service, addresses, "addresses", F_STRS),
    FIELD(struct mesh_service, ports, "ports", F_LIST, .sub = &port_table),
    FIELD(struct mesh_service, diags, "diags", F_LIST, .sub = &mesh_diag_table),
};
const struct table mesh_service_table = TABLE("Service", struct mesh_service, fields);

/* ---- protocol -------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum mesh_protocol protocol;
} protocols[] = {
    /* the longest name prefix first */
    {"tcp-server-first", MESH_TCP_SERVER_FIRST},
    {"http", MESH_HTTP},
    {"tcp", MESH_TCP},
    {"grpc", MESH_GRPC},
    /* appProtocol only */
    {"http2", MESH_HTTP},
    {"h2c", MESH_HTTP},
    {"kubernetes.io/h2c", MESH_HTTP},
    {"kubernetes.io/ws", MESH_HTTP},
};
enum { N_PREFIXES = 4 };

static bool app_protocol(struct str s, int64_t *out)
{
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        if (!str_eq_nocase(s, str_of(protocols[i].name))) continue;
        *out = protocols[i].protocol;
        return true;
    }
    return false;
}

static int64_t protocol_by_name(struct str name)
{
    for (size_t i = 0; i < N_PREFIXES; i++) {
        struct str p = str_of(protocols[i].name);
        if (str_starts(name, p) && (name.n == p.n || name.p[p.n] == '-')) return protocols[i].protocol;
    }
    return MESH_HTTP;
}

static int64_t port_protocol(const struct kube_service_port *p, struct arena *a, struct mesh_diags *diags)
{
    int64_t protocol;
    if (!p->app_protocol.n) return protocol_by_name(p->name);
    if (app_protocol(p->app_protocol, &protocol)) return protocol;
    diag_remark(a, diags, E_PROTOCOL,
                "port %lld: appProtocol %.*s is carried as tcp; known are http, grpc, tcp, tcp-server-first",
                (long long)p->port, STR_FMT(p->app_protocol));
    return MESH_TCP;
}

/* ---- the Service ----------------------------------------------------------------------------------------- */

static void add_port(const struct kube_service_port *p, struct arena *a, struct mesh_service *out)
{
    if (p->protocol != KUBE_PROTO_TCP) {
        diag_remark(a, &out->diags, E_PROTOCOL, "port %lld is not TCP: the mesh does not carry it", (long long)p->port);
        return;
    }
    struct int_or_str target = kube_service_target_port(p);
    struct mesh_port *m = list_add(a, &out->ports);
    *m = (struct mesh_port){
        .name = p->name, .port = p->port, .target = target.s.n ? 0 : target.i, .target_name = target.s};
    m->protocol = port_protocol(p, a, &out->diags);
}

/* Two Service ports that end at one target port have one chain there, which speaks one protocol. */
static void check_targets(struct arena *a, struct mesh_service *s)
{
    for (size_t i = 0; i < s->ports.n; i++)
        for (size_t j = 0; j < i; j++) {
            struct mesh_port *p = &s->ports.v[i], *q = &s->ports.v[j];
            bool same = p->target == q->target && str_eq(p->target_name, q->target_name);
            if (!same || p->protocol == q->protocol) continue;
            diag_error(a, &s->diags, E_CONFLICT,
                       "ports %lld and %lld end at one target port with different protocols: that of %lld holds",
                       (long long)q->port, (long long)p->port, (long long)q->port);
            p->protocol = q->protocol;
        }
}

/* A Service without selector stands for addresses that somebody wrote down: they are outside the mesh. */
static bool compute_service(struct cell *c, struct str key, struct arena *a, void *value)
{
    const struct object *o = store_get(c, KIND_SERVICE, key);
    const struct kube_service *s = kube_service_of(o);
    if (!s || s->spec.type == KUBE_SERVICE_EXTERNAL_NAME) return false;
    struct mesh_service *out = value;
    *out = (struct mesh_service){
        .ns = o->meta.ns,
        .name = o->meta.name,
        .created = o->meta.created,
        .headless = kube_service_is_headless(s),
        .has_selector = s->spec.selector.n > 0,
        .selector = s->spec.selector,
        .publish_not_ready = s->spec.publish_not_ready,
        .addresses = kube_service_addresses(s),
    };
    out->in_mesh = out->has_selector && mesh_has_namespace(c, out->ns);
    for (each(p, s->spec.ports)) add_port(p, a, out);
    check_targets(a, out);
    return true;
}
const struct cell_kind mesh_service_cell = {"service", &mesh_service_table, compute_service};

const struct mesh_service *mesh_service(struct cell *c, struct str key)
{
    return sheet_read(c, &mesh_service_cell, key);
}

const struct mesh_port *mesh_service_port(const struct mesh_service *s, int64_t port)
{
    for (size_t i = 0; i < s->ports.n; i++)
        if (s->ports.v[i].port == port) return &s->ports.v[i];
    return NULL;
}

bool mesh_is_older(int64_t created_a, struct str key_a, int64_t created_b, struct str key_b)
{
    return created_a != created_b ? created_a < created_b : str_cmp(key_a, key_b) < 0;
}

/* ---- namespaces ------------------------------------------------------------------------------------------ */

struct mesh_namespace {
    bool in_mesh;
};
static const struct field namespace_fields[] = {FIELD(struct mesh_namespace, in_mesh, "inMesh", F_BOOL)};
static const struct table namespace_table = TABLE("Namespace", struct mesh_namespace, namespace_fields);

static bool compute_namespace(struct cell *c, struct str key, struct arena *a, void *value)
{
    (void)a;
    const struct object *o = store_get(c, KIND_NAMESPACE, key);
    if (!o) return false;
    ((struct mesh_namespace *)value)->in_mesh = true;
    return str_eq(kvs_get(o->meta.labels, S(LABEL_MONITORED_BY)), mesh_platform(c)->mesh);
}
const struct cell_kind mesh_namespace_cell = {"namespace", &namespace_table, compute_namespace};

bool mesh_has_namespace(struct cell *c, struct str ns) { return sheet_read(c, &mesh_namespace_cell, ns) != NULL; }
