/* set.h - `osm agent set QUERY`, run in the sidecar by `osm proxy set`: POST to Envoy's own admin socket, which nothing
 * outside the sidecar can open. */
#pragma once
/* Prints Envoy's answer; exit status 1 with one sentence when it refuses or does not answer. */
int agent_set(int argc, char **argv);
