/* What proxies do at every hop: logs, traces, statistics, questions to others. */
#include "base/names.h"
#include "mesh/platform.h"
#include "mesh/settings.h"
#include "mesh/telemetry.h"
#include "plan/plan.h"

static struct str mesh_config_title(struct cell *c, struct arena *a)
{
    return str_fmt(a, "MeshConfig %.*s/" NAME_MESH_CONFIG, STR_FMT(mesh_platform(c)->system_ns));
}

static void plan_authz(struct cell *c, struct arena *a, const struct mesh_authz *m, struct plan_authz *out)
{
    if (!m->address.n) return;
    out->server = (struct plan_outside){.cluster = S("outside|authorization"),
                                        .address = m->address,
                                        .port = m->port,
                                        .http2 = true,
                                        .origin = mesh_config_title(c, a)};
    out->stat_prefix = m->stat_prefix;
    out->timeout_ns = m->timeout_ns;
    out->failure_mode_allow = m->failure_mode_allow;
}

static void plan_tracing(struct cell *c, struct arena *a, const struct mesh_tracing *m, struct plan_tracing *out)
{
    if (!m->address.n) return;
    out->collector = (struct plan_outside){.cluster = S("outside|traces"),
                                           .address = m->address,
                                           .port = m->port,
                                           .http2 = m->otlp,
                                           .origin = mesh_config_title(c, a)};
    out->otlp = m->otlp;
    if (!m->otlp) out->endpoint = m->endpoint;
    out->sampling = m->sampling;
}

static void plan_log(const struct mesh_log *m, struct plan_log *out)
{
    *out = (struct plan_log){.text = m->text, .json = m->json, .origin = m->title};
    if (!m->collector.n) return;
    out->collector = (struct plan_outside){.cluster = S("outside|logs"),
                                           .address = m->collector,
                                           .port = m->port,
                                           .http2 = true,
                                           .connect_timeout_ns = m->timeout_ns,
                                           .origin = m->title};
    out->attributes = m->attributes;
}

static bool compute(struct cell *c, struct str log, struct arena *a, void *value)
{
    struct plan_hop *out = value;
    const struct mesh_settings *s = mesh_settings(c);
    struct str telemetry = log.n ? log : mesh_default_telemetry(c, a);
    const struct mesh_log *m = telemetry.n ? mesh_log(c, telemetry) : NULL;
    if (m) plan_log(m, &out->log);
    plan_authz(c, a, &s->authz, &out->authz);
    plan_tracing(c, a, &s->tracing, &out->tracing);
    out->health_checks = s->health_checks;
    out->no_stats = s->no_stats;
    return true;
}
const struct cell_kind plan_hop_cell = {"plan-hop", &plan_hop_table, compute};

const struct plan_hop *plan_hop(struct cell *c, struct str log) { return sheet_read(c, &plan_hop_cell, log); }

struct str plan_log_of(struct cell *c, struct arena *a, struct str workload)
{
    struct workload w;
    return workload_parse(a, workload, &w) ? mesh_workload_telemetry(c, a, &w) : STR_NULL;
}
