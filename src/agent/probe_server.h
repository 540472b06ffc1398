/* probe_server.h - the ports 15901-15904 on which the node's probes arrive. */
#pragma once
#include "agent/options.h"
#include "agent/probes.h"
#include "net/http_client.h"
#include "net/http_server.h"

struct probe_server;
struct probe_server_options {
    struct event_base *base;
    struct http_client *http;
    const struct agent_options *agent; /* borrowed */
    /* Answers GET /ready: the sidecar's own start-up probe. */
    void (*ready)(void *arg, struct http_exchange *x);
    void *arg;
};
/* Takes the probes from agent->probes. NULL with err: they do not parse, or a port is in use. */
MUST struct probe_server *probe_server_new(const struct probe_server_options *opt, struct err *err);
void probe_server_free(struct probe_server *s);
/* From now on readiness fails, so that the pod leaves its Services. */
void probe_server_drain(struct probe_server *s);
