/* publish.h - bundles of encoded resources → slots of parts, for the xDS server.
 *
 * A bundle is the value of one envoy cell; a part is a set of bundles. This keeps what was last handed over and
 * turns a change of either into slot changes: only resources whose bytes changed are sent. Owner thread. */
#pragma once
#include "envoy/envoy.h"
#include "xds/xds.h"

struct publish;

struct publish *publish_new(void);
void publish_free(struct publish *p);
/* The bundle |key| of |kind| is now |value| (NULL: gone). Slot changes for every part that has it go to |r|, whose
 * lists are allocated in |a|. Resources are counted references that publish_done releases. */
void publish_bundle(struct publish *p, const struct cell_kind *kind, struct str key, const struct envoy_bundle *value,
                    struct arena *a, struct xds_revision *r);
/* The bundle joins or leaves the part. A bundle that is not known yet joins empty. */
void publish_join(struct publish *p, struct str part, const struct cell_kind *kind, struct str key, struct arena *a,
                  struct xds_revision *r);
void publish_leave(struct publish *p, struct str part, const struct cell_kind *kind, struct str key, struct arena *a,
                   struct xds_revision *r);
