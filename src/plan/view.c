/* Who sees what: the parts of a workload's view, and which outbound keys are members of which part. */
#include "base/names.h"
#include "mesh/settings.h"
#include "mesh/workload.h"
#include "plan/reach.h"

#define SET_ALL     "out:*"
#define SET_OUTSIDE "out:-"

/* ---- members: one cell per Service ----------------------------------------------------------------------- */

static bool compute_member(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct plan_member *out = value;
    const struct mesh_service *s = mesh_service(c, key);
    const struct mesh_settings *set = mesh_settings(c);
    if (!s || !(s->in_mesh ? set->permissive : set->egress)) return false;
    out->key = str_fmt(a, "%.*s|%s", STR_FMT(key), s->in_mesh ? "*" : "-");
    sheet_member(c, s->in_mesh ? S(SET_ALL) : S(SET_OUTSIDE), out->key);
    return true;
}
const struct cell_kind plan_member_cell = {"plan-member", &plan_member_table, compute_member};

/* ---- reach: one cell per calling account, in SMI mode ---------------------------------------------------- */

/* Services behind which a granted account stands, and the roots that split to them. */
static struct strs candidates(struct cell *c, struct arena *a, const struct mesh_grants *g)
{
    struct strs found = {0};
    for (size_t i = 0; i < g->grants.n; i++) {
        const struct mesh_account *account = mesh_account(c, g->grants.v[i].account);
        for (size_t s = 0; account && s < account->services.n; s++) {
            list_push(a, &found, account->services.v[s]);
            const struct mesh_roots *roots = mesh_roots(c, account->services.v[s]);
            for (size_t r = 0; r < roots->roots.n; r++) list_push(a, &found, roots->roots.v[r]);
        }
    }
    return strs_sort_unique(found);
}

static bool compute_reach(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct plan_reach *out = value;
    const struct mesh_grants *grants = mesh_grants(c, key);
    struct strs services = candidates(c, a, grants);
    struct hasher h;
    hasher_init(&h);
    for (each(s, services)) {
        struct str k = reach_key(c, a, *s, grants);
        if (!k.n) continue;
        list_push(a, &out->keys, k);
        hasher_str(&h, k);
    }
    struct hash128 hash = hasher_end(&h);
    out->part = str_fmt(a, "out:%016llx%016llx", (unsigned long long)hash.hi, (unsigned long long)hash.lo);
    for (size_t i = 0; i < out->keys.n; i++) sheet_member(c, out->part, out->keys.v[i]);
    return true;
}
const struct cell_kind plan_reach_cell = {"plan-reach", &plan_reach_table, compute_reach};

const struct plan_reach *plan_reach(struct cell *c, struct str account)
{
    return sheet_read(c, &plan_reach_cell, account);
}

/* ---- views ----------------------------------------------------------------------------------------------- */

static bool compute_view(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct plan_view *out = value;
    struct workload w;
    if (!workload_parse(a, key, &w)) return false;
    list_push(a, &out->parts, S("base"));
    list_push(a, &out->parts, str_fmt(a, "in:%.*s", STR_FMT(key)));
    list_push(a, &out->parts, mesh_settings(c)->permissive ? S(SET_ALL) : plan_reach(c, w.account)->part);
    list_push(a, &out->parts, S(SET_OUTSIDE));
    return true;
}
const struct cell_kind plan_view_cell = {"plan-view", &plan_view_table, compute_view};
