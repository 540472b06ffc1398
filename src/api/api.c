#include "api/api.h"

#include <stdlib.h>

#include "api/check.h"
#include "api/debug.h"
#include "api/edges.h"
#include "api/ingress.h"
#include "api/report.h"
#include "base/metrics.h"
#include "base/names.h"
#include "net/http_server.h"

struct api {
    struct api_options opt;
    struct http_server *verbs, *verbs_tcp, *health;
    struct edges *edges;
    struct debug *debug;
    bool is_ending;
};

/* A status request on its way: the receipts come from the I/O threads, the edges from the proxies. */
struct asked {
    struct api *api;
    struct http_exchange *x; /* NULL: the client has left */
    bool wants_edges, wants_namespaces;
    json_t *answer;
};

static void client_left(void *arg) { ((struct asked *)arg)->x = NULL; }

static void finish(struct asked *q)
{
    if (q->x) http_reply_json(q->x, 200, json_incref(q->answer));
    json_decref(q->answer);
    free(q);
}

static void edges_came(void *arg, json_t *edges)
{
    struct asked *q = arg;
    json_object_set(q->answer, "edges", edges);
    finish(q);
}

static void receipts_came(void *arg, struct xds_status *st, struct arena *a)
{
    struct asked *q = arg;
    struct report_input in = {.sheet = q->api->opt.sheet,
                              .store = q->api->opt.store,
                              .problems = q->api->opt.source.problems(q->api->opt.source.arg),
                              .xds = st,
                              .revision = q->api->opt.revision(q->api->opt.arg)};
    q->answer = q->wants_namespaces ? report_namespaces(&in) : report_json(&in);
    if (q->wants_edges)
        edges_get(q->api->edges, st, edges_came, q);
    else
        finish(q);
    arena_free(a);
}

static void ask(struct http_exchange *x, bool edges, bool namespaces)
{
    struct api *api = x->arg;
    struct asked *q = xcalloc(1, sizeof *q);
    *q = (struct asked){.api = api, .x = x, .wants_edges = edges, .wants_namespaces = namespaces};
    api->opt.settle(api->opt.arg);
    http_on_gone(x, client_left, q);
    xds_status_get(api->opt.xds, receipts_came, q);
}

static void get_status(struct http_exchange *x) { ask(x, str_is(http_query(x, "edges"), "1"), false); }
static void get_namespaces(struct http_exchange *x) { ask(x, false, true); }

static void get_check(struct http_exchange *x)
{
    struct api *api = x->arg;
    api->opt.settle(api->opt.arg);
    check_answer(x, api->opt.sheet, api->opt.store);
}

static void get_ingress(struct http_exchange *x)
{
    struct api *api = x->arg;
    api->opt.settle(api->opt.arg);
    ingress_answer(x, api->opt.sheet, api->opt.store);
}

/* ---- health ---- */

static void get_ok(struct http_exchange *x) { http_reply(x, 200, "text/plain", S("ok\n")); }

static void get_ready(struct http_exchange *x)
{
    struct api *api = x->arg;
    struct str why = api->opt.source.waits_for(api->opt.source.arg, x->arena);
    if (!why.n && api->opt.revision(api->opt.arg) == 0) why = S("nothing is published yet");
    if (api->is_ending) why = S("the controller is ending");
    http_reply(x, why.n ? 503 : 200, "text/plain", str_fmt(x->arena, "%.*s\n", STR_FMT(why.n ? why : S("ready"))));
}

static void get_metrics(struct http_exchange *x)
{
    struct buf out SCOPED_BUF = {0};
    metrics_write(&out);
    http_reply(x, 200, "text/plain; version=0.0.4", buf_view(&out));
}

static void get_version(struct http_exchange *x)
{
    http_reply_json(x, 200, json_pack("{s:s}", "version", OSM_VERSION));
}

static const struct http_route verb_routes[] = {
    {"GET", "/v1/status", get_status},
    {"GET", "/v1/namespaces", get_namespaces},
    {"GET", "/v1/check", get_check},
    {"GET", "/v1/ingress", get_ingress},
    {"GET", "/metrics", get_metrics},
    {"GET", "/version", get_version},
    {0},
};
static const struct http_route health_routes[] = {
    {"GET", "/health/ready", get_ready}, {"GET", "/health/alive", get_ok}, {"GET", "/healthz", get_ok},
    {"GET", "/metrics", get_metrics},    {"GET", "/version", get_version}, {0},
};

struct api *api_new(const struct api_options *opt, struct err *err)
{
    struct api *api = xcalloc(1, sizeof *api);
    api->opt = *opt;
    api->debug = debug_new(&(struct debug_options){opt->base, opt->sheet, opt->store, opt->xds, opt->roots});
    api->edges = edges_new(opt->base, err);
    if (api->edges)
        api->verbs = http_server_new(
            opt->base, &(struct http_server_options){.unix_path = opt->unix_path, .routes = verb_routes, .arg = api},
            err);
    if (api->verbs)
        api->health = http_server_new(
            opt->base,
            &(struct http_server_options){
                .address = opt->address, .port = opt->port, .routes = health_routes, .arg = api, .is_counted = true},
            err);
    bool ok = api->health != NULL;
    if (ok && opt->verbs_port) {
        api->verbs_tcp =
            http_server_new(opt->base,
                            &(struct http_server_options){
                                .address = "127.0.0.1", .port = opt->verbs_port, .routes = verb_routes, .arg = api},
                            err);
        ok = api->verbs_tcp != NULL;
    }
    if (ok) return api;
    api_free(api);
    return NULL;
}

void api_set_debug(struct api *api, bool on)
{
    if (api) debug_set(api->debug, on);
}

void api_set_ending(struct api *api) { api->is_ending = true; }

void api_free(struct api *api)
{
    if (!api) return;
    http_server_free(api->verbs);
    http_server_free(api->verbs_tcp);
    http_server_free(api->health);
    edges_free(api->edges);
    debug_free(api->debug);
    free(api);
}
