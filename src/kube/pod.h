/* pod.h - into a running pod through the API server: a command in a container, a request to a port.
 *
 * WebSockets with the subprotocols that every API server from 1.25 on and the kubelets behind it serve: exec offers
 * v5.channel.k8s.io (1.30) and v4; port-forward is v4.channel.k8s.io with ports= in the query, a pair of channels that
 * the API server passes on and the node serves. The other way of port-forward, SPDY within a WebSocket, begins
 * with 1.31 and needs a second framing; neither SPDY nor a listener on this machine is needed here. A server from 1.35
 * on asks for the right to create pods/exec and pods/portforward, older ones for get.
 *
 * For verbs: calls block and run the client's loop meanwhile, never inside a callback. Errors are those of
 * kube_fetch where the server refuses (no such pod, no right, no such container). */
#pragma once
#include "kube/client.h"
#include "net/http_text.h"

struct kube_command {
    struct str ns, pod;
    const char *container; /* NULL: the pod's first */
    struct strs argv;
    int64_t timeout_ms; /* for the whole; 0: 30 s */
    size_t max_output;  /* 0: 16 MiB */
};
struct kube_ended {
    int exit;               /* of the command */
    struct str out, errors; /* what it wrote; of |errors| the first 64 kB. In |a| */
};
/* Runs it without input and waits for its end. False with err when it did not run, or how it ended is not known. */
MUST bool kube_exec(struct kube_client *c, const struct kube_command *cmd, struct arena *a, struct kube_ended *out,
                    struct err *err);

struct kube_port_request {
    struct str ns, pod;
    uint16_t port;      /* of the pod's own loopback */
    const char *path;   /* "/stats?filter=x" */
    int64_t timeout_ms; /* for the whole; 0: 30 s */
    size_t max_answer;  /* 0: 16 MiB */
};
/* GET by HTTP/1.1 at a port of the pod; |out| lives in |a|. False with err when no whole answer came; any status is an
 * answer. */
MUST bool kube_port_get(struct kube_client *c, const struct kube_port_request *r, struct arena *a,
                        struct http_text *out, struct err *err);
