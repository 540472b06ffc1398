#include "plan/egress.h"

#include "base/buf.h"
#include "base/cidr.h"
#include "base/hash.h"
#include "base/map.h"
#include "mesh/egress.h"
#include "mesh/upstream.h"
#include "plan/common.h"

/* ---- keys ------------------------------------------------------------------------------------------------ */

struct str plan_egress_key(struct cell *c, struct arena *a, struct str account)
{
    struct buf b SCOPED_BUF = {0};
    const struct mesh_egress_grants *all = mesh_egress_grants(c, account);
    for (size_t i = 0; i < all->grants.n; i++) {
        const struct mesh_egress_grant *g = &all->grants.v[i];
        buf_fmt(&b, "%s%.*s", i ? "," : "", STR_FMT(g->egress));
        for (size_t p = 0; p < g->ports.n; p++) buf_fmt(&b, "%c%lld", p ? '.' : ':', (long long)g->ports.v[p]);
    }
    return str_dup(a, buf_view(&b));
}

struct str plan_egress_part(struct arena *a, struct str member)
{
    struct hash128 h = hash128_of(member.p, member.n);
    return str_fmt(a, "egress:%016llx%016llx", (unsigned long long)h.hi, (unsigned long long)h.lo);
}

/* ---- entries: one port of one Egress --------------------------------------------------------------------- */

struct entry {
    struct str key;
    const struct mesh_egress *egress;
    int64_t number, protocol;
    LIST(struct cidr) ranges; /* the policy's, parsed once */
};
struct egress_plan {
    struct cell *c;
    struct arena *a;
    LIST(struct entry) entries; /* in the order of the grants */
    struct plan_egress *out;
};

static void read_grant(struct egress_plan *p, struct str text)
{
    struct str key = str_cut(&text, ':');
    const struct mesh_egress *e = mesh_egress(p->c, key);
    while (e && text.p) {
        int64_t i;
        if (!str_to_i64(str_cut(&text, '.'), 0, (int64_t)e->ports.n - 1, &i)) continue;
        struct entry *now = list_add(p->a, &p->entries);
        *now = (struct entry){key, e, e->ports.v[i].number, e->ports.v[i].protocol, {0}};
        for (each(text, e->ranges)) {
            struct cidr c;
            if (cidr_parse(*text, &c)) list_push(p->a, &now->ranges, c);
        }
    }
}

/* ---- groups: entries that hold at the same addresses ------------------------------------------------------ */

/* Envoy takes the narrowest range that has the address and never looks back, so each range's chains are those of all
 * entries that hold there. */
struct range {
    struct str text;
    LIST(const struct entry *) entries;
};
struct group {
    struct strs ranges; /* empty: everywhere else */
    LIST(const struct entry *) entries;
};
struct port_plan {
    struct egress_plan *p;
    int64_t number;
    LIST(const struct entry *) entries;
    LIST(struct range) ranges;
    LIST(struct group) groups;
};

static bool holds_at(const struct entry *e, const struct cidr *c)
{
    if (!e->egress->has_ranges) return true;
    for (each(own, e->ranges))
        if (cidr_contains(own, c)) return true;
    return false;
}

static int by_entries(const void *x, const void *y)
{
    const struct range *a = x, *b = y;
    for (size_t i = 0; i < a->entries.n && i < b->entries.n; i++)
        if (a->entries.v[i] != b->entries.v[i]) return a->entries.v[i] < b->entries.v[i] ? -1 : 1;
    if (a->entries.n != b->entries.n) return a->entries.n < b->entries.n ? -1 : 1;
    return str_cmp(a->text, b->text);
}

static bool same_entries(const struct range *a, const struct range *b)
{
    return a->entries.n == b->entries.n &&
           (!a->entries.n || !memcmp(a->entries.v, b->entries.v, a->entries.n * sizeof *a->entries.v));
}

static void find_ranges(struct port_plan *pp)
{
    struct arena *a = pp->p->a;
    struct strs texts = {0};
    for (each(e, pp->entries))
        for (each(text, (*e)->egress->ranges)) list_push(a, &texts, *text);
    texts = strs_sort_unique(texts);
    for (each(text, texts)) {
        struct cidr c;
        if (!cidr_parse(*text, &c)) continue;
        struct range *r = list_add(a, &pp->ranges);
        r->text = *text;
        for (each(e, pp->entries))
            if (holds_at(*e, &c)) list_push(a, &r->entries, *e);
    }
    list_sort(&pp->ranges, by_entries);
}

static void find_groups(struct port_plan *pp)
{
    struct arena *a = pp->p->a;
    struct group *g = NULL, everywhere = {0};
    for (size_t i = 0; i < pp->ranges.n; i++) {
        struct range *r = &pp->ranges.v[i];
        if (!g || !same_entries(r - 1, r)) {
            g = list_add(a, &pp->groups);
            g->entries.v = r->entries.v;
            g->entries.n = r->entries.n;
        }
        list_push(a, &g->ranges, r->text);
    }
    for (each(e, pp->entries))
        if (!(*e)->egress->has_ranges) list_push(a, &everywhere.entries, *e);
    if (everywhere.entries.n) list_push(a, &pp->groups, everywhere);
}

static bool has_protocol(const struct group *g, int64_t protocol)
{
    for (each(e, g->entries))
        if ((*e)->protocol == protocol) return true;
    return false;
}

static struct str name_in(struct port_plan *pp, const struct group *g, const char *what)
{
    struct str first = g->ranges.n ? g->ranges.v[0] : STR_NULL;
    return str_fmt(pp->p->a, "%s|%lld%s%.*s", what, (long long)pp->number, first.n ? "|" : "", STR_FMT(first));
}

static struct str origin_of(struct arena *a, const struct entry *const *v, size_t n)
{
    struct strs titles = {0};
    struct map seen = {0};
    for (size_t i = 0; i < n; i++)
        if (!map_put(&seen, v[i]->egress->title, &seen)) list_push(a, &titles, v[i]->egress->title);
    map_release(&seen);
    return str_join(a, titles, S("; "));
}

/* ---- clusters --------------------------------------------------------------------------------------------- */

/* |host|: of a request; empty: to the dialled address. */
static struct str cluster_for(struct port_plan *pp, const struct mesh_egress *e, struct str host)
{
    struct egress_plan *p = pp->p;
    const struct mesh_upstream *u = e->setting.n ? mesh_upstream_named(p->c, e->setting) : NULL;
    struct plan_egress_cluster cl = {.by_host = host.n > 0, .name = S("egress|by-address")};
    if (cl.by_host) cl.name = S("egress|by-host");
    if (u) {
        struct str whom = cl.by_host ? host : S("address");
        cl.name = str_fmt(p->a, "egress|%.*s|%lld|%.*s", STR_FMT(whom), (long long)pp->number, STR_FMT(e->setting));
        cl.connection = plan_connection_of(u);
        cl.origin = u->title;
    }
    for (each(have, p->out->clusters))
        if (str_eq(have->name, cl.name)) return cl.name;
    list_push(p->a, &p->out->clusters, cl);
    return cl.name;
}

/* ---- http ------------------------------------------------------------------------------------------------- */

static bool is_wildcard(struct str host) { return str_starts(host, S("*")); }

struct numbers {
    size_t *v, n;
};

/* Who may name a host, without looking at everybody for every host. */
struct http_names {
    struct map by_host;   /* a host as it is written → its struct numbers */
    struct numbers wide;  /* those with a wildcard */
    struct numbers found; /* by the last call of entries_for */
};

static void note(struct arena *a, struct http_names *n, const struct entry *e, size_t number)
{
    bool is_wide = false;
    for (each(h, e->egress->hosts)) {
        struct numbers *l = map_get(&n->by_host, *h);
        is_wide = is_wide || is_wildcard(*h);
        if (!l) map_put(&n->by_host, *h, l = memset(arena_array(a, struct numbers, 1), 0, sizeof *l));
        if (!l->n || l->v[l->n - 1] != number) list_push(a, l, number);
    }
    if (is_wide) list_push(a, &n->wide, number);
}

/* The numbers of all that may name |host|, ascending. */
static const struct numbers *entries_for(struct arena *a, struct http_names *n, struct str host)
{
    static const struct numbers none = {0};
    const struct numbers *own = map_get(&n->by_host, host), *wide = &n->wide;
    size_t i = 0, k = 0;
    if (!own) own = &none;
    n->found = none;
    while (i < own->n || k < wide->n) {
        bool from_own = k == wide->n || (i < own->n && own->v[i] <= wide->v[k]);
        size_t number = from_own ? own->v[i++] : wide->v[k++];
        if (!n->found.n || n->found.v[n->found.n - 1] != number) list_push(a, &n->found, number);
    }
    return &n->found;
}

/* Is every name that fits |host| among those of the entry? */
static bool names_host(const struct entry *e, struct str host)
{
    for (each(h, e->egress->hosts)) {
        if (str_eq(*h, host) || str_is(*h, "*")) return true;
        struct str end = str_sub(*h, 1, h->n);
        if (is_wildcard(*h) && str_ends(host, end) && host.n > end.n) return true;
    }
    return false;
}

static void add_route(struct port_plan *pp, const struct entry *e, const struct access_match *m, struct str host,
                      struct plan_egress_host *out)
{
    struct arena *a = pp->p->a;
    bool by_host = !e->egress->has_ranges;
    struct plan_egress_route *r = list_add(a, &out->routes);
    *r = (struct plan_egress_route){.name = e->key, .cluster = cluster_for(pp, e->egress, by_host ? host : STR_NULL)};
    /* The proxy would take port 80 for a Host without one. */
    if (by_host && !is_wildcard(host) && pp->number != 80)
        r->authority = str_fmt(a, "%.*s:%lld", STR_FMT(host), (long long)pp->number);
    if (!m) return;
    r->name = m->name;
    r->path_regex = m->path_regex;
    r->methods = m->methods;
    for (size_t i = 0; i < m->headers.n; i++)
        list_push(a, &r->headers, ((struct plan_header){m->headers.v[i].key, m->headers.v[i].value}));
}

/* |by_host|: whether entries count that go where the host says. */
static void add_host(struct port_plan *pp, const struct group *g, struct http_names *names, struct str host,
                     struct strs domains, bool by_host, struct plan_egress_routes *out)
{
    struct plan_egress_host h = {.domains = domains};
    const struct numbers *who = entries_for(pp->p->a, names, host);
    for (each(number, *who)) {
        const struct entry *e = g->entries.v[*number];
        if (e->protocol != EGRESS_HTTP || !names_host(e, host) || (!by_host && !e->egress->has_ranges)) continue;
        if (e->egress->any_request) add_route(pp, e, NULL, host, &h);
        for (size_t i = 0; i < e->egress->matches.n; i++) add_route(pp, e, &e->egress->matches.v[i], host, &h);
    }
    if (h.routes.n) list_push(pp->p->a, &out->hosts, h);
}

/* A Host of "*.example" without a port, at a port other than 80, would be called at port 80: it may only be where the
 * dialled address decides. */
static void add_domains(struct port_plan *pp, const struct group *g, struct http_names *names, struct str host,
                        struct plan_egress_routes *out)
{
    struct arena *a = pp->p->a;
    struct strs bare = {0}, full = {0};
    list_push(a, &bare, host);
    if (str_is(host, "*")) {
        add_host(pp, g, names, host, bare, false, out);
        return;
    }
    list_push(a, &full, str_fmt(a, "%.*s:%lld", STR_FMT(host), (long long)pp->number));
    if (is_wildcard(host) && pp->number != 80) {
        add_host(pp, g, names, host, bare, false, out);
        add_host(pp, g, names, host, full, true, out);
        return;
    }
    list_push(a, &bare, full.v[0]);
    add_host(pp, g, names, host, bare, true, out);
}

static int by_name(const void *x, const void *y)
{
    return str_cmp(((const struct plan_egress_routes *)x)->name, ((const struct plan_egress_routes *)y)->name);
}

static void plan_http(struct port_plan *pp, const struct group *g, bool has_tls, struct plan_egress_listener *l)
{
    struct arena *a = pp->p->a;
    struct strs hosts = {0};
    struct http_names names = {0};
    struct plan_egress_routes routes = {.name = name_in(pp, g, "rds-egress")};
    struct plan_egress_chain *ch = list_add(a, &l->chains);
    *ch = (struct plan_egress_chain){.name = name_in(pp, g, "http"), .ranges = g->ranges, .route_config = routes.name};
    ch->transport = has_tls ? PLAN_EGRESS_PLAIN : PLAN_EGRESS_ANY;
    for (each(e, g->entries)) {
        if ((*e)->protocol != EGRESS_HTTP) continue;
        ch->by_host = ch->by_host || !(*e)->egress->has_ranges;
        for (size_t i = 0; i < (*e)->egress->matches.n; i++)
            ch->path_rules = ch->path_rules || (*e)->egress->matches.v[i].path_regex.n;
        for (each(h, (*e)->egress->hosts)) list_push(a, &hosts, *h);
        note(a, &names, *e, (size_t)(e - g->entries.v));
    }
    hosts = strs_sort_unique(hosts);
    for (each(h, hosts)) add_domains(pp, g, &names, *h, &routes);
    map_release(&names.by_host);
    routes.origin = origin_of(a, g->entries.v, g->entries.n);
    list_push(a, &pp->p->out->routes, routes);
}

/* ---- https, tcp -------------------------------------------------------------------------------------------- */

static void add_chain(struct port_plan *pp, const struct group *g, const char *what, const struct plan_egress_chain *c,
                      struct plan_egress_listener *l)
{
    struct plan_egress_chain *ch = list_add(pp->p->a, &l->chains);
    *ch = *c;
    ch->name = name_in(pp, g, what);
    ch->ranges = g->ranges;
}

/* Of several limits for one address the older policy's hold. */
static void plan_tcp(struct port_plan *pp, const struct group *g, struct plan_egress_listener *l)
{
    struct plan_egress_chain ch = {0};
    for (each(e, g->entries)) {
        bool is_tcp = (*e)->protocol == EGRESS_TCP || (*e)->protocol == EGRESS_TCP_SERVER_FIRST;
        if (is_tcp && !ch.cluster.n) ch.cluster = cluster_for(pp, (*e)->egress, STR_NULL);
    }
    if (ch.cluster.n) add_chain(pp, g, "tcp", &ch, l);
}

struct https_plan {
    LIST(struct plan_egress_chain) chains; /* one for each cluster */
    struct str any;                        /* the cluster of names that nobody named; empty: none */
    struct map taken;                      /* names that an older policy has given */
};

static void take_names(struct port_plan *pp, const struct mesh_egress *e, struct https_plan *h)
{
    struct arena *a = pp->p->a;
    struct str cluster = cluster_for(pp, e, STR_NULL);
    struct plan_egress_chain *ch = NULL;
    for (each(c, h->chains))
        if (str_eq(c->cluster, cluster)) ch = c;
    if ((!e->hosts.n || strs_has(e->hosts, S("*"))) && !h->any.n) h->any = cluster;
    for (each(name, e->hosts)) {
        if (str_is(*name, "*") || map_get(&h->taken, *name)) continue;
        if (!ch) *(ch = list_add(a, &h->chains)) = (struct plan_egress_chain){.cluster = cluster};
        map_put(&h->taken, *name, h);
        list_push(a, &ch->server_names, *name);
    }
}

static void plan_https(struct port_plan *pp, const struct group *g, struct plan_egress_listener *l)
{
    struct https_plan h = {0};
    for (each(e, g->entries))
        if ((*e)->protocol == EGRESS_HTTPS) take_names(pp, (*e)->egress, &h);
    for (each(c, h.chains)) {
        if (str_eq(c->cluster, h.any)) continue;
        c->transport = PLAN_EGRESS_TLS;
        c->server_names = strs_sort_unique(c->server_names);
        add_chain(pp, g, "https", c, l);
    }
    struct plan_egress_chain any = {.transport = PLAN_EGRESS_TLS, .cluster = h.any};
    if (h.any.n) add_chain(pp, g, "https", &any, l);
    map_release(&h.taken);
}

/* ---- listeners --------------------------------------------------------------------------------------------- */

static void plan_port(struct port_plan *pp)
{
    struct arena *a = pp->p->a;
    struct plan_egress_listener l = {.name = str_fmt(a, "egress|%lld", (long long)pp->number), .port = pp->number};
    for (each(e, pp->entries)) l.has_tls = l.has_tls || (*e)->protocol == EGRESS_HTTPS;
    find_ranges(pp);
    find_groups(pp);
    for (each(g, pp->groups)) {
        if (has_protocol(g, EGRESS_HTTP)) plan_http(pp, g, l.has_tls, &l);
        plan_https(pp, g, &l);
        plan_tcp(pp, g, &l);
    }
    if (!l.chains.n) return;
    l.origin = origin_of(a, pp->entries.v, pp->entries.n);
    list_push(a, &pp->p->out->listeners, l);
}

static int ascending(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

static int by_cluster(const void *x, const void *y)
{
    return str_cmp(((const struct plan_egress_cluster *)x)->name, ((const struct plan_egress_cluster *)y)->name);
}

static bool compute(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct egress_plan p = {.c = c, .a = a, .out = value};
    struct ints numbers = {0};
    while (key.p && key.n) read_grant(&p, str_cut(&key, ','));
    if (!p.entries.n) return false;
    for (each(e, p.entries)) list_push(a, &numbers, e->number);
    list_sort(&numbers, ascending);
    for (size_t i = 0; i < numbers.n; i++) {
        if (i && numbers.v[i] == numbers.v[i - 1]) continue;
        struct port_plan pp = {.p = &p, .number = numbers.v[i]};
        for (each(e, p.entries))
            if (e->number == pp.number) list_push(a, &pp.entries, e);
        plan_port(&pp);
    }
    list_sort(&p.out->routes, by_name);
    list_sort(&p.out->clusters, by_cluster);
    p.out->closed_ranges = plan_base(c)->closed_ranges;
    return true;
}
const struct cell_kind plan_egress_cell = {"plan-egress", &plan_egress_table, compute};

const struct plan_egress *plan_egress(struct cell *c, struct str key) { return sheet_read(c, &plan_egress_cell, key); }
