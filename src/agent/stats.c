#include "agent/stats.h"

#include <stdlib.h>

#include "agent/admin.h"
#include "base/buf.h"
#include "base/names.h"

struct stats {
    struct stats_options opt;
    struct http_server *server;
};

static const struct str ours = S_INIT("envoy_osm_");
enum { DROP = sizeof "envoy_" - 1 };

/* Where in the line the name begins. */
static size_t name_at(struct str line)
{
    if (str_starts(line, S("# TYPE ")) || str_starts(line, S("# HELP "))) return sizeof "# TYPE " - 1;
    return 0;
}

void stats_rename(struct str body, struct buf *out)
{
    buf_reserve(out, body.n);
    while (body.p && body.n) {
        struct str line = str_cut(&body, '\n');
        size_t at = name_at(line);
        bool is_ours = str_starts(str_sub(line, at, line.n), ours);
        buf_str(out, str_sub(line, 0, at));
        buf_str(out, str_sub(line, is_ours ? at + DROP : at, line.n));
        buf_char(out, '\n');
    }
}

static void get_stats(struct http_exchange *x)
{
    struct stats *s = x->arg;
    admin_forward(s->opt.http, s->opt.socket, x, "/stats/prometheus?usedonly", stats_rename);
}

static const struct http_route routes[] = {
    {"GET", "/stats/prometheus", get_stats},
    {"GET", "/metrics", get_stats},
    {0},
};

struct stats *stats_new(const struct stats_options *opt, struct err *err)
{
    struct stats *s = xcalloc(1, sizeof *s);
    s->opt = *opt;
    struct http_server_options o = {.address = opt->listen, .port = PORT_METRICS, .routes = routes, .arg = s};
    if ((s->server = http_server_new(opt->base, &o, err))) return s;
    free(s);
    return NULL;
}

void stats_free(struct stats *s)
{
    if (!s) return;
    http_server_free(s->server);
    free(s);
}
