#include "bench_mesh.h"

#include <event2/event.h>

#include "mesh/platform.h"

static void on_settled(void *arg, uint64_t revision) { (void)arg, (void)revision; }
static void on_pod(void *arg, struct str uid, bool alive) { (void)arg, (void)uid, (void)alive; }

void bench_mesh_start(struct bench_mesh *m, const struct bench_world *world)
{
    *m = (struct bench_mesh){.world = *world, .base = event_base_new(), .sheet = sheet_new()};
    m->world.store = store_new(m->sheet);
    mesh_platform_set(m->sheet, &mesh_platform_local);
    m->pipeline = pipeline_new(&(struct pipeline_options){
        .base = m->base, .sheet = m->sheet, .store = m->world.store, .on_settled = on_settled, .on_pod = on_pod});
    bench_world_put(&m->world);
    pipeline_release(m->pipeline);
}

void bench_mesh_end(struct bench_mesh *m)
{
    pipeline_free(m->pipeline);
    sheet_free(m->sheet);
    store_free(m->world.store);
    event_base_free(m->base);
}
