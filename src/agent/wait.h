/* wait.h - `osm agent wait`, run in a sidecar of the classic order as its postStart hook: the kubelet starts the next
 * container when it ends. */
#pragma once
/* Until the sidecar is ready, two minutes at most; exit status 1 with one sentence when it is not. */
int agent_wait(int argc, char **argv);
