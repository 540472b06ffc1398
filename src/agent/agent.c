#include "agent/agent.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/admin.h"
#include "agent/backoff.h"
#include "agent/denied.h"
#include "agent/enroll.h"
#include "agent/probe_server.h"
#include "agent/proxy.h"
#include "agent/stats.h"
#include "base/file.h"
#include "base/log.h"
#include "base/names.h"
#include "envoy/bootstrap.h"
#include "net/loop.h"

struct agent {
    struct agent_options o;
    struct arena *arena;
    struct event_base *base;
    struct http_client *http;
    const char *admin_socket;
    struct enroll *enroll;
    struct proxy *proxy;
    struct admin *admin;
    struct stats *stats;
    struct probe_server *probes;
    struct denied *denied;
    struct event *term, *interrupt, *drained;
    bool is_draining;
};

/* ---- the end ---- */

static void on_stopped(void *arg)
{
    struct agent *g = arg;
    log_info("Envoy has ended; bye");
    event_base_loopbreak(g->base);
}

static void on_drained(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    proxy_stop(((struct agent *)arg)->proxy);
}

static void on_drain_answer(void *arg, const struct http_answer *answer)
{
    (void)arg;
    if (!answer->ok || answer->status != 200) log_warn("Envoy does not drain: %s", answer->err.text);
}

/* Listeners go on accepting for Envoy's own drain time, which is longer than ours: callers that do not know yet that
 * this pod leaves still get their answer, with the request to close. */
static void ask_envoy_to_drain(struct agent *g)
{
    struct http_call_options o = {
        .method = "POST", .url = "http://envoy/drain_listeners?graceful", .unix_path = g->admin_socket, .body = S("")};
    http_call_start(g->http, &o, on_drain_answer, g);
}

static void drain(struct agent *g, int64_t ms)
{
    struct timeval pause = timeval_ms(ms);
    if (g->is_draining || !proxy_pid(g->proxy)) {
        proxy_stop(g->proxy);
        return;
    }
    g->is_draining = true;
    log_info("draining for %lld ms", (long long)ms);
    probe_server_drain(g->probes);
    ask_envoy_to_drain(g);
    evtimer_add(g->drained, &pause);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
    (void)sig, (void)what;
    struct agent *g = arg;
    drain(g, g->o.drain_ns / 1000000);
}

static void on_quit(void *arg) { drain(arg, 0); }

/* ---- the start ---- */

static void on_certificate(void *arg)
{
    struct agent *g = arg;
    if (!g->is_draining) proxy_start(g->proxy);
}

static void get_ready(void *arg, struct http_exchange *x)
{
    struct agent *g = arg;
    struct enroll_state s = enroll_state(g->enroll);
    if (!s.has_certificate)
        http_reply_error(x, 503, "no certificate yet%s%s", *s.error ? ": " : "", s.error);
    else
        admin_forward(g->http, g->admin_socket, x, "/ready", NULL);
}

static bool split_address(const char *text, struct str *host, int64_t *port, struct err *err)
{
    struct str s = str_of(text);
    ptrdiff_t colon = str_rfind(s, ':');
    if (colon <= 0 || !str_to_i64(str_sub(s, (size_t)colon + 1, s.n), 1, 65535, port))
        return err_set(err, "--controller %s: give HOST:PORT", text);
    *host = str_sub(s, 0, (size_t)colon);
    if (host->p[0] == '[' && host->p[host->n - 1] == ']') *host = str_sub(*host, 1, host->n - 1);
    return true;
}

static bool write_bootstrap(struct agent *g, struct err *err)
{
    struct buf text SCOPED_BUF = {0};
    struct envoy_bootstrap b = {
        .node_id = g->o.uid,
        .pod = g->o.pod,
        .namespace = g->o.ns,
        .kind = g->o.workload_kind,
        .name = g->o.workload_name,
        .zone = g->o.zone,
        .certificate_file = str_of(agent_path(&g->o, g->arena, FILE_SDS_CERTIFICATE)),
        .bundle_file = str_of(agent_path(&g->o, g->arena, FILE_SDS_BUNDLE)),
        .admin_socket = str_of(g->admin_socket),
    };
    if (!split_address(g->o.controller, &b.controller_address, &b.controller_port, err)) return false;
    envoy_bootstrap_json(&b, &text);
    return file_write_atomic(agent_path(&g->o, g->arena, FILE_BOOTSTRAP), buf_view(&text), 0600, err);
}

static bool start_servers(struct agent *g, struct err *err)
{
    struct admin_options admin = {g->base, g->http, g->admin_socket, on_quit, g};
    struct stats_options stats = {g->base, g->http, g->admin_socket, g->o.listen};
    struct probe_server_options probes = {g->base, g->http, &g->o, get_ready, g};
    return (g->probes = probe_server_new(&probes, err)) && (g->admin = admin_new(&admin, err)) &&
           (g->stats = stats_new(&stats, err)) &&
           (g->denied = denied_new(g->base, agent_path(&g->o, g->arena, FILE_DENIED_LOG), &g->o, err));
}

static bool start(struct agent *g, struct err *err)
{
    g->admin_socket = agent_path(&g->o, g->arena, FILE_ADMIN_SOCKET);
    if (!dir_make(g->o.dir, 0700, err) || !write_bootstrap(g, err)) return false;
    if (!(g->base = loop_base_new(err)) || !(g->http = http_client_new(g->base, err))) return false;
    g->drained = evtimer_new(g->base, on_drained, g);
    g->term = evsignal_new(g->base, SIGTERM, on_signal, g);
    g->interrupt = evsignal_new(g->base, SIGINT, on_signal, g);
    evsignal_add(g->term, NULL);
    evsignal_add(g->interrupt, NULL);
    g->proxy = proxy_new(&(struct proxy_options){g->base, &g->o, on_stopped, g});
    if (!start_servers(g, err)) return false;
    g->enroll = enroll_new(&(struct enroll_options){g->base, g->http, &g->o, on_certificate, g});
    return true;
}

static void event_release(struct event *e)
{
    if (e) event_free(e);
}

static void release(struct agent *g)
{
    probe_server_free(g->probes);
    admin_free(g->admin);
    stats_free(g->stats);
    enroll_free(g->enroll);
    denied_free(g->denied);
    proxy_free(g->proxy);
    event_release(g->term);
    event_release(g->interrupt);
    event_release(g->drained);
    http_client_free(g->http);
    if (g->base) event_base_free(g->base);
    arena_free(g->arena);
}

/* The key must not end up in a core file, nor the files in others' hands. */
static void prepare(void)
{
    unsigned seed = 0;
    if (getrandom(&seed, sizeof seed, 0) == sizeof seed) srandom(seed); /* many start together: pauses must differ */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    umask(077);
}

int agent_run(int argc, char **argv)
{
    struct agent g = {.arena = arena_new()};
    struct err err = {0};
    int code;
    if (!agent_options_parse(argc, argv, &g.o, &code)) {
        arena_free(g.arena);
        return code;
    }
    log_setup("agent", LOG_JSON, LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    prepare();
    bool ok = start(&g, &err);
    if (ok) event_base_dispatch(g.base);
    if (!ok) fprintf(stderr, "osm agent: %s\n", err.text);
    release(&g);
    return ok ? 0 : 1;
}
