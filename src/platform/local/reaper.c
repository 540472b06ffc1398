#include "platform/local/reaper.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/list.h"

struct watch {
    pid_t pid;
    void (*fn)(void *arg, int status);
    void *arg;
};

static struct {
    struct event *event;
    struct watch *v;
    size_t n, cap;
} reaper;

static void tell(pid_t pid, int status)
{
    for (size_t i = 0; i < reaper.n; i++) {
        if (reaper.v[i].pid != pid) continue;
        struct watch w = reaper.v[i];
        reaper.v[i] = reaper.v[--reaper.n];
        w.fn(w.arg, status);
        return;
    }
}

static void on_child(evutil_socket_t sig, short what, void *arg)
{
    (void)sig, (void)what, (void)arg;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) tell(pid, status);
}

void reaper_init(struct event_base *base)
{
    reaper.event = evsignal_new(base, SIGCHLD, on_child, NULL);
    event_add(reaper.event, NULL);
}

void reaper_release(void)
{
    if (reaper.event) event_free(reaper.event);
    free(reaper.v);
    reaper.event = NULL;
    reaper.v = NULL;
    reaper.n = reaper.cap = 0;
}

void reaper_watch(pid_t pid, void (*fn)(void *arg, int status), void *arg)
{
    if (reaper.n == reaper.cap) reaper.v = xrealloc(reaper.v, sizeof *reaper.v * (reaper.cap = reaper.cap * 2 + 16));
    reaper.v[reaper.n++] = (struct watch){pid, fn, arg};
}

void reaper_forget(pid_t pid)
{
    for (size_t i = 0; i < reaper.n; i++)
        if (reaper.v[i].pid == pid) reaper.v[i--] = reaper.v[--reaper.n];
}
