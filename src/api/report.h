/* report.h - what `osm status` shows, as JSON. Pure over what it is given.
 *
 * {"ready": every pod is ready and every proxy has accepted the revision, "accepted": the latter,
 *  "revision": N, "mesh": {"name","permissive","egress","trustDomain","version"},
 *  "objects": {"Service": N, …},
 *  "proxies": {"expected": N, "connected": N, "accepted": N},
 *  "pods": [{"namespace","name","account","status","containersReady":
 * "2/2","ready","restarts","address","inMesh","why", "proxy": "accepted"|"pending"|"not connected"|"-"}],
 *  "policies": [{"kind","namespace","name","status": "committed"|"error","reason"}], of kinds that have a status
 *  "diagnostics": [{"code": "E8005","object","where","text","error"}]} */
#pragma once
#include "source/source.h"
#include "xds/xds.h"

struct report_input {
    const struct sheet *sheet;
    const struct store *store;
    struct source_problems problems;
    const struct xds_status *xds;
    uint64_t revision; /* published last */
};
/* The caller owns it. */
json_t *report_json(const struct report_input *in);
/* The namespaces and whether, and why, they are in the mesh: [{"name","inMesh","injection","pods"}]. */
json_t *report_namespaces(const struct report_input *in);
