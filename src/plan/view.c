/* Who sees what: the parts of a workload's view, and which outbound keys are members of which part. */
#include "base/names.h"
#include "mesh/settings.h"
#include "mesh/telemetry.h"
#include "mesh/workload.h"
#include "plan/egress.h"
#include "plan/reach.h"
#include "plan/retry.h"

#define SET_ALL     "out:*"
#define SET_OUTSIDE "out:-"
#define OUT         "out:"
#define EAR         "ear:"
#define SET_RETRIES OUT RETRY_PART

/* "ear:X", or "ear:X|<log>", of the part "out:X". */
static struct str ear_part(struct arena *a, struct str out, struct str log)
{
    struct str rest = str_sub(out, strlen(OUT), out.n);
    return str_fmt(a, EAR "%.*s%s%.*s", STR_FMT(rest), log.n ? "|" : "", STR_FMT(log));
}

static struct str with_log(struct arena *a, struct str key, struct str log)
{
    return log.n ? str_fmt(a, "%.*s|%.*s", STR_FMT(key), STR_FMT(log)) : key;
}

struct strs plan_view_parts(struct arena *a, const struct plan_view *v)
{
    struct strs out = {0};
    for (each(p, v->parts)) {
        list_push(a, &out, str_is(*p, "base") ? with_log(a, *p, v->log) : *p);
        bool has_ear = str_starts(*p, S(OUT)) && !str_starts(*p, S(SET_RETRIES));
        if (has_ear) list_push(a, &out, ear_part(a, *p, v->log));
    }
    return out;
}

struct str plan_ear_outbound(struct str member, struct str *log)
{
    struct str rest = member, service = str_cut(&rest, '|'), reach = str_cut(&rest, '|');
    *log = rest;
    return str_sub(member, 0, service.n + 1 + reach.n);
}

/* ---- members: one cell per Service ----------------------------------------------------------------------- */

/* One listener set for each Telemetry that somebody may have instead of the mesh's. */
static void add_ears(struct cell *c, struct arena *a, struct str set, struct str key)
{
    const struct mesh_telemetries *all = mesh_telemetries(c);
    sheet_member(c, ear_part(a, set, STR_NULL), key);
    for (each(log, all->keys)) sheet_member(c, ear_part(a, set, *log), with_log(a, key, *log));
}

static bool compute_member(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct plan_member *out = value;
    const struct mesh_service *s = mesh_service(c, key);
    const struct mesh_settings *set = mesh_settings(c);
    if (!s || !(s->in_mesh ? set->permissive : set->egress)) return false;
    out->key = str_fmt(a, "%.*s|%s", STR_FMT(key), s->in_mesh ? "*" : "-");
    struct str part = s->in_mesh ? S(SET_ALL) : S(SET_OUTSIDE);
    sheet_member(c, part, out->key);
    add_ears(c, a, part, out->key);
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

/* The set is named by its keys, so that callers with equal keys share it. */
static void contribute(struct cell *c, struct arena *a, const char *set, struct plan_reach *out)
{
    struct hasher h;
    hasher_init(&h);
    for (size_t i = 0; i < out->keys.n; i++) hasher_str(&h, out->keys.v[i]);
    struct hash128 hash = hasher_end(&h);
    out->part = str_fmt(a, "%s%016llx%016llx", set, (unsigned long long)hash.hi, (unsigned long long)hash.lo);
    for (size_t i = 0; i < out->keys.n; i++) sheet_member(c, out->part, out->keys.v[i]);
}

static bool compute_reach(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct plan_reach *out = value;
    const struct mesh_grants *grants = mesh_grants(c, key);
    struct strs services = candidates(c, a, grants);
    for (each(s, services)) {
        struct str k = reach_key(c, a, *s, grants);
        if (k.n) list_push(a, &out->keys, k);
    }
    contribute(c, a, OUT, out);
    return true;
}
const struct cell_kind plan_reach_cell = {"plan-reach", &plan_reach_table, compute_reach};

const struct plan_reach *plan_reach(struct cell *c, struct str account)
{
    return sheet_read(c, &plan_reach_cell, account);
}

static bool compute_ear(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct plan_reach *out = value;
    struct str log = key, account = str_cut(&log, '|');
    const struct plan_reach *reach = plan_reach(c, account);
    out->part = ear_part(a, reach->part, log);
    for (size_t i = 0; i < reach->keys.n; i++) {
        list_push(a, &out->keys, with_log(a, reach->keys.v[i], log));
        sheet_member(c, out->part, out->keys.v[i]);
    }
    return true;
}
const struct cell_kind plan_ear_cell = {"plan-ear", &plan_reach_table, compute_ear};
/* ---- retries: one cell per calling account --------------------------------------------------------------- */

/* What the caller's view has of a Service without retries; STR_NULL: nothing. */
static struct str plain_key(struct cell *c, struct arena *a, struct str service, struct str account)
{
    if (!mesh_settings(c)->permissive) return reach_key(c, a, service, mesh_grants(c, account));
    const struct mesh_service *s = mesh_service(c, service);
    return s && s->in_mesh ? str_fmt(a, "%.*s|*", STR_FMT(service)) : STR_NULL;
}

static bool compute_retries(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct plan_reach *out = value;
    const struct mesh_retries *all = mesh_retries(c, key);
    for (size_t i = 0; i < all->services.n; i++) {
        struct str plain = plain_key(c, a, all->services.v[i].service, key);
        if (plain.n) list_push(a, &out->keys, retry_key(a, plain, &all->services.v[i].repeat));
    }
    contribute(c, a, SET_RETRIES, out);
    return out->keys.n > 0;
}
const struct cell_kind plan_retries_cell = {"plan-retries", &plan_reach_table, compute_retries};

/* ---- views ----------------------------------------------------------------------------------------------- */

static struct str reached_part(struct cell *c, struct arena *a, struct str account, struct str log)
{
    if (mesh_settings(c)->permissive) return S(SET_ALL);
    sheet_read(c, &plan_ear_cell, with_log(a, account, log));
    return plan_reach(c, account)->part;
}

static bool compute_view(struct cell *c, struct str key, struct arena *a, void *value)
{
    struct plan_view *out = value;
    struct workload w;
    if (!workload_parse(a, key, &w)) return false;
    out->log = mesh_workload_telemetry(c, a, &w);
    list_push(a, &out->parts, S("base"));
    list_push(a, &out->parts, str_fmt(a, "in:%.*s", STR_FMT(key)));
    const struct plan_reach *retries = sheet_read(c, &plan_retries_cell, w.account);
    if (retries) list_push(a, &out->parts, retries->part);
    list_push(a, &out->parts, reached_part(c, a, w.account, out->log));
    list_push(a, &out->parts, S(SET_OUTSIDE));
    if (out->log.n) sheet_member(c, with_log(a, S("base"), out->log), out->log);
    struct str egress = plan_egress_key(c, a, w.account);
    if (!egress.n) return true;
    egress = with_log(a, egress, out->log);
    struct str part = plan_egress_part(a, egress);
    list_push(a, &out->parts, part);
    sheet_member(c, part, egress);
    return true;
}
const struct cell_kind plan_view_cell = {"plan-view", &plan_view_table, compute_view};
