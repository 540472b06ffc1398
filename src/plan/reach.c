#include "plan/reach.h"

#include "base/buf.h"

/* ---- text ------------------------------------------------------------------------------------------------ */

static bool parse_ports(struct arena *a, struct str text, struct mesh_grant *out)
{
    if (!text.n) return out->tcp_any = true;
    while (text.p) {
        int64_t n;
        if (!str_to_i64(str_cut(&text, '.'), 1, 65535, &n)) return false;
        list_push(a, &out->tcp_ports, n);
    }
    return true;
}

static bool parse_grant(struct arena *a, struct str text, struct mesh_grant *out)
{
    out->account = str_cut(&text, ':');
    while (text.p) {
        struct str what = str_cut(&text, '+');
        if (str_is(what, "h"))
            out->http = true;
        else if (!str_starts(what, S("t")) || !parse_ports(a, str_sub(what, 1, what.n), out))
            return false;
    }
    return out->account.n && (out->http || out->tcp_any || out->tcp_ports.n);
}

bool reach_parse(struct arena *a, struct str key, struct str *service, struct reach *out)
{
    *out = (struct reach){0};
    *service = str_cut(&key, '|');
    if (!service->n || !key.n) return false;
    out->any = str_is(key, "*");
    out->outside = str_is(key, "-");
    if (out->any || out->outside) return true;
    while (key.p)
        if (!parse_grant(a, str_cut(&key, ','), list_add(a, &out->grants))) return false;
    return true;
}

static void grant_text(struct buf *b, const struct mesh_grant *g)
{
    buf_fmt(b, "%.*s:%s", STR_FMT(g->account), g->http ? "h" : "");
    if (!g->tcp_any && !g->tcp_ports.n) return;
    buf_c(b, g->http ? "+t" : "t");
    for (size_t i = 0; i < g->tcp_ports.n; i++) buf_fmt(b, "%s%lld", i ? "." : "", (long long)g->tcp_ports.v[i]);
}

struct str reach_text(struct arena *a, const struct reach *r)
{
    struct buf b SCOPED_BUF = {0};
    if (r->any) return S("*");
    if (r->outside) return S("-");
    for (size_t i = 0; i < r->grants.n; i++) {
        if (i) buf_char(&b, ',');
        grant_text(&b, &r->grants.v[i]);
    }
    return str_dup(a, buf_view(&b));
}

/* ---- what of the grants matters to one Service ----------------------------------------------------------- */

static bool ints_has(struct ints l, int64_t n)
{
    for (size_t i = 0; i < l.n; i++)
        if (l.v[i] == n) return true;
    return false;
}

/* What one Service's ports accept, with those of its split's backends. */
struct wanted {
    struct cell *c;
    struct arena *a;
    bool http, tcp;
    struct ints targets; /* of TCP ports */
    struct strs accounts;
};

static void want_backing(struct wanted *w, const struct mesh_service *root, struct str service)
{
    const struct mesh_service *s = mesh_service(w->c, service);
    const struct mesh_backing *b = s && s->in_mesh ? mesh_backing(w->c, service) : NULL;
    if (!b) return;
    for (size_t i = 0; i < b->accounts.n; i++) list_push(w->a, &w->accounts, b->accounts.v[i]);
    for (size_t i = 0; i < root->ports.n; i++) {
        const struct mesh_port *p = &root->ports.v[i];
        struct ints targets = protocol_is_http(p->protocol) ? (struct ints){0} : mesh_targets_of(b, p->port);
        for (size_t t = 0; t < targets.n; t++) list_push(w->a, &w->targets, targets.v[t]);
    }
}

static bool reduce(const struct wanted *w, const struct mesh_grant *g, struct mesh_grant *out)
{
    *out = (struct mesh_grant){.account = g->account, .http = g->http && w->http, .tcp_any = g->tcp_any && w->tcp};
    for (size_t i = 0; i < g->tcp_ports.n; i++)
        if (ints_has(w->targets, g->tcp_ports.v[i])) list_push(w->a, &out->tcp_ports, g->tcp_ports.v[i]);
    return out->http || out->tcp_any || out->tcp_ports.n;
}

struct str reach_key(struct cell *c, struct arena *a, struct str service, const struct mesh_grants *grants)
{
    const struct mesh_service *s = mesh_service(c, service);
    if (!s || !s->in_mesh) return STR_NULL;
    struct wanted w = {.c = c, .a = a};
    for (size_t i = 0; i < s->ports.n; i++) *(protocol_is_http(s->ports.v[i].protocol) ? &w.http : &w.tcp) = true;
    want_backing(&w, s, service);
    const struct mesh_split *split = mesh_split(c, service);
    for (size_t i = 0; split && i < split->backends.n; i++) want_backing(&w, s, split->backends.v[i].service);

    struct reach r = {0};
    for (size_t i = 0; i < grants->grants.n; i++) {
        struct mesh_grant g;
        if (strs_has(w.accounts, grants->grants.v[i].account) && reduce(&w, &grants->grants.v[i], &g))
            list_push(a, &r.grants, g);
    }
    if (!r.grants.n) return STR_NULL;
    return str_fmt(a, "%.*s|%.*s", STR_FMT(service), STR_FMT(reach_text(a, &r)));
}

/* ---- asking ---------------------------------------------------------------------------------------------- */

static const struct mesh_grant *grant_of(const struct reach *r, struct str account)
{
    for (size_t i = 0; i < r->grants.n; i++)
        if (str_eq(r->grants.v[i].account, account)) return &r->grants.v[i];
    return NULL;
}

bool reach_allows(const struct reach *r, struct str account, int64_t protocol, int64_t target)
{
    if (r->any) return true;
    const struct mesh_grant *g = grant_of(r, account);
    if (!g) return false;
    if (protocol_is_http(protocol)) return g->http;
    return g->tcp_any || ints_has(g->tcp_ports, target);
}

static bool allows_some_target(const struct reach *r, struct str account, const struct mesh_port *p,
                               struct ints targets)
{
    if (protocol_is_http(p->protocol)) return reach_allows(r, account, p->protocol, 0);
    for (size_t i = 0; i < targets.n; i++)
        if (reach_allows(r, account, p->protocol, targets.v[i])) return true;
    return false;
}

struct strs reach_accounts(struct arena *a, const struct reach *r, const struct mesh_backing *b,
                           const struct mesh_port *p)
{
    struct strs out = {0};
    struct ints targets = mesh_targets_of(b, p->port);
    for (size_t i = 0; b && i < b->accounts.n; i++)
        if (r->any || allows_some_target(r, b->accounts.v[i], p, targets)) list_push(a, &out, b->accounts.v[i]);
    return out;
}
