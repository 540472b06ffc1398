/* The flow of docs/design.md section 2. Read this file first: every other room is called from here. */
#include "controller/pipeline.h"

#include <stdlib.h>

#include "base/names.h"
#include "controller/members.h"
#include "controller/metrics.h"
#include "controller/publish.h"
#include "mesh/diag.h"
#include "mesh/workload.h"
#include "plan/plan.h"

enum { SLICE_NS = 2 * 1000 * 1000, NAMED_CAUSES = 20 };
#define PART_BASE "base"

struct pipeline {
    struct pipeline_options opt;
    struct event *wake;
    struct publish *publish;
    struct members *members;
    struct arena *arena; /* of the revision under way */
    struct xds_revision next;
    uint64_t revision;
    bool is_released;
    bool has_news; /* something observed changed, even if no byte did */
};

/* ---- objects: which cells stand for them ---- */

static void watch(struct pipeline *p, const struct cell_kind *k, struct str key, bool on)
{
    (on ? sheet_observe : sheet_unobserve)(p->opt.sheet, k, key);
}

/* What people are told of the revision that is being made. */
static void note_cause(struct pipeline *p, enum kind k, struct str key, const struct object *now)
{
    if (p->next.n_causes++ >= NAMED_CAUSES) return;
    const char *what = now ? "" : " removed";
    struct str text = str_fmt(p->arena, "%s %.*s%s", kind_info(k)->name, STR_FMT(key), what);
    if (now && now->meta.generation)
        text = str_fmt(p->arena, "%.*s generation %lld", STR_FMT(text), (long long)now->meta.generation);
    list_push(p->arena, &p->next.causes, text);
}

static void object_changed(void *arg, enum kind k, struct str key, const struct object *old, const struct object *now)
{
    struct pipeline *p = arg;
    struct arena *a SCOPED_ARENA = arena_new();
    metrics_object(k, old, now);
    note_cause(p, k, key, now);
    if (!old != !now) {
        watch(p, &mesh_diag_cell, mesh_diag_key(a, k, key), now != NULL);
        if (k == KIND_SERVICE) watch(p, &plan_member_cell, key, now != NULL);
        if (k == KIND_POD) watch(p, &mesh_pod_cell, key, now != NULL);
    }
    if (p->opt.on_object) p->opt.on_object(p->opt.arg, k, key, now);
    pipeline_kick(p);
}

/* ---- deltas: what the sheet says changed ---- */

static void view_changed(struct pipeline *p, struct str workload, const struct plan_view *v)
{
    struct xds_view_change *c = list_add(p->arena, &p->next.views);
    *c = (struct xds_view_change){.view = str_dup(p->arena, workload), .removed = !v};
    struct strs parts = v ? plan_view_parts(p->arena, v) : (struct strs){0};
    for (each(part, parts)) list_push(p->arena, &c->parts, str_dup(p->arena, *part));
}

static void diagnostics_changed(struct pipeline *p, const struct cell_change *c)
{
    struct str name, key;
    enum kind k;
    metrics_diagnostics(c->value);
    key_split(c->key, &name, &key);
    if (p->opt.on_object && kind_lookup(name, &k))
        p->opt.on_object(p->opt.arg, k, key, store_peek(p->opt.store, k, key));
}

static void cell_changed(struct pipeline *p, const struct cell_change *c)
{
    p->has_news = true;
    if (c->kind == &mesh_diag_cell)
        diagnostics_changed(p, c);
    else if (c->kind == &mesh_pod_cell)
        members_pod(p->members, c->key, c->value, p->arena, &p->next);
    else if (c->kind == &plan_view_cell)
        view_changed(p, c->key, c->value);
    else if (c->kind == &envoy_base_cell || c->kind == &envoy_inbound_cell || c->kind == &envoy_outbound_cell ||
             c->kind == &envoy_listeners_cell || c->kind == &envoy_endpoints_cell || c->kind == &envoy_egress_cell)
        publish_bundle(p->publish, c->kind, c->key, c->value, p->arena, &p->next);
}

static void set_changed(struct pipeline *p, const struct set_change *s)
{
    static const struct {
        const char *set;
        const struct cell_kind *kind;
    } made[] = {
        {"out:", &envoy_outbound_cell}, {"out:", &envoy_endpoints_cell}, {"ear:", &envoy_listeners_cell},
        {"base|", &envoy_base_cell},    {"egress:", &envoy_egress_cell},
    };
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        if (!str_starts(s->set, str_of(made[i].set))) continue;
        watch(p, made[i].kind, s->member, s->added);
        (s->added ? publish_join : publish_leave)(p->publish, s->set, made[i].kind, s->member, p->arena, &p->next);
    }
}

static void publish_revision(struct pipeline *p)
{
    if (p->has_news || p->revision == 0) {
        p->next.revision = ++p->revision;
        p->opt.on_settled(p->opt.arg, p->revision);
        for (each(n, p->next.nodes)) p->opt.on_pod(p->opt.arg, n->node_id, !n->removed);
        xds_publish(p->opt.xds, &p->next);
    }
    arena_free(p->arena);
    p->arena = arena_new();
    p->next = (struct xds_revision){0};
    p->has_news = false;
    metrics_settled();
}

/* Runs for |budget_ns| (0: to the end). What comes into view makes further cells dirty; they belong to the same
 * revision, so that no push mixes two worlds. Returns false when there is more to do. */
static bool advance(struct pipeline *p, int64_t budget_ns)
{
    do {
        struct sheet_delta delta = {0};
        if (!sheet_run(p->opt.sheet, budget_ns, p->arena, &delta)) return false;
        for (each(c, delta.cells)) cell_changed(p, c);
        for (each(s, delta.sets)) set_changed(p, s);
    } while (sheet_is_dirty(p->opt.sheet));
    publish_revision(p);
    return true;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pipeline *p = arg;
    if (p->is_released && !advance(p, SLICE_NS)) pipeline_kick(p);
}

void pipeline_kick(struct pipeline *p) { event_active(p->wake, EV_TIMEOUT, 0); }

void pipeline_settle(struct pipeline *p)
{
    if (p->is_released && (sheet_is_dirty(p->opt.sheet) || p->revision == 0)) advance(p, 0);
}

void pipeline_release(struct pipeline *p)
{
    if (p->is_released) return;
    p->is_released = true;
    pipeline_kick(p);
}

uint64_t pipeline_revision(const struct pipeline *p) { return p->revision; }

struct pipeline *pipeline_new(const struct pipeline_options *opt)
{
    struct pipeline *p = xcalloc(1, sizeof *p);
    metrics_init(opt->mesh);
    p->opt = *opt;
    p->publish = publish_new();
    p->members = members_new(opt->sheet, p->publish);
    p->arena = arena_new();
    p->wake = event_new(opt->base, -1, 0, on_wake, p);
    watch(p, &envoy_base_cell, STR_NULL, true);
    publish_join(p->publish, S(PART_BASE), &envoy_base_cell, STR_NULL, p->arena, &p->next);
    store_on_change(opt->store, object_changed, p);
    return p;
}

void pipeline_free(struct pipeline *p)
{
    store_on_change(p->opt.store, NULL, NULL);
    members_free(p->members);
    event_free(p->wake);
    publish_free(p->publish);
    arena_free(p->arena);
    free(p);
}
