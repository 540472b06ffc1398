#include "controller/metrics.h"

#include <ctype.h>
#include <stdio.h>

#include "base/metrics.h"
#include "base/names.h"

#define NONE STR_NULL, STR_NULL, STR_NULL

enum event { ADDED, UPDATED, DELETED, EVENTS };

static struct metric events = {.name = "osm_k8s_api_event_count",
                               .help = "Changes of objects, whatever source they come from",
                               .type = METRIC_COUNTER,
                               .labels = {"type", "namespace"}};
static struct metric namespaces = {
    .name = "osm_resource_namespace_count", .help = "Namespaces in the mesh", .type = METRIC_GAUGE};
static struct metric queued = {.name = "osm_events_queued",
                               .help = "Changes of objects that are not computed and published yet",
                               .type = METRIC_GAUGE};
static struct metric version = {.name = "osm_version_info",
                                .help = "1, with the version of the controller",
                                .type = METRIC_GAUGE,
                                .labels = {"version"}};

static const char *our_mesh = NAME_MESH;
static char topics[KIND_COUNT][EVENTS][64]; /* "trafficsplit-updated" */

void metrics_init(const char *mesh)
{
    static const char *const words[EVENTS] = {"added", "updated", "deleted"};
    for (int k = 0; k < KIND_COUNT; k++)
        for (int e = 0; e < EVENTS; e++) {
            snprintf(topics[k][e], sizeof topics[k][e], "%s-%s", kind_info((enum kind)k)->name, words[e]);
            for (char *c = topics[k][e]; *c; c++) *c = (char)tolower((unsigned char)*c);
        }
    our_mesh = mesh ? mesh : NAME_MESH;
    metric_register(&events);
    metric_set(&namespaces, 0, STR_NULL, NONE);
    metric_set(&queued, 0, STR_NULL, NONE);
    metric_set(&version, 1, S(OSM_VERSION), NONE);
    errcode_count_init();
}

static int is_in_mesh(const struct object *o)
{
    return o && o->kind == KIND_NAMESPACE && str_is(kvs_get(o->meta.labels, S(LABEL_MONITORED_BY)), our_mesh);
}

void metrics_object(enum kind k, const struct object *old, const struct object *now)
{
    enum event e = !old ? ADDED : now ? UPDATED : DELETED;
    const struct object *o = now ? now : old;
    metric_add(&events, 1, str_of(topics[k][e]), o->meta.ns, STR_NULL, STR_NULL);
    metric_add(&queued, 1, STR_NULL, NONE);
    if (k == KIND_NAMESPACE) metric_add(&namespaces, is_in_mesh(now) - is_in_mesh(old), STR_NULL, NONE);
}

void metrics_settled(void) { metric_set(&queued, 0, STR_NULL, NONE); }

void metrics_diagnostics(const struct mesh_diag_list *l)
{
    for (size_t i = 0; l && i < l->diags.n; i++) errcode_count((int)l->diags.v[i].code);
}
