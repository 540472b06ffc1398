/* pod_internal.h - what container.c, pod.c and pod_status.c share. */
#pragma once
#include "platform/local/log_file.h"
#include "platform/local/pod.h"
#include "platform/local/probe.h"

enum role { ROLE_INIT, ROLE_SIDECAR, ROLE_APP };
enum phase_of { CONTAINER_WAITING, CONTAINER_RUNNING, CONTAINER_DONE };

struct container {
    struct pod *pod;
    const json_t *spec;
    struct str name;
    enum role role;
    enum phase_of phase;
    bool started; /* startup probe passed, or there is none */
    bool ready;
    bool stopping;    /* was told to end */
    bool by_liveness; /* the end asked for is a restart */
    struct process process;
    struct log_file *log;
    pid_t hook, post_start; /* running commands of preStop and postStart */
    struct http_call *hook_call, *post_start_call;
    struct probe *probes[PROBE_KINDS];
    struct event *entered; /* waits for its program to run, which its postStart hook joins */
    struct event *due;     /* restart back-off */
    struct event *kill;    /* grace is over */
    bool is_due;
    int restarts, backoff_s;
    int64_t started_mono;            /* ns */
    int64_t started_at, finished_at; /* unix seconds */
    int exit_code, signal;
    const char *reason; /* literal, of waiting or of the last end */
    char message[ERR_TEXT];
};

enum stage { STAGE_RUN, STAGE_STOP_APPS, STAGE_STOP_SIDECARS, STAGE_STOP_INIT, STAGE_ENDED };

struct condition {
    bool value;
    int64_t since;
};

struct pod {
    const struct pod_host *host;
    struct arena *arena;
    json_t *doc;
    struct str ns, name, key, uid;
    char address[16];
    unsigned number;
    const char *dir, *log_dir;
    pid_t init;
    struct volumes volumes;
    bool has_volumes;
    LIST(struct container) containers; /* spec.initContainers, then spec.containers */
    enum stage stage;
    bool deleting, was_ready;
    const char *phase;                              /* Kubernetes' word */
    char message[ERR_TEXT];                         /* why nothing can be started yet; empty: no reason */
    int64_t created, started_at, grace_s, deadline; /* unix seconds, seconds, mono ns of the end of grace */
    int64_t stop_at;                                /* deleted: mono ns at which containers are told to end */
    struct condition initialized, containers_ready, ready;
    struct event *retry, *renew;
};

/* ---- container.c ---- */
void container_init(struct container *c, struct pod *p, const json_t *spec, enum role role);
void container_release(struct container *c);
/* Starts it if it waits and its back-off is over; what fails stands in reason and message. */
void container_start(struct container *c);
/* preStop and SIGTERM, SIGKILL after |grace_s|. Not running: nothing. */
void container_stop(struct container *c, int64_t grace_s);
/* Its postStart hook is not over: the next container waits for it. */
bool container_is_starting(const struct container *c);
/* Sidecar or capture step. */
bool container_is_ours(const struct container *c);
/* Numeric users and groups, environment and so on of |c| for another process in it. */
MUST bool container_process(struct container *c, struct arena *a, struct process_spec *out, struct err *err);

/* ---- pod.c ---- */
bool pod_restarts(const struct pod *p, const struct container *c);

/* ---- pod_status.c ---- */
/* Writes status into p->doc; true when it differs from what stood there. */
bool pod_status_update(struct pod *p);
