/* members.h - the pods of the mesh and their workloads: which node may speak for which identity and sees which view.
 * A workload is watched for as long as it has a pod. Owner thread. */
#pragma once
#include "controller/publish.h"
#include "mesh/workload.h"

struct members;

struct members *members_new(struct sheet *sheet, struct publish *publish);
void members_free(struct members *m);
/* The pod |key| ("ns/name") is now |pod|; NULL: gone. Adds node and slot changes to |r|, allocated in |a|. A pod that
 * only moves to another workload keeps its stream. */
void members_pod(struct members *m, struct str key, const struct mesh_pod *pod, struct arena *a,
                 struct xds_revision *r);
