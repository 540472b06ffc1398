/* world.h - a small mesh for tests: manifests in, cells observed as the controller's pipeline observes them.
 *
 * To keep cases short, what a platform would have written is filled in where the manifests leave it out: a Namespace
 * in the mesh for every namespace used, the proxy's label, an address and a uid of every Pod (no label when it says
 * sidecar-injection: disabled), a ServiceAccount for every Pod, a cluster IP for every Service, and the EndpointSlice
 * of every Service with a selector, unless one is given. */
#pragma once
#include "base/buf.h"
#include "mesh/diag.h"
#include "mesh/workload.h"
#include "plan/egress.h"
#include "plan/plan.h"

struct world;

struct world *world_new(void);
void world_free(struct world *w);
struct sheet *world_sheet(struct world *w);
struct store *world_store(struct world *w);
/* Puts every document of |yaml|. Documents that do not decode are kept out and their problems are appended to
 * |problems| (may be NULL) as text. False when the text is no YAML. */
MUST bool world_load(struct world *w, struct str yaml, struct buf *problems, struct err *err);
/* One document; |doc| is borrowed. */
bool world_put(struct world *w, const json_t *doc, struct buf *problems);
/* Absent is fine. */
void world_remove(struct world *w, enum kind k, const char *key);
/* Derives what is missing, then runs the sheet until everything observed is settled. */
void world_settle(struct world *w);
/* Keys of the workloads of all pods of the mesh, in |a|. */
struct strs world_workloads(const struct world *w, struct arena *a);
/* All that is observed, as text: what plan.txt holds. */
void world_dump(struct world *w, struct buf *out);
/* The sets of views, in |a|: "out:*", "out:-" or those of the reaches, and those of egress. */
struct strs world_parts(const struct world *w, struct arena *a);
/* plan_view.log of all workloads, in |a|, the mesh's (empty) always among them. */
struct strs world_logs(const struct world *w, struct arena *a);
/* Called for every observed cell kind and key when the world is settled; tests of further rooms observe their own. */
void world_on_key(struct world *w, void (*fn)(void *arg, const struct cell_kind *k, struct str key, bool on),
                  void *arg);
