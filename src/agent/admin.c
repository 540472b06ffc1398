#include "agent/admin.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/names.h"

enum { MAX_DUMP = 256 << 20, ENVOY_TIMEOUT_MS = 30000 };

struct admin {
    struct admin_options opt;
    struct http_server *server;
};

static const char *const readable[] = {
    "/certs",
    "/clusters",
    "/config_dump",
    "/help",
    "/hot_restart_version",
    "/init_dump",
    "/listeners",
    "/memory",
    "/ready",
    "/runtime",
    "/server_info",
    "/stats",
    "/stats/prometheus",
    "/stats/recentlookups",
};

bool admin_may_read(struct str path)
{
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++)
        if (str_is(path, readable[i])) return true;
    return false;
}

/* ---- one request passed on ---- */

struct forward {
    struct http_exchange *x;
    struct http_call *call;
    void (*change)(struct str body, struct buf *out);
};

static void on_envoy(void *arg, const struct http_answer *answer)
{
    struct forward *f = arg;
    struct buf changed SCOPED_BUF = {0};
    const char *type = answer->content_type.p ? answer->content_type.p : "text/plain";
    if (!answer->ok) {
        http_reply_error(f->x, 503, "Envoy does not answer: %s", answer->err.text);
    } else if (answer->status == 200 && f->change) {
        f->change(answer->body, &changed);
        http_reply(f->x, 200, type, buf_view(&changed));
    } else {
        http_reply(f->x, answer->status, type, answer->body);
    }
    free(f);
}

static void on_gone(void *arg)
{
    struct forward *f = arg;
    http_call_cancel(f->call);
    free(f);
}

void admin_forward(struct http_client *http, const char *socket, struct http_exchange *x, const char *path,
                   void (*change)(struct str body, struct buf *out))
{
    struct forward *f = xcalloc(1, sizeof *f);
    struct http_call_options o = {
        .url = str_fmt(x->arena, "http://envoy%s", path).p,
        .unix_path = socket,
        .timeout_ms = ENVOY_TIMEOUT_MS,
        .max_body = MAX_DUMP,
    };
    *f = (struct forward){.x = x, .change = change};
    http_on_gone(x, on_gone, f);
    f->call = http_call_start(http, &o, on_envoy, f);
}

/* ---- the routes ---- */

static bool is_plain(struct str query)
{
    for (size_t i = 0; i < query.n; i++)
        if (!isgraph((unsigned char)query.p[i])) return false;
    return true;
}

static void get_any(struct http_exchange *x)
{
    struct admin *m = x->arg;
    if (!admin_may_read(x->path) || !is_plain(x->query)) {
        http_reply_error(x, 403, "only the readable part of Envoy's admin interface is offered here; see /help");
        return;
    }
    const char *sep = x->query.n ? "?" : "";
    admin_forward(m->opt.http, m->opt.socket, x,
                  str_fmt(x->arena, "%.*s%s%.*s", STR_FMT(x->path), sep, STR_FMT(x->query)).p, NULL);
}

static void post_quit(struct http_exchange *x)
{
    struct admin *m = x->arg;
    http_reply(x, 200, "text/plain", S("OK\n"));
    m->opt.quit(m->opt.arg);
}

static const struct http_route routes[] = {
    {"POST", "/quitquitquit", post_quit},
    {"GET", "/*", get_any},
    {0},
};

struct admin *admin_new(const struct admin_options *opt, struct err *err)
{
    struct admin *m = xcalloc(1, sizeof *m);
    m->opt = *opt;
    struct http_server_options o = {.address = "127.0.0.1", .port = PORT_ENVOY_ADMIN, .routes = routes, .arg = m};
    if ((m->server = http_server_new(opt->base, &o, err))) return m;
    free(m);
    return NULL;
}

void admin_free(struct admin *m)
{
    if (!m) return;
    http_server_free(m->server);
    free(m);
}
