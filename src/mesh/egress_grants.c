/* Which Egresses hold for an account, and which of their ports give way to an older one's. */
#include "base/cidr.h"
#include "mesh/egress.h"
#include "mesh/service.h"
#include "mesh/settings.h"

static const struct field grant_fields[] = {
    FIELD(struct mesh_egress_grant, egress, "egress", F_STR),
    FIELD(struct mesh_egress_grant, ports, "ports", F_INTS),
};
static const struct table grant_table = TABLE("EgressGrant", struct mesh_egress_grant, grant_fields);
static const struct field conflict_fields[] = {
    FIELD(struct mesh_egress_conflict, egress, "egress", F_STR),
    FIELD(struct mesh_egress_conflict, text, "text", F_STR),
};
static const struct table conflict_table = TABLE("EgressConflict", struct mesh_egress_conflict, conflict_fields);
static const struct field grants_fields[] = {
    FIELD(struct mesh_egress_grants, grants, "grants", F_LIST, .sub = &grant_table),
    FIELD(struct mesh_egress_grants, conflicts, "conflicts", F_LIST, .sub = &conflict_table),
};
const struct table mesh_egress_grants_table = TABLE("EgressGrants", struct mesh_egress_grants, grants_fields);

/* A port that holds, or asks to. */
struct claim {
    struct str key;
    const struct mesh_egress *egress;
    const struct egress_port *port;
};
struct granting {
    struct cell *c;
    struct arena *a;
    LIST(struct claim) held; /* in the order in which they came */
    struct mesh_egress_grants *out;
};

static bool share_address(const struct mesh_egress *x, const struct mesh_egress *y)
{
    struct cidr p, q;
    if (!x->has_ranges || !y->has_ranges) return true;
    for (each(s, x->ranges))
        for (each(t, y->ranges))
            if (cidr_parse(*s, &p) && cidr_parse(*t, &q) && cidr_overlaps(&p, &q)) return true;
    return false;
}

/* What is spoken in TLS is told from the rest by waiting for the client's first bytes, for which a server that speaks
 * first would wait, too. http is told from tcp by nothing at all. */
static bool contradicts(const struct claim *x, const struct claim *y)
{
    int64_t p = x->port->protocol, q = y->port->protocol;
    if (x->port->number != y->port->number || p == q) return false;
    if (p > q) return contradicts(y, x);
    if (p == EGRESS_HTTPS) return q == EGRESS_TCP_SERVER_FIRST;
    return p == EGRESS_HTTP && q != EGRESS_HTTPS && share_address(x->egress, y->egress);
}

static bool may_hold(struct granting *g, const struct claim *now)
{
    for (each(old, g->held)) {
        if (!contradicts(old, now)) continue;
        struct mesh_egress_conflict *k = list_add(g->a, &g->out->conflicts);
        k->egress = now->key;
        k->text = str_fmt(g->a, "port %lld %s contradicts port %lld %s of %.*s, which %s: it is left out",
                          (long long)now->port->number, egress_protocol_name(now->port->protocol),
                          (long long)old->port->number, egress_protocol_name(old->port->protocol),
                          STR_FMT(old->egress->title), str_eq(old->key, now->key) ? "holds before it" : "is older");
        return false;
    }
    return true;
}

static void add_egress(struct granting *g, struct str key, const struct mesh_egress *e)
{
    struct mesh_egress_grant grant = {.egress = key};
    for (size_t i = 0; i < e->ports.n; i++) {
        struct claim now = {key, e, &e->ports.v[i]};
        if (!may_hold(g, &now)) continue;
        list_push(g->a, &g->held, now);
        list_push(g->a, &grant.ports, (int64_t)i);
    }
    if (grant.ports.n) list_push(g->a, &g->out->grants, grant);
}

static int older_first(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    if (str_eq(x->key, y->key)) return 0;
    return mesh_is_older(x->egress->created, x->key, y->egress->created, y->key) ? -1 : 1;
}

static bool compute(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct granting g = {.c = c, .a = a, .out = value};
    const struct mesh_settings *set = mesh_settings(c);
    if (set->egress || !set->egress_policies) return true;
    LIST(struct claim) named = {0};
    struct strs keys = store_index(c, INDEX_EGRESSES_BY_SOURCE, key);
    for (each(k, keys)) {
        const struct mesh_egress *e = mesh_egress(c, *k);
        if (e && e->valid && strs_has(e->sources, key)) list_push(a, &named, ((struct claim){*k, e, NULL}));
    }
    list_sort(&named, older_first);
    for (each(n, named)) add_egress(&g, n->key, n->egress);
    return true;
}
const struct cell_kind mesh_egress_grants_cell = {"egress-grants", &mesh_egress_grants_table, compute};

const struct mesh_egress_grants *mesh_egress_grants(struct cell *c, struct str account)
{
    return sheet_read(c, &mesh_egress_grants_cell, account);
}
