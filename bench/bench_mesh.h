/* bench_mesh.h - a world and the controller's own pipeline over it, for programs that define xds_publish themselves. */
#pragma once
#include "bench_world.h"
#include "controller/pipeline.h"

struct bench_mesh {
    struct bench_world world;
    struct event_base *base;
    struct sheet *sheet;
    struct pipeline *pipeline;
};

/* |world| without its store. Its objects are put, and the pipeline is released, but nothing is computed yet. */
void bench_mesh_start(struct bench_mesh *m, const struct bench_world *world);
void bench_mesh_end(struct bench_mesh *m);
