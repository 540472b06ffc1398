/* bench_flow.c - mesh + plan + encode, measured through the controller's own pipeline: from nothing, and after one
 * change of each kind. Where the xDS server would stand, this counts what it would be given.
 *
 *   bench_flow SERVICES permissive|smi|wide|policies [CHANGES [KIND]]   one JSON object on standard output
 *
 * Under callgrind each kind's changes are one of its files (bench_meter.h). */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bench_mesh.h"
#include "bench_meter.h"

/* What one revision carried. */
struct carried {
    uint64_t slots, bytes, resources, resource_bytes, nodes, views;
};
static struct carried carried;

struct measure {
    struct bench_cost cost;
    uint64_t cells;
    struct carried carried;
};

static int by_address(const void *x, const void *y)
{
    uintptr_t a = *(const uintptr_t *)x, b = *(const uintptr_t *)y;
    return (a > b) - (a < b);
}

/* A resource that stands in several parts is one resource. */
static void count_resources(const struct xds_resource **v, size_t n)
{
    qsort(v, n, sizeof(struct xds_resource *), by_address);
    for (size_t i = 0; i < n; i++) {
        if (i && v[i] == v[i - 1]) continue;
        carried.resources++;
        carried.resource_bytes += v[i]->bytes.n;
    }
}

/* In the place of the server's. */
void xds_publish(struct xds_server *s, const struct xds_revision *r)
{
    (void)s;
    bench_meter_aside();
    size_t n = 0;
    const struct xds_resource **v = xcalloc(r->slots.n + 1, sizeof(struct xds_resource *));
    for (each(c, r->slots)) {
        carried.slots++;
        carried.bytes += c->now ? c->now->wire.n : c->name.n;
        if (c->now) v[n++] = c->now;
    }
    count_resources(v, n);
    free(v);
    carried.nodes += r->nodes.n;
    carried.views += r->views.n;
    bench_meter_back();
}

enum { EVERY_PROXY = 6 }; /* so few of those that concern the whole mesh: they take long */

typedef void change_fn(const struct bench_world *w, int i, int turn);
static const struct change {
    const char *name;
    change_fn *fn;
    bool of_policies; /* measured in a world that has them, else in the others */
    int most;         /* changes of it; 0: as many as are asked for */
} changes[] = {
    {"endpoint", bench_world_endpoint, false, 0},
    {"service", bench_world_service, false, 0},
    {"target", bench_world_target, false, 0},
    {"split", bench_world_split, false, 0},
    {"pod", bench_world_pod, false, 0},
    {"egress", bench_world_egress, true, 0},
    {"ingress", bench_world_ingress, true, 0},
    {"retry", bench_world_retry, true, 0},
    {"setting", bench_world_setting, true, 0},
    {"telemetry", bench_world_telemetry, true, 0},
    {"log_level", bench_world_log_level, true, EVERY_PROXY},
    {"sampling", bench_world_sampling, true, EVERY_PROXY},
};
enum { N_CHANGES = sizeof changes / sizeof *changes };

static struct measure measure(struct bench_mesh *b, change_fn *fn, int i, int turn)
{
    carried = (struct carried){0};
    uint64_t cells = sheet_stats(b->sheet).computed;
    bench_meter_start();
    if (fn) fn(&b->world, i, turn);
    pipeline_settle(b->pipeline);
    return (struct measure){bench_meter_stop(), sheet_stats(b->sheet).computed - cells, carried};
}

static int by_cpu(const void *x, const void *y)
{
    int64_t a = ((const struct measure *)x)->cost.cpu_ns, b = ((const struct measure *)y)->cost.cpu_ns;
    return (a > b) - (a < b);
}

static void print_change(const struct change *c, struct measure *m, int n)
{
    qsort(m, (size_t)n, sizeof *m, by_cpu);
    const struct measure *p50 = &m[n / 2], *p99 = &m[n * 99 / 100];
    printf(",\n  \"%s\": {\"cpu_us\": %.1f, \"cpu_p99_us\": %.1f, \"wall_us\": %.1f, \"cells\": %llu, \"slots\": %llu, "
           "\"resources\": %llu, \"bytes\": %llu, \"nodes\": %llu, \"views\": %llu}",
           c->name, (double)p50->cost.cpu_ns / 1e3, (double)p99->cost.cpu_ns / 1e3, (double)p50->cost.wall_ns / 1e3,
           (unsigned long long)p50->cells, (unsigned long long)p50->carried.slots,
           (unsigned long long)p50->carried.resources, (unsigned long long)p50->carried.bytes,
           (unsigned long long)p50->carried.nodes, (unsigned long long)p50->carried.views);
}

/* Each Service is changed and changed back; a stride spreads them over the mesh. */
static void bench_change(struct bench_mesh *b, const struct change *c, int n)
{
    if (c->most && n > c->most) n = c->most;
    struct measure *m = xcalloc((size_t)n, sizeof *m);
    for (int k = 0; k < n; k++) m[k] = measure(b, c->fn, (int)((int64_t)(k / 2) * 7919 % b->world.services), k);
    bench_meter_write(c->name);
    print_change(c, m, n);
    free(m);
}

static void print_all(const struct bench_mesh *b, const struct measure *m)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    struct sheet_stats st = sheet_stats(b->sheet);
    uint64_t r = m->carried.resources;
    printf("{\"services\": %d, \"objects\": %d,\n  \"all\": {\"cpu_ms\": %.1f, \"wall_ms\": %.1f, \"cells\": %llu, "
           "\"resources\": %llu, "
           "\"resource_bytes\": %llu, \"slots\": %llu, \"bytes\": %llu, \"ns_per_resource\": %.0f, \"views\": %llu, "
           "\"nodes\": %llu, \"value_bytes\": %zu, \"overhead_bytes\": %zu, \"rss_kb\": %ld}",
           b->world.services, bench_world_objects(&b->world), (double)m->cost.cpu_ns / 1e6,
           (double)m->cost.wall_ns / 1e6, (unsigned long long)m->cells, (unsigned long long)r,
           (unsigned long long)m->carried.resource_bytes, (unsigned long long)m->carried.slots,
           (unsigned long long)m->carried.bytes, r ? (double)m->cost.cpu_ns / (double)r : 0.0,
           (unsigned long long)m->carried.views, (unsigned long long)m->carried.nodes, st.bytes, st.overhead,
           use.ru_maxrss);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench_flow SERVICES permissive|smi|wide|policies [CHANGES [KIND]]\n");
        return 2;
    }
    int n = argc > 3 ? atoi(argv[3]) : 200;
    struct str mode = str_of(argv[2]);
    bool is_wide = str_is(mode, "wide"); /* SMI; namespaces of 200 workloads, 10 Services reached by each */
    struct bench_mesh b;
    bench_mesh_start(&b, &(struct bench_world){.services = atoi(argv[1]),
                                               .per_namespace = is_wide ? 100 : 20,
                                               .called = is_wide ? 10 : 5,
                                               .permissive = str_is(mode, "permissive"),
                                               .policies = str_is(mode, "policies")}); /* in SMI mode */
    struct measure all = measure(&b, NULL, 0, 0);
    if (!all.carried.resources) {
        fprintf(stderr, "bench_flow: the pipeline made nothing of the world\n");
        return 1;
    }
    print_all(&b, &all);
    bench_meter_instructions();
    for (int i = 0; i < N_CHANGES && n; i++)
        if (argc < 5 ? changes[i].of_policies == b.world.policies : str_is(str_of(argv[4]), changes[i].name))
            bench_change(&b, &changes[i], n);
    printf("}\n");
    bench_mesh_end(&b);
    return 0;
}
