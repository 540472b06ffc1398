/* supervisor.h - the first process of the local cluster's own world. */
#pragma once
#include "platform/local/local.h"

struct supervisor_options {
    const struct local_options *local;
    struct state *state; /* prepared */
    const char *dir;     /* absolute; NULL: the node of an API */
    const char *osm, *envoy;
    const char *images;
    int progress; /* lines for people; "READY" once the first round is done */
    int lock;     /* kept open: says that a mesh lives here */
    int host_net; /* the machine's own network namespace; -1: no way out */
    int go;       /* read end: the host's number of this process, then the end */
};
/* In the new PID, mount, network, IPC and UTS namespaces; returns the exit code. */
int supervisor_run(const struct supervisor_options *opt);
