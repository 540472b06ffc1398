#include "api/debug.h"

#include <stdlib.h>

#include "api/report.h"
#include "base/log.h"
#include "base/names.h"
#include "identity/cert.h"
#include "kinds/mesh_config.h"
#include "mesh/platform.h"
#include "net/http_server.h"

struct debug {
    struct debug_options opt;
    struct http_server *server; /* NULL: off */
};

/* What a proxy says of itself need not be UTF-8. */
static json_t *text(struct str s)
{
    json_t *j = json_stringn(s.p ? s.p : "", s.n);
    return j ? j : json_string("");
}

/* ---- what the sheet and the store know ---- */

static json_t *mesh_config(const struct debug *d)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const struct mesh_platform *p = sheet_value(d->opt.sheet, &mesh_platform_cell, STR_NULL);
    struct str key = key_of(a, (p ? p : &mesh_platform_local)->system_ns, S(NAME_MESH_CONFIG));
    const struct mesh_config *m = mesh_config_of(store_peek(d->opt.store, KIND_MESH_CONFIG, key));
    struct mesh_config installed = {0};
    if (!m) mesh_config_installed(a, &installed);
    return table_to_json(&mesh_config_table, m ? m : &installed);
}

static void get_config(struct http_exchange *x) { http_reply_json(x, 200, mesh_config(x->arg)); }

static void get_flags(struct http_exchange *x)
{
    json_t *all = mesh_config(x->arg);
    json_t *flags = json_object_get(json_object_get(all, "spec"), "featureFlags");
    http_reply_json(x, 200, flags ? json_incref(flags) : json_object());
    json_decref(all);
}

static json_t *objects(const struct debug *d, enum kind k)
{
    struct arena *a SCOPED_ARENA = arena_new();
    json_t *all = json_object();
    struct strs keys = store_keys(d->opt.store, k, a);
    for (each(key, keys)) {
        const struct object *o = store_peek(d->opt.store, k, *key);
        json_object_set_new(all, str_c(a, *key), table_to_json(kind_info(k)->table, o->body));
    }
    return all;
}

static void get_policies(struct http_exchange *x)
{
    static const enum kind kinds[] = {KIND_TRAFFIC_TARGET, KIND_HTTP_ROUTE_GROUP, KIND_TCP_ROUTE, KIND_TRAFFIC_SPLIT};
    json_t *all = json_object();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        json_object_set_new(all, kind_info(kinds[i])->name, objects(x->arg, kinds[i]));
    http_reply_json(x, 200, all);
}

/* ---- what the I/O threads know ---- */

struct asked {
    struct http_exchange *x; /* NULL: the client has left */
    json_t *(*answer)(const struct debug *d, const struct xds_status *st);
    struct debug *debug;
};

static void client_left(void *arg) { ((struct asked *)arg)->x = NULL; }

static void status_came(void *arg, struct xds_status *st, struct arena *a)
{
    struct asked *q = arg;
    if (q->x) http_reply_json(q->x, 200, q->answer(q->debug, st));
    arena_free(a);
    free(q);
}

static void ask(struct http_exchange *x, json_t *(*answer)(const struct debug *d, const struct xds_status *st))
{
    struct asked *q = xcalloc(1, sizeof *q);
    *q = (struct asked){x, answer, x->arg};
    http_on_gone(x, client_left, q);
    xds_status_get(q->debug->opt.xds, status_came, q);
}

static json_t *proxies(const struct debug *d, const struct xds_status *st)
{
    json_t *all = json_array();
    (void)d;
    for (each(p, st->proxies))
        json_array_append_new(all,
                              json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "pod", text(p->title), "uid",
                                        text(p->node_id), "identity", text(p->spiffe_id), "address", text(p->address),
                                        "envoy", text(p->envoy), "connectedSince", (json_int_t)p->connected_s));
    return all;
}

static json_t *accepted(const struct debug *d, const struct xds_status *st)
{
    json_t *all = json_array();
    (void)d;
    for (each(p, st->proxies))
        json_array_append_new(all,
                              json_pack("{s:o, s:o, s:I, s:I}", "pod", text(p->title), "workload", text(p->view),
                                        "accepted", (json_int_t)p->accepted, "resources", (json_int_t)p->resources));
    return json_pack("{s:I, s:o}", "revision", (json_int_t)st->revision, "proxies", all);
}

static json_t *root(struct arena *a, struct str pem)
{
    struct err err = {0};
    struct cert_info c;
    if (!cert_inspect(a, pem, &c, &err)) return json_pack("{s:s}", "error", err.text);
    return json_pack("{s:o, s:o, s:o, s:o}", "commonName", text(c.cn), "serial", text(c.serial), "notBefore",
                     text(time_text(a, c.not_before)), "notAfter", text(time_text(a, c.not_after)));
}

static json_t *certificates(const struct debug *d, const struct xds_status *st)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err ignored = {0};
    struct strs pems = {0};
    json_t *roots = json_array(), *all = json_array();
    if (cert_split(a, d->opt.roots, &pems, &ignored))
        for (each(pem, pems)) json_array_append_new(roots, root(a, *pem));
    for (each(p, st->proxies))
        json_array_append_new(all, json_pack("{s:o, s:o, s:o}", "pod", text(p->title), "identity", text(p->spiffe_id),
                                             "notAfter", text(time_text(a, p->ends_s))));
    return json_pack("{s:o, s:o}", "roots", roots, "proxies", all);
}

static json_t *namespaces(const struct debug *d, const struct xds_status *st)
{
    return report_namespaces(&(struct report_input){.sheet = d->opt.sheet, .store = d->opt.store, .xds = st});
}

static void get_proxies(struct http_exchange *x) { ask(x, proxies); }
static void get_certs(struct http_exchange *x) { ask(x, certificates); }
static void get_xds(struct http_exchange *x) { ask(x, accepted); }
static void get_namespaces(struct http_exchange *x) { ask(x, namespaces); }

/* ---- the server ---- */

static void get_index(struct http_exchange *x);
static const struct http_route routes[] = {
    {"GET", "/debug", get_index},
    {"GET", "/debug/certs", get_certs},
    {"GET", "/debug/config", get_config},
    {"GET", "/debug/feature-flags", get_flags},
    {"GET", "/debug/namespaces", get_namespaces},
    {"GET", "/debug/policies", get_policies},
    {"GET", "/debug/proxy", get_proxies},
    {"GET", "/debug/xds", get_xds},
    {0},
};

static void get_index(struct http_exchange *x)
{
    json_t *all = json_array();
    for (const struct http_route *r = routes; r->method; r++) json_array_append_new(all, json_string(r->path));
    http_reply_json(x, 200, all);
}

struct debug *debug_new(const struct debug_options *opt)
{
    struct debug *d = xcalloc(1, sizeof *d);
    d->opt = *opt;
    return d;
}

void debug_set(struct debug *d, bool on)
{
    struct err err = {0};
    if (on == (d->server != NULL)) return;
    if (!on) {
        http_server_free(d->server);
        d->server = NULL;
        return;
    }
    d->server = http_server_new(
        d->opt.base,
        &(struct http_server_options){.address = "127.0.0.1", .port = PORT_DEBUG, .routes = routes, .arg = d}, &err);
    if (!d->server) log_warn("no /debug: %s", err.text);
}

void debug_free(struct debug *d)
{
    if (!d) return;
    http_server_free(d->server);
    free(d);
}
