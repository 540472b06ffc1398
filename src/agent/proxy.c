#include "agent/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/names.h"

enum { RESTART_FIRST_MS = 200, RESTART_MAX_MS = 10000, STABLE_S = 60, KILL_AFTER_MS = 5000, CANNOT_EXEC = 127 };

struct proxy {
    struct proxy_options opt;
    struct event *child, *restart, *kill;
    struct backoff backoff;
    pid_t pid;
    int64_t started_ns;
    bool is_wanted, is_stopping, has_died;
};

/* Who sends traces and logs, where OpenTelemetry's own rules look for it. */
static void set_resource_attributes(const struct agent_options *o, struct arena *a)
{
    struct str name = o->workload_name.n ? o->workload_name : o->pod;
    struct str text = str_fmt(a,
                              "service.name=%.*s,service.namespace=%.*s,k8s.namespace.name=%.*s,k8s.pod.name=%.*s,"
                              "k8s.pod.uid=%.*s",
                              STR_FMT(name), STR_FMT(o->ns), STR_FMT(o->ns), STR_FMT(o->pod), STR_FMT(o->uid));
    setenv("OTEL_RESOURCE_ATTRIBUTES", text.p, 1);
}

static void run(struct proxy *p)
{
    const struct agent_options *o = p->opt.agent;
    struct arena *a SCOPED_ARENA = arena_new();
    const char *argv[] = {
        o->envoy,
        "--config-path",
        agent_path(o, a, FILE_BOOTSTRAP),
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--drain-time-s",
        "30",
        "--drain-strategy",
        "immediate",
        "--log-level",
        o->envoy_log_level,
        "--file-flush-interval-msec",
        "500",
        NULL,
    };
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    set_resource_attributes(o, a);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* without its agent it would run on with a certificate that ends */
    execvp(o->envoy, (char **)argv);
    fprintf(stderr, "osm agent: cannot run %s: %s; give --envoy or set ENVOY\n", o->envoy, strerror(errno));
    _exit(CANNOT_EXEC);
}

static void start(struct proxy *p)
{
    pid_t pid = fork();
    if (pid == 0) run(p);
    if (pid < 0) {
        log_error("cannot start Envoy: %s", strerror(errno));
        struct timeval pause = timeval_ms(backoff_next_ms(&p->backoff));
        evtimer_add(p->restart, &pause);
        return;
    }
    p->pid = pid;
    p->started_ns = clock_mono_ns();
    log_info("Envoy runs as process %d", (int)pid);
}

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct proxy *p = arg;
    if (p->is_wanted && !p->pid) start(p);
}

static void say_end(int status)
{
    if (WIFSIGNALED(status))
        log_warn("Envoy was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        log_warn("Envoy exited with %d", WEXITSTATUS(status));
}

static void ended(struct proxy *p, int status)
{
    p->pid = 0;
    evtimer_del(p->kill);
    if (p->is_stopping) {
        p->opt.stopped(p->opt.arg);
        return;
    }
    say_end(status);
    if (clock_mono_ns() - p->started_ns > (int64_t)STABLE_S * 1000000000) {
        backoff_reset(&p->backoff);
        p->has_died = false;
    }
    struct timeval pause = timeval_ms(p->has_died ? backoff_next_ms(&p->backoff) : 0);
    p->has_died = true;
    evtimer_add(p->restart, &pause);
}

static void on_child(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct proxy *p = arg;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == p->pid) ended(p, status);
}

static void on_kill(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct proxy *p = arg;
    if (p->pid) kill(p->pid, SIGKILL);
}

struct proxy *proxy_new(const struct proxy_options *opt)
{
    struct proxy *p = xcalloc(1, sizeof *p);
    p->opt = *opt;
    p->backoff = (struct backoff){.first_ms = RESTART_FIRST_MS, .max_ms = RESTART_MAX_MS};
    p->child = evsignal_new(opt->base, SIGCHLD, on_child, p);
    p->restart = evtimer_new(opt->base, on_restart, p);
    p->kill = evtimer_new(opt->base, on_kill, p);
    evsignal_add(p->child, NULL);
    return p;
}

void proxy_free(struct proxy *p)
{
    if (!p) return;
    if (p->pid) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    event_free(p->child);
    event_free(p->restart);
    event_free(p->kill);
    free(p);
}

void proxy_start(struct proxy *p)
{
    if (p->is_wanted || p->is_stopping) return;
    p->is_wanted = true;
    start(p);
}

void proxy_stop(struct proxy *p)
{
    struct timeval pause = timeval_ms(KILL_AFTER_MS);
    p->is_wanted = false;
    p->is_stopping = true;
    if (!p->pid) {
        p->opt.stopped(p->opt.arg);
        return;
    }
    kill(p->pid, SIGTERM);
    evtimer_add(p->kill, &pause);
}

pid_t proxy_pid(const struct proxy *p) { return p->pid; }
