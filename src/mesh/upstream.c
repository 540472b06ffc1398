#include "mesh/upstream.h"

#include "base/names.h"
#include "kinds/upstream_traffic_setting.h"
#include "mesh/service.h"

static const struct field connection_fields[] = {
    FIELD(struct mesh_connection, max_connections, "maxConnections", F_OPT_INT),
    FIELD(struct mesh_connection, max_pending, "maxPending", F_OPT_INT),
    FIELD(struct mesh_connection, max_requests, "maxRequests", F_OPT_INT),
    FIELD(struct mesh_connection, max_retries, "maxRetries", F_OPT_INT),
    FIELD(struct mesh_connection, max_requests_per_connection, "maxRequestsPerConnection", F_OPT_INT),
    FIELD(struct mesh_connection, connect_timeout_ns, "connectTimeout", F_DURATION),
};
static const struct table connection_table = TABLE("Connection", struct mesh_connection, connection_fields);
static const struct field fields[] = {
    FIELD(struct mesh_upstream, title, "title", F_STR),
    FIELD(struct mesh_upstream, created, "created", F_INT),
    FIELD(struct mesh_upstream, host, "host", F_STR),
    FIELD(struct mesh_upstream, service, "service", F_STR),
    FIELD(struct mesh_upstream, connection, "connection", F_INLINE, .sub = &connection_table),
    FIELD(struct mesh_upstream, diags, "diags", F_LIST, .sub = &mesh_diag_table),
};
const struct table mesh_upstream_table = TABLE("Upstream", struct mesh_upstream, fields);

/* ---- one UpstreamTrafficSetting by itself ---------------------------------------------------------------- */

static struct mesh_connection connection_of(const struct connection_settings *s)
{
    return (struct mesh_connection){
        .max_connections = s->tcp.max_connections,
        .max_pending = s->http.max_pending,
        .max_requests = s->http.max_requests,
        .max_retries = s->http.max_retries,
        .max_requests_per_connection = s->http.max_requests_per_connection,
        .connect_timeout_ns = s->tcp.connect_timeout_ns,
    };
}

/* Limits of another namespace's Service would be somebody else's: only its own namespace may set them. */
static void set_service(const struct object *o, struct arena *a, struct mesh_upstream *out)
{
    struct str name, ns;
    if (upstream_host_is_service(out->host, &name, &ns)) {
        if (str_eq(ns, o->meta.ns))
            out->service = key_of(a, ns, name);
        else
            diag_error(a, &out->diags, E_NOT_ENFORCED,
                       "host %.*s is a Service of another namespace: only an UpstreamTrafficSetting in namespace %.*s "
                       "can rule it",
                       STR_FMT(out->host), STR_FMT(ns));
    }
}

static bool compute_object(struct cell *c, struct str key, struct arena *a, void *value)
{
    const struct object *o = store_get(c, KIND_UPSTREAM_TRAFFIC_SETTING, key);
    const struct upstream_traffic_setting *u = upstream_traffic_setting_of(o);
    if (!u) return false;
    struct mesh_upstream *out = value;
    out->title = object_title(a, o);
    out->created = o->meta.created;
    out->host = u->spec.host;
    out->connection = connection_of(&u->spec.connection);
    set_service(o, a, out);
    return true;
}
const struct cell_kind mesh_upstream_object_cell = {"upstream-object", &mesh_upstream_table, compute_object};

const struct mesh_upstream *mesh_upstream_named(struct cell *c, struct str key)
{
    return sheet_read(c, &mesh_upstream_object_cell, key);
}

/* ---- which one rules ------------------------------------------------------------------------------------- */

static bool compute_ruling(struct cell *c, struct str key, struct arena *a, void *value)
{
    (void)a;
    const struct mesh_upstream *best = NULL;
    struct strs candidates = store_index(c, INDEX_UPSTREAMS_BY_SERVICE, key);
    for (each(k, candidates)) {
        const struct mesh_upstream *u = mesh_upstream_named(c, *k);
        if (u && (!best || mesh_is_older(u->created, u->title, best->created, best->title))) best = u;
    }
    if (best) *(struct mesh_upstream *)value = *best;
    return best != NULL;
}
const struct cell_kind mesh_upstream_cell = {"upstream", &mesh_upstream_table, compute_ruling};

const struct mesh_upstream *mesh_upstream(struct cell *c, struct str service)
{
    return sheet_read(c, &mesh_upstream_cell, service);
}
