/* Would this call leave the mesh, and by which rule. */
#include "base/cidr.h"
#include "plan/egress.h"
#include "plan/evaluate_rule.h"
#include "plan/path.h"

#define ANSWER(a, out, v, ...) ((out)->verdict = (v), (out)->text = str_fmt((a), __VA_ARGS__), (void)0)

struct way_out {
    struct arena *a;
    const struct evaluate_egress_request *r;
    const struct plan_base *base;
    const struct plan_egress *plan; /* NULL: no Egress names the caller */
    struct cidr address;
    bool has_address;
    struct evaluate_answer *out;
};

static const struct plan_egress *plan_of(const struct sheet *s, struct str workload, struct arena *a)
{
    const struct plan_view *v = sheet_value(s, &plan_view_cell, workload);
    for (size_t i = 0; v && i < v->parts.n; i++) {
        if (!str_starts(v->parts.v[i], S("egress:"))) continue;
        struct strs members = sheet_set(s, v->parts.v[i], a);
        struct str key = members.n ? members.v[0] : STR_NULL;
        return sheet_value(s, &plan_egress_cell, str_cut(&key, '|'));
    }
    return NULL;
}

/* The length of the narrowest range that holds the address; -1: none does. */
static int narrowest(const struct way_out *w, struct strs ranges)
{
    int best = -1;
    struct cidr c;
    for (each(text, ranges))
        if (w->has_address && cidr_parse(*text, &c) && cidr_contains(&c, &w->address) && c.bits > best) best = c.bits;
    return best;
}

/* ---- chains, as Envoy chooses them: the narrowest range, then the name, then what is spoken ---------------- */

static bool is_below(struct str name, struct str wildcard)
{
    struct str end = str_sub(wildcard, 1, wildcard.n);
    return str_starts(wildcard, S("*")) && str_ends(name, end) && name.n > end.n;
}

/* How well one of the names fits: the length of the text that does; 0: none does. */
static size_t name_fits(struct strs names, struct str name)
{
    size_t best = 0;
    for (each(n, names)) {
        if (str_eq_nocase(*n, name)) return SIZE_MAX;
        if (is_below(name, *n) && n->n > best) best = n->n;
    }
    return best;
}

static bool speaks(const struct plan_egress_chain *c, int64_t spoken)
{
    if (c->transport == PLAN_EGRESS_TLS) return spoken == SPOKEN_TLS;
    if (c->transport == PLAN_EGRESS_PLAIN) return spoken != SPOKEN_TLS;
    return true;
}

static const struct plan_egress_chain *choose_chain(const struct way_out *w, const struct plan_egress_listener *l)
{
    const struct plan_egress_chain *best = NULL;
    size_t best_name = 0;
    int bits = -1;
    for (each(c, l->chains)) {
        int n = narrowest(w, c->ranges);
        if (n > bits) bits = n;
    }
    if (narrowest(w, w->base->closed_ranges) > bits) return NULL;
    for (each(c, l->chains)) {
        if (narrowest(w, c->ranges) != bits || (bits < 0 && c->ranges.n) || !speaks(c, w->r->spoken)) continue;
        size_t fit = name_fits(c->server_names, w->r->server_name);
        if (c->server_names.n && !fit) continue;
        if (best && (fit < best_name || (fit == best_name && c->transport != PLAN_EGRESS_TLS))) continue;
        best = c;
        best_name = fit;
    }
    return best;
}

/* ---- http -------------------------------------------------------------------------------------------------- */

static const struct plan_egress_host *choose_host(const struct plan_egress_routes *routes, struct str host)
{
    const struct plan_egress_host *best = NULL, *any = NULL;
    size_t best_fit = 0;
    for (size_t i = 0; routes && i < routes->hosts.n; i++) {
        const struct plan_egress_host *h = &routes->hosts.v[i];
        size_t fit = name_fits(h->domains, host);
        if (strs_has(h->domains, S("*"))) any = h;
        if (fit > best_fit) best = h, best_fit = fit;
    }
    return best ? best : any;
}

static bool route_fits(const struct plan_egress_route *p, const struct evaluate_request *r, struct str path)
{
    struct plan_rule rule = {.any_principal = true, .path_regex = p->path_regex, .methods = p->methods};
    rule.headers.v = p->headers.v;
    rule.headers.n = p->headers.n;
    return evaluate_rule(&rule, STR_NULL, r, path);
}

static void judge_request(struct way_out *w, const struct plan_egress_chain *c)
{
    const struct evaluate_request *r = &w->r->call;
    const struct plan_egress_routes *routes = NULL;
    struct str raw = r->path.n ? r->path : S("/"), path = str_cut(&raw, '?');
    for (each(x, w->plan->routes))
        if (str_eq(x->name, c->route_config)) routes = x;
    if (c->path_rules && !path_normalize(w->a, r->path.n ? r->path : S("/"), true, &path)) {
        ANSWER(w->a, w->out, EVALUATE_BAD_PATH,
               "the path cannot be judged: it has escaped slashes or bytes that no path has");
        return;
    }
    w->out->path = path;
    struct str full = str_fmt(w->a, "%.*s:%lld", STR_FMT(r->authority), (long long)r->port);
    const struct plan_egress_host *h = choose_host(routes, r->port == 80 ? r->authority : full);
    for (size_t i = 0; h && i < h->routes.n; i++) {
        if (!route_fits(&h->routes.v[i], r, path)) continue;
        w->out->rule = h->routes.v[i].name;
        ANSWER(w->a, w->out, EVALUATE_ALLOWED, "allowed by %.*s", STR_FMT(h->routes.v[i].name));
        return;
    }
    ANSWER(w->a, w->out, EVALUATE_DENIED, h ? "no Egress allows this request to %.*s" : "no Egress names host %.*s",
           STR_FMT(r->authority));
}

/* ---- the whole way ----------------------------------------------------------------------------------------- */

static const struct plan_egress_listener *listener_of(const struct way_out *w)
{
    for (size_t i = 0; w->plan && i < w->plan->listeners.n; i++)
        if (w->plan->listeners.v[i].port == w->r->call.port) return &w->plan->listeners.v[i];
    return NULL;
}

static void judge(struct way_out *w)
{
    const struct plan_egress_listener *l = listener_of(w);
    const struct plan_egress_chain *c = l ? choose_chain(w, l) : NULL;
    long long port = (long long)w->r->call.port;
    w->out->by_client = true;
    if (l) w->out->origin = l->origin;
    if (c && c->route_config.n && w->r->spoken == SPOKEN_HTTP)
        judge_request(w, c);
    else if (c && !c->route_config.n)
        ANSWER(w->a, w->out, EVALUATE_ALLOWED, "allowed by %.*s", STR_FMT(l->origin));
    else if (c)
        ANSWER(w->a, w->out, EVALUATE_CLOSED, "only http is allowed at port %lld there", port);
    else if (narrowest(w, w->base->closed_ranges) >= 0)
        ANSWER(w->a, w->out, EVALUATE_CLOSED,
               "no_policy: the address is the cluster's own, which egress never reaches");
    else if (w->base->egress)
        ANSWER(w->a, w->out, EVALUATE_ALLOWED, "global egress is on");
    else
        ANSWER(w->a, w->out, EVALUATE_CLOSED, "no Egress allows it");
}

void evaluate_egress(const struct sheet *s, const struct evaluate_egress_request *r, struct arena *a,
                     struct evaluate_answer *out)
{
    static const struct plan_base nothing = {0};
    struct way_out w = {.a = a, .r = r, .out = out};
    *out = (struct evaluate_answer){0};
    const struct plan_base *base = sheet_value(s, &plan_base_cell, STR_NULL);
    w.base = base ? base : &nothing;
    w.plan = plan_of(s, r->call.client, a);
    w.has_address = r->address.n && cidr_parse(r->address, &w.address);
    if (r->address.n && !w.has_address)
        ANSWER(a, out, EVALUATE_CLOSED, "%.*s is no address", STR_FMT(r->address));
    else
        judge(&w);
}

bool evaluate_egress_url(struct str url, struct evaluate_egress_request *out, struct err *err)
{
    static const struct {
        const char *scheme;
        int64_t port, spoken;
    } known[] = {{"http://", 80, SPOKEN_HTTP}, {"https://", 443, SPOKEN_TLS}, {"tcp://", 0, SPOKEN_OTHER}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct str scheme = str_of(known[i].scheme), rest = str_sub(url, scheme.n, url.n), port = rest;
        if (!str_starts(url, scheme)) continue;
        ptrdiff_t slash = str_find(rest, '/');
        if (slash >= 0) {
            out->call.path = str_sub(rest, (size_t)slash, rest.n);
            port = str_sub(rest, 0, (size_t)slash);
        }
        struct str host = str_cut(&port, ':');
        struct cidr c;
        out->spoken = known[i].spoken;
        out->call.port = known[i].port;
        out->call.authority = out->server_name = host;
        if (cidr_parse(host, &c)) out->address = host;
        bool has_port = port.p ? str_to_i64(port, 1, 65535, &out->call.port) : out->call.port > 0;
        if (host.n && has_port) return true;
        return err_set(err, "\"%.*s\" has no %s", STR_FMT(url), host.n ? "port from 1 to 65535" : "host");
    }
    return err_set(err, "\"%.*s\" is none of http://HOST[:PORT][/PATH], https://HOST[:PORT] and tcp://ADDRESS:PORT",
                   STR_FMT(url));
}
