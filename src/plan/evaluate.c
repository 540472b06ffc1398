#include "plan/evaluate.h"

#include "base/buf.h"
#include "base/names.h"
#include "base/regex.h"
#include "mesh/endpoint.h"
#include "mesh/platform.h"
#include "mesh/service.h"
#include "mesh/workload.h"
#include "plan/evaluate_rule.h"
#include "plan/path.h"
#include "plan/retry.h"

#define ANSWER(a, out, v, ...) ((out)->verdict = (v), (out)->text = str_fmt((a), __VA_ARGS__), (void)0)

/* ---- one rule -------------------------------------------------------------------------------------------- */

/* An expression that does not compile was refused with its object; here it matches nothing. */
static bool fits(struct str pattern, struct str text)
{
    struct err err = {0};
    struct regex *re = regex_new(pattern, &err);
    bool yes = re && regex_matches(re, text);
    regex_free(re);
    return yes;
}

/* A header that repeats is one value to the proxy, joined by commas. */
static bool header_fits(const struct plan_header *h, const struct evaluate_request *r)
{
    if (str_is(h->name, "host")) return r->authority.n && fits(h->regex, r->authority);
    struct buf joined SCOPED_BUF = {0};
    bool is_there = false;
    for (size_t i = 0; i < r->headers.n; i++) {
        if (!str_eq_nocase(r->headers.v[i].key, h->name)) continue;
        if (is_there) buf_char(&joined, ',');
        buf_str(&joined, str_trim(r->headers.v[i].value));
        is_there = true;
    }
    return is_there && fits(h->regex, buf_view(&joined));
}

bool evaluate_rule(const struct plan_rule *rule, struct str principal, const struct evaluate_request *r,
                   struct str path)
{
    if (!rule->any_principal && !strs_has(rule->principals, principal)) return false;
    if (rule->path_regex.n && !fits(rule->path_regex, path)) return false;
    if (rule->methods.n && !strs_has(rule->methods, r->method.n ? r->method : S("GET"))) return false;
    for (size_t i = 0; i < rule->headers.n; i++)
        if (!header_fits(&rule->headers.v[i], r)) return false;
    return true;
}

/* ---- one chain ------------------------------------------------------------------------------------------- */

static bool has_path_rules(const struct plan_chain *ch)
{
    for (size_t i = 0; i < ch->rules.n; i++)
        if (ch->rules.v[i].path_regex.n) return true;
    return false;
}

static void evaluate_tcp(const struct plan_chain *ch, struct str principal, struct arena *a,
                         struct evaluate_answer *out)
{
    if (ch->tcp_any) out->rule = S("permissive");
    if (ch->tcp_any || strs_has(ch->tcp_principals, principal)) {
        ANSWER(a, out, EVALUATE_ALLOWED, "connections to %.*s are allowed", STR_FMT(ch->service));
        return;
    }
    ANSWER(a, out, EVALUATE_CLOSED, "no TCPRoute lets %.*s connect to port %lld", STR_FMT(principal),
           (long long)ch->port);
}

static void evaluate_http(const struct plan_chain *ch, struct str principal, const struct evaluate_request *r,
                          struct arena *a, struct evaluate_answer *out)
{
    if (!path_normalize(a, r->path.n ? r->path : S("/"), has_path_rules(ch), &out->path)) {
        ANSWER(a, out, EVALUATE_BAD_PATH,
               "the path cannot be judged: it has escaped slashes or bytes that no path has");
        return;
    }
    for (size_t i = 0; i < ch->rules.n; i++) {
        const struct plan_rule *rule = &ch->rules.v[i];
        if (!evaluate_rule(rule, principal, r, out->path)) continue;
        out->rule = rule->name;
        if (rule->origin.n) out->origin = rule->origin;
        ANSWER(a, out, EVALUATE_ALLOWED, "allowed by %.*s", STR_FMT(rule->name));
        return;
    }
    ANSWER(a, out, EVALUATE_DENIED, "none of %zu rules allows it", ch->rules.n);
}

void evaluate_chain(const struct plan_chain *chain, struct str principal, const struct evaluate_request *r,
                    struct arena *a, struct evaluate_answer *out)
{
    *out = (struct evaluate_answer){0};
    if (!chain) {
        ANSWER(a, out, EVALUATE_CLOSED, "the server's proxy has no chain for %.*s: nobody may connect",
               STR_FMT(r->service));
        return;
    }
    out->origin = chain->origin;
    if (chain->denied)
        ANSWER(a, out, EVALUATE_DENIED, "external authorization is asked for and not carried out yet: all is denied");
    else if (protocol_is_http(chain->protocol))
        evaluate_http(chain, principal, r, a, out);
    else
        evaluate_tcp(chain, principal, a, out);
}

/* ---- the caller's side ----------------------------------------------------------------------------------- */

struct way_through {
    const struct sheet *s;
    struct arena *a;
    const struct evaluate_request *r;
    struct workload client, server;
    struct str service; /* behind which the server stands: the dialled one, or a backend of its split */
    int64_t target;
};

static struct str principal_of(const struct sheet *s, struct arena *a, const struct workload *w)
{
    const struct mesh_platform *p = sheet_value(s, &mesh_platform_cell, STR_NULL);
    return spiffe_id(a, (p ? p : &mesh_platform_local)->trust_domain, w->ns, w->sa);
}

/* The key of a Service's outbound plan in the caller's view; STR_NULL when it is in no part. */
static struct str outbound_key(const struct way_through *w)
{
    const struct plan_view *v = sheet_value(w->s, &plan_view_cell, w->r->client);
    struct str prefix = str_fmt(w->a, "%.*s|", STR_FMT(w->r->service));
    for (size_t i = 0; v && i < v->parts.n; i++) {
        if (!str_starts(v->parts.v[i], S("out:")) || str_starts(v->parts.v[i], S("out:" RETRY_PART))) continue;
        struct strs members = sheet_set(w->s, v->parts.v[i], w->a);
        for (each(m, members))
            if (str_starts(*m, prefix)) return *m;
    }
    return STR_NULL;
}

static const struct plan_listener *listener_of(const struct plan_outbound *out, int64_t port)
{
    for (size_t i = 0; out && i < out->listeners.n; i++)
        if (out->listeners.v[i].port == port) return &out->listeners.v[i];
    return NULL;
}

static struct plan_route_config route_of(const struct plan_outbound *out, const struct plan_listener *l)
{
    for (size_t i = 0; i < out->routes.n; i++)
        if (str_eq(out->routes.v[i].name, l->route_config)) return out->routes.v[i];
    struct plan_route_config tcp = {.denied = l->denied};
    tcp.clusters.v = l->clusters.v;
    tcp.clusters.n = l->clusters.n;
    return tcp;
}

static bool stands_behind(const struct way_through *w, struct str service)
{
    struct str ns, name;
    key_split(service, &ns, &name);
    return str_eq(ns, w->server.ns) && strs_has(w->server.services, name);
}

/* The cluster that leads to the server: "ns/svc|<port>". */
static bool choose_cluster(struct way_through *w, const struct plan_route_config *route)
{
    for (size_t i = 0; i < route->clusters.n; i++) {
        struct str rest = route->clusters.v[i].cluster, service = str_cut(&rest, '|');
        if (!str_to_i64(rest, 1, 65535, &w->target) || !stands_behind(w, service)) continue;
        w->service = service;
        return true;
    }
    return false;
}

/* ---- the server's side ----------------------------------------------------------------------------------- */

/* Several targets when pods give one port name different numbers: the first that has a chain. */
static const struct plan_chain *chain_of(const struct way_through *w)
{
    const struct plan_inbound *in = sheet_value(w->s, &plan_inbound_cell, w->r->server);
    const struct mesh_service *service = sheet_value(w->s, &mesh_service_cell, w->service);
    const struct mesh_backing *b = sheet_value(w->s, &mesh_backing_cell, w->service);
    struct ints targets = mesh_targets_of(b, w->target);
    if (service && service->headless) targets = (struct ints){(int64_t *)&w->target, 1};
    for (size_t i = 0; in && i < in->chains.n; i++)
        for (size_t t = 0; t < targets.n; t++)
            if (str_eq(in->chains.v[i].service, w->service) && in->chains.v[i].port == targets.v[t])
                return &in->chains.v[i];
    return NULL;
}

/* Does the caller's plan let this server answer? */
static bool may_answer(const struct way_through *w, const struct plan_outbound *own)
{
    struct str name = str_fmt(w->a, "%.*s|%lld", STR_FMT(w->service), (long long)w->target);
    struct str principal = principal_of(w->s, w->a, &w->server);
    struct evaluate_request r = *w->r;
    struct way_through backend = *w;
    r.service = w->service;
    backend.r = &r;
    const struct plan_outbound *out =
        str_eq(w->service, w->r->service) ? own : sheet_value(w->s, &plan_outbound_cell, outbound_key(&backend));
    for (size_t i = 0; out && i < out->clusters.n; i++)
        if (str_eq(out->clusters.v[i].name, name)) return strs_has(out->clusters.v[i].sans, principal);
    return false;
}

static void close_at_client(const struct way_through *w, struct evaluate_answer *out)
{
    out->by_client = true;
    ANSWER(w->a, out, EVALUATE_CLOSED, "no_policy: nothing lets %.*s call %.*s port %lld", STR_FMT(w->client.account),
           STR_FMT(w->r->service), (long long)w->r->port);
}

static void go_through(struct way_through *w, const struct plan_outbound *own, struct evaluate_answer *out)
{
    const struct plan_listener *l = listener_of(own, w->r->port);
    if (!l) {
        close_at_client(w, out);
        return;
    }
    out->origin = l->origin;
    struct plan_route_config route = route_of(own, l);
    if (l->passthrough)
        ANSWER(w->a, out, EVALUATE_ALLOWED, "the Service is outside the mesh: passed through by egress");
    else if (choose_cluster(w, &route) && may_answer(w, own))
        evaluate_chain(chain_of(w), principal_of(w->s, w->a, &w->client), w->r, w->a, out);
    else if (route.denied) {
        out->by_client = true;
        ANSWER(w->a, out, l->route_config.n ? EVALUATE_DENIED : EVALUATE_CLOSED,
               "no_policy: the split sends a part to where %.*s may not call", STR_FMT(w->client.account));
    } else {
        out->by_client = true;
        ANSWER(w->a, out, EVALUATE_NO_BACKEND, "calls to %.*s do not lead to this server", STR_FMT(w->r->service));
    }
}

void evaluate(const struct sheet *s, const struct evaluate_request *r, struct arena *a, struct evaluate_answer *out)
{
    *out = (struct evaluate_answer){0};
    struct way_through w = {.s = s, .a = a, .r = r};
    if (!workload_parse(a, r->client, &w.client) || !workload_parse(a, r->server, &w.server)) {
        ANSWER(a, out, EVALUATE_NO_BACKEND, "one of them is not in the mesh");
        return;
    }
    struct str key = outbound_key(&w);
    const struct plan_outbound *own = key.n ? sheet_value(s, &plan_outbound_cell, key) : NULL;
    if (own)
        go_through(&w, own, out);
    else
        close_at_client(&w, out);
}

const char *evaluate_word(enum evaluate_verdict v)
{
    static const char *const words[] = {"allowed", "denied (403)", "refused (400)", "closed", "no backend"};
    return words[v];
}
