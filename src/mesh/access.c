#include "mesh/access.h"

#include "base/names.h"
#include "kinds/http_route_group.h"
#include "kinds/tcp_route.h"
#include "kinds/traffic_target.h"

static const struct field match_fields[] = {
    FIELD(struct access_match, name, "name", F_STR),
    FIELD(struct access_match, path_regex, "pathRegex", F_STR),
    FIELD(struct access_match, methods, "methods", F_STRS),
    FIELD(struct access_match, headers, "headers", F_MAPS),
};
const struct table access_match_table = TABLE("Match", struct access_match, match_fields);
static const struct field tcp_fields[] = {FIELD(struct access_tcp, ports, "ports", F_INTS)};
static const struct table tcp_table = TABLE("Tcp", struct access_tcp, tcp_fields);
static const struct field target_fields[] = {
    FIELD(struct mesh_target, valid, "valid", F_BOOL),
    FIELD(struct mesh_target, title, "title", F_STR),
    FIELD(struct mesh_target, destination, "destination", F_STR),
    FIELD(struct mesh_target, sources, "sources", F_STRS),
    FIELD(struct mesh_target, matches, "matches", F_LIST, .sub = &access_match_table),
    FIELD(struct mesh_target, tcp, "tcp", F_LIST, .sub = &tcp_table),
    FIELD(struct mesh_target, diags, "diags", F_LIST, .sub = &mesh_diag_table),
};
const struct table mesh_target_table = TABLE("Target", struct mesh_target, target_fields);

static const struct field grant_fields[] = {
    FIELD(struct mesh_grant, account, "account", F_STR),
    FIELD(struct mesh_grant, http, "http", F_BOOL),
    FIELD(struct mesh_grant, tcp_any, "tcpAny", F_BOOL),
    FIELD(struct mesh_grant, tcp_ports, "tcpPorts", F_INTS),
};
static const struct table grant_table = TABLE("Grant", struct mesh_grant, grant_fields);
static const struct field grants_fields[] = {FIELD(struct mesh_grants, grants, "grants", F_LIST, .sub = &grant_table)};
const struct table mesh_grants_table = TABLE("Grants", struct mesh_grants, grants_fields);

/* ---- one TrafficTarget ----------------------------------------------------------------------------------- */

struct resolving {
    struct cell *c;
    const struct object *o;
    const struct traffic_target_spec *spec;
    struct arena *a;
    struct mesh_target *out;
};

static void check_account(struct resolving *r, struct str key)
{
    if (!store_get(r->c, KIND_SERVICE_ACCOUNT, key))
        diag_remark(r->a, &r->out->diags, E_ABSENT, "ServiceAccount %.*s is not there", STR_FMT(key));
}

static bool resolve_destination(struct resolving *r)
{
    const struct subject *d = &r->spec->destination;
    struct str misplaced = traffic_target_misplaced(r->o, r->a);
    r->out->destination = key_of(r->a, d->ns, d->name);
    if (!str_is(d->kind, "ServiceAccount"))
        diag_error(r->a, &r->out->diags, E_DESTINATION_KIND,
                   "its destination is a %.*s: only a ServiceAccount can be one", STR_FMT(d->kind));
    else if (misplaced.n)
        diag_error(r->a, &r->out->diags, E_TARGET_NAMESPACE, "%.*s", STR_FMT(misplaced));
    else {
        check_account(r, r->out->destination);
        return true;
    }
    return false;
}

static void resolve_sources(struct resolving *r)
{
    struct strs found = {0};
    for (each(s, r->spec->sources)) {
        struct str key = key_of(r->a, s->ns, s->name);
        if (!str_is(s->kind, "ServiceAccount") || !s->ns.n) {
            diag_error(r->a, &r->out->diags, E_SOURCE_KIND,
                       "source %.*s %.*s is no ServiceAccount with a namespace: it is passed over", STR_FMT(s->kind),
                       STR_FMT(key));
            continue;
        }
        check_account(r, key);
        list_push(r->a, &found, key);
    }
    r->out->sources = strs_sort_unique(found);
    if (!r->out->sources.n) diag_remark(r->a, &r->out->diags, E_ABSENT, "it has no sources: it allows no one anything");
}

/* ---- HTTP ---- */

static int by_key(const void *a, const void *b)
{
    const struct kv *x = a, *y = b;
    int c = str_cmp(x->key, y->key);
    return c ? c : str_cmp(x->value, y->value);
}

struct access_match access_match_of(struct arena *a, const struct http_match *m, struct str name)
{
    struct access_match out = {.name = name, .path_regex = m->path_regex};
    struct strs methods = {0};
    bool any = m->methods.n == 0 || strs_has(m->methods, S("*"));
    for (size_t i = 0; !any && i < m->methods.n; i++) list_push(a, &methods, m->methods.v[i]);
    out.methods = strs_sort_unique(methods);
    for (size_t i = 0; i < m->headers.n; i++)
        list_push(a, &out.headers, ((struct kv){str_lower(a, m->headers.v[i].key), m->headers.v[i].value}));
    list_sort(&out.headers, by_key);
    return out;
}

/* A rule's name is the name of an Envoy policy: two matches of one name must not replace each other. */
static void add_match(struct resolving *r, const struct http_match *m, struct str group)
{
    struct str base = str_fmt(r->a, "%.*s/%.*s/%.*s/%.*s", STR_FMT(r->o->meta.ns), STR_FMT(r->o->meta.name),
                              STR_FMT(group), STR_FMT(m->name));
    struct access_match now = access_match_of(r->a, m, base);
    for (int n = 2;; n++) {
        const struct access_match *same = NULL;
        for (each(have, r->out->matches))
            if (str_eq(have->name, now.name)) same = have;
        if (!same) break;
        if (table_equal(&access_match_table, same, &now)) return;
        now.name = str_fmt(r->a, "%.*s#%d", STR_FMT(base), n);
        struct access_match renamed = *same;
        renamed.name = now.name;
        if (table_equal(&access_match_table, &renamed, &now)) return;
    }
    list_push(r->a, &r->out->matches, now);
}

static void resolve_http(struct resolving *r, const struct target_rule *rule)
{
    struct str key = key_of(r->a, r->o->meta.ns, rule->name);
    const struct http_route_group *g = http_route_group_of(store_get(r->c, KIND_HTTP_ROUTE_GROUP, key));
    if (!g) {
        diag_error(r->a, &r->out->diags, E_ROUTE_GROUP_ABSENT,
                   "HTTPRouteGroup %.*s is not there: its rule allows nothing", STR_FMT(key));
        return;
    }
    if (!g->spec.matches.n)
        diag_error(r->a, &r->out->diags, E_NO_MATCHES, "HTTPRouteGroup %.*s has no matches: its rule allows nothing",
                   STR_FMT(key));
    for (each(m, g->spec.matches))
        if (rule->matches.n == 0 || strs_has(rule->matches, m->name)) add_match(r, m, rule->name);
    for (each(want, rule->matches)) {
        bool found = false;
        for (each(m, g->spec.matches)) found = found || str_eq(m->name, *want);
        if (!found)
            diag_error(r->a, &r->out->diags, E_ABSENT, "HTTPRouteGroup %.*s has no match %.*s", STR_FMT(key),
                       STR_FMT(*want));
    }
}

/* ---- TCP ---- */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool ints_has(struct ints l, int64_t n)
{
    for (size_t i = 0; i < l.n; i++)
        if (l.v[i] == n) return true;
    return false;
}

static void ints_add(struct arena *a, struct ints *out, struct ints l)
{
    for (size_t i = 0; i < l.n; i++)
        if (!ints_has(*out, l.v[i])) list_push(a, out, l.v[i]);
    list_sort(out, by_number);
}

static void resolve_tcp(struct resolving *r, const struct target_rule *rule)
{
    struct str key = key_of(r->a, r->o->meta.ns, rule->name);
    const struct tcp_route *t = tcp_route_of(store_get(r->c, KIND_TCP_ROUTE, key));
    if (!t) {
        diag_error(r->a, &r->out->diags, E_ABSENT, "TCPRoute %.*s is not there: its rule allows nothing", STR_FMT(key));
        return;
    }
    struct access_tcp *out = list_add(r->a, &r->out->tcp);
    ints_add(r->a, &out->ports, t->spec.matches.ports);
}

static bool has_foreign_rule(const struct traffic_target_spec *s)
{
    for (each(rule, s->rules))
        if (rule->kind != RULE_HTTP_ROUTE_GROUP && rule->kind != RULE_TCP_ROUTE) return true;
    return false;
}

static bool resolve_rules(struct resolving *r)
{
    if (r->spec->rules.n == 0) {
        diag_error(r->a, &r->out->diags, E_NO_MATCHES, "it has no rules: it allows nothing");
        return false;
    }
    if (has_foreign_rule(r->spec)) {
        diag_error(r->a, &r->out->diags, E_BAD_OBJECT,
                   "a UDPRoute cannot be carried out: the whole target counts as absent");
        return false;
    }
    for (each(rule, r->spec->rules)) (rule->kind == RULE_TCP_ROUTE ? resolve_tcp : resolve_http)(r, rule);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct access_match *)a)->name, ((const struct access_match *)b)->name);
}

static bool compute_target(struct cell *c, struct str key, struct arena *a, void *value)
{
    const struct object *o = store_get(c, KIND_TRAFFIC_TARGET, key);
    const struct traffic_target *t = traffic_target_of(o);
    if (!t) return false;
    struct mesh_target *out = value;
    struct resolving r = {c, o, &t->spec, a, out};
    out->title = object_title(a, o);
    bool has_destination = resolve_destination(&r);
    resolve_sources(&r);
    out->valid = resolve_rules(&r) && has_destination;
    list_sort(&out->matches, by_name);
    return true;
}
const struct cell_kind mesh_target_cell = {"target", &mesh_target_table, compute_target};

const struct mesh_target *mesh_target(struct cell *c, struct str key) { return sheet_read(c, &mesh_target_cell, key); }

bool target_allows_port(const struct mesh_target *t, int64_t port)
{
    for (size_t i = 0; i < t->tcp.n; i++)
        if (t->tcp.v[i].ports.n == 0 || ints_has(t->tcp.v[i].ports, port)) return true;
    return false;
}

/* ---- what a caller may do -------------------------------------------------------------------------------- */

static struct mesh_grant *grant_for(struct arena *a, struct mesh_grants *out, struct str account)
{
    for (each(g, out->grants))
        if (str_eq(g->account, account)) return g;
    struct mesh_grant *g = list_add(a, &out->grants);
    g->account = account;
    return g;
}

static void add_grant(struct arena *a, struct mesh_grants *out, const struct mesh_target *t)
{
    if (!t->matches.n && !t->tcp.n) return;
    struct mesh_grant *g = grant_for(a, out, t->destination);
    g->http = g->http || t->matches.n > 0;
    for (size_t i = 0; i < t->tcp.n; i++) {
        g->tcp_any = g->tcp_any || t->tcp.v[i].ports.n == 0;
        ints_add(a, &g->tcp_ports, t->tcp.v[i].ports);
    }
    if (g->tcp_any) g->tcp_ports = (struct ints){0};
}

static int by_account(const void *a, const void *b)
{
    return str_cmp(((const struct mesh_grant *)a)->account, ((const struct mesh_grant *)b)->account);
}

static bool compute_grants(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct mesh_grants *out = value;
    struct strs targets = store_index(c, INDEX_TARGETS_BY_SOURCE, key);
    for (each(k, targets)) {
        const struct mesh_target *t = mesh_target(c, *k);
        if (t && t->valid && strs_has(t->sources, key)) add_grant(a, out, t);
    }
    list_sort(&out->grants, by_account);
    return true;
}
const struct cell_kind mesh_grants_cell = {"grants", &mesh_grants_table, compute_grants};

const struct mesh_grants *mesh_grants(struct cell *c, struct str account)
{
    return sheet_read(c, &mesh_grants_cell, account);
}
