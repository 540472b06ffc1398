/* proxy.h - Envoy as a child: started, started again when it dies, ended. */
#pragma once
#include <event2/event.h>
#include <sys/types.h>

#include "agent/options.h"

struct proxy;
struct proxy_options {
    struct event_base *base;
    const struct agent_options *agent; /* borrowed */
    /* Envoy is gone after proxy_stop. */
    void (*stopped)(void *arg);
    void *arg;
};
/* Does not start it yet. It also reaps every other child that this process inherits (it is the first of its
 * container). */
struct proxy *proxy_new(const struct proxy_options *opt);
/* Kills what still runs. */
void proxy_free(struct proxy *p);
/* Starts Envoy with the written bootstrap; idempotent. When it ends by itself it comes back: at once the first time,
 * then after growing pauses (up to 10 s) until it has run for a minute. */
void proxy_start(struct proxy *p);
/* SIGTERM now, SIGKILL after 5 s; |stopped| follows, at once when it does not run. */
void proxy_stop(struct proxy *p);
/* 0 when it does not run. */
pid_t proxy_pid(const struct proxy *p);
