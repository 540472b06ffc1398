#include "agent/probe_server.h"

#include <stdlib.h>

#include "base/names.h"

static const uint16_t ports[] = {PORT_LIVENESS, PORT_READINESS, PORT_STARTUP, PORT_HEALTHCHECK};
enum { PORTS = sizeof ports / sizeof *ports };

struct probe_server {
    struct probe_server_options opt;
    struct arena *arena;
    struct probes probes;
    struct http_server *servers[PORTS];
    bool is_draining;
};

struct asked {
    struct http_exchange *x;
    struct probe_run *run;
};

static void on_outcome(void *arg, const struct probe_outcome *out)
{
    struct asked *q = arg;
    http_reply(q->x, out->status, "text/plain", str_fmt(q->x->arena, "%s\n", out->text));
    free(q);
}

static void on_gone(void *arg)
{
    struct asked *q = arg;
    probe_cancel(q->run);
    free(q);
}

static void get_probe(struct http_exchange *x)
{
    struct probe_server *s = x->arg;
    const struct probe *p = probes_find(&s->probes, x->path);
    if (!p) {
        http_reply_error(x, 404, "the pod has no probe at this path");
    } else if (s->is_draining && p->type == PROBE_READINESS) {
        http_reply_error(x, 503, "the sidecar is draining");
    } else {
        struct asked *q = xcalloc(1, sizeof *q);
        q->x = x;
        http_on_gone(x, on_gone, q);
        q->run = probe_start(s->opt.base, s->opt.http, p, s->opt.agent->ip, on_outcome, q);
    }
}

static void get_ready(struct http_exchange *x)
{
    struct probe_server *s = x->arg;
    if (s->is_draining)
        http_reply_error(x, 503, "the sidecar is draining");
    else
        s->opt.ready(s->opt.arg, x);
}

static const struct http_route routes[] = {
    {"GET", "/ready", get_ready},
    {"GET", "/*", get_probe},
    {0},
};

struct probe_server *probe_server_new(const struct probe_server_options *opt, struct err *err)
{
    struct probe_server *s = xcalloc(1, sizeof *s);
    s->opt = *opt;
    s->arena = arena_new();
    bool ok = probes_parse(s->arena, opt->agent->probes, &s->probes, err);
    for (size_t i = 0; ok && i < PORTS; i++) {
        struct http_server_options o = {.address = opt->agent->listen, .port = ports[i], .routes = routes, .arg = s};
        ok = (s->servers[i] = http_server_new(opt->base, &o, err)) != NULL;
    }
    if (ok) return s;
    probe_server_free(s);
    return NULL;
}

void probe_server_free(struct probe_server *s)
{
    if (!s) return;
    for (size_t i = 0; i < PORTS; i++) http_server_free(s->servers[i]);
    arena_free(s->arena);
    free(s);
}

void probe_server_drain(struct probe_server *s) { s->is_draining = true; }
