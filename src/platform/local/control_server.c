/* control_server.c - the supervisor answers the verbs. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/names.h"
#include "platform/local/control.h"
#include "platform/local/control_internal.h"
#include "platform/local/reaper.h"

struct control {
    struct control_options opt;
    int fd;
    struct event *acceptable;
};

/* A verb's connection. */
struct session {
    struct control *control;
    int fd;
    struct event *readable;
    struct process process; /* exec's */
};

static void session_free(struct session *s)
{
    if (s->process.pid) {
        reaper_forget(s->process.pid);
        kill(-s->process.pid, SIGKILL);
    }
    event_free(s->readable);
    close(s->fd);
    free(s);
}

static void reply(struct session *s, json_t *answer, int fd)
{
    struct err err = {0};
    if (!control_send(s->fd, answer, &fd, fd >= 0, &err)) {} /* it hung up: the next read says so */
    json_decref(answer);
}

static void reply_error(struct session *s, const struct err *err)
{
    reply(s, json_pack("{s:s}", "error", err->text), -1);
}

static void answer_status(struct session *s)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct cluster *c = s->control->opt.cluster;
    struct strs keys = map_keys(&c->entries, a);
    json_t *pods = json_array();
    for (each(k, keys)) {
        const struct entry *e = map_get(&c->entries, *k);
        const json_t *doc = e->pod ? pod_document(e->pod) : made_get(c->made, KIND_POD, e->ns, e->name);
        json_array_append_new(
            pods, json_pack("{s:o, s:o, s:b, s:b, s:o}", "pod", doc_str(*k), "phase",
                            doc_str(doc_text(doc, "status.phase")), "ready", e->pod && pod_is_ready(e->pod), "finished",
                            e->pod && pod_is_finished(e->pod), "message", doc_str(doc_text(doc, "status.message"))));
    }
    reply(s, json_pack("{s:i, s:s, s:o}", "pid", s->control->opt.host_pid, "dir", s->control->opt.dir, "pods", pods),
          -1);
}

static struct pod *pod_of(struct session *s, const json_t *m, struct err *err)
{
    return cluster_pod(s->control->opt.cluster, doc_text(m, "namespace"), doc_text(m, "pod"), err);
}

static void answer_logs(struct session *s, const json_t *m)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct pod *p = pod_of(s, m, &err);
    if (!p) return reply_error(s, &err);
    const json_t *doc = pod_document(p), *found = NULL;
    struct str want = doc_text(m, "container");
    static const char *const lists[] = {"spec.containers", "spec.initContainers"};
    size_t i;
    json_t *c;
    for (size_t l = 0; l < 2; l++)
        json_array_foreach(doc_at(doc, lists[l]), i, c) if (!found && (!want.n || str_eq(want, doc_text(c, "name"))))
            found = c;
    if (!found) {
        err_set(&err, "pod %.*s has no container '%.*s'", STR_FMT(pod_key(p)), STR_FMT(want));
        return reply_error(s, &err);
    }
    struct str ns, name;
    key_split(pod_key(p), &ns, &name);
    struct str path = str_fmt(a, "%s/%.*s_%.*s/%.*s.log", s->control->opt.logs, STR_FMT(ns), STR_FMT(name),
                              STR_FMT(doc_text(found, "name")));
    reply(s, json_pack("{s:o}", "path", doc_str(path)), -1);
}

static void on_exec_end(void *arg, int status)
{
    struct session *s = arg;
    struct err why = {0};
    bool never_ran = process_failure(&s->process, &why);
    if (never_ran) return reply_error(s, &why);
    reply(s, json_pack("{s:i}", "exit", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)), -1);
}

static void answer_exec(struct session *s, const json_t *m, const int *fds, int n)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct pod *p = pod_of(s, m, &err);
    const json_t *words = doc_at(m, "argv");
    const char **argv = arena_array(a, const char *, json_array_size(words) + 1);
    for (size_t i = 0; i < json_array_size(words); i++) argv[i] = json_string_value(json_array_get(words, i));
    struct exec_streams streams = {fds[0], fds[1], fds[2], n == 4 ? fds[3] : -1};
    bool ok = p && (n >= 3 && argv[0] && !s->process.pid)
                  ? pod_exec(p, doc_text(m, "container"), argv, &streams, &s->process, &err)
              : p ? err_set(&err, "exec needs a command and three streams")
                  : false;
    if (!ok) return reply_error(s, &err);
    reaper_watch(s->process.pid, on_exec_end, s);
    reply(s, json_pack("{s:b}", "started", 1), -1);
}

static void answer_connect(struct session *s, const json_t *m)
{
    struct err err = {0};
    struct pod *p = pod_of(s, m, &err);
    int fd SCOPED_FD = p ? pod_connect(p, (int)doc_int(m, "port", 0), &err) : -1;
    if (fd < 0) return reply_error(s, &err);
    reply(s, json_object(), fd);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct session *s = arg;
    int fds[CONTROL_FDS] = {-1, -1, -1, -1}, n;
    json_t *m SCOPED_JSON = control_read(fd, fds, &n);
    struct str op = doc_text(m, "op");
    struct err err = {0};
    if (!m) return session_free(s);
    if (str_is(op, "status"))
        answer_status(s);
    else if (str_is(op, "logs"))
        answer_logs(s, m);
    else if (str_is(op, "exec"))
        answer_exec(s, m, fds, n);
    else if (str_is(op, "connect"))
        answer_connect(s, m);
    else if (str_is(op, "down"))
        reply(s, json_object(), -1), s->control->opt.down(s->control->opt.arg);
    else
        err_set(&err, "the local mesh does not know '%.*s'", STR_FMT(op)), reply_error(s, &err);
    for (int i = 0; i < n; i++) close(fds[i]);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    struct control *c = arg;
    struct session *s = xcalloc(1, sizeof *s);
    *s = (struct session){.control = c, .fd = client, .process.status = -1};
    s->readable = event_new(c->opt.base, client, EV_READ | EV_PERSIST, on_readable, s);
    event_add(s->readable, NULL);
}

struct control *control_new(const struct control_options *opt, struct err *err)
{
    struct sockaddr_un at;
    if (!control_address(opt->path, &at, err)) return NULL;
    int fd SCOPED_FD = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(opt->path);
    mode_t mask = umask(0177);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 64) == 0;
    umask(mask);
    if (!ok) return err_errno(err, errno, "cannot listen on %s", opt->path), NULL;
    struct control *c = xcalloc(1, sizeof *c);
    *c = (struct control){.opt = *opt, .fd = STEAL_FD(fd)};
    c->acceptable = event_new(opt->base, c->fd, EV_READ | EV_PERSIST, on_acceptable, c);
    event_add(c->acceptable, NULL);
    return c;
}

void control_free(struct control *c)
{
    if (!c) return;
    event_free(c->acceptable);
    close(c->fd);
    unlink(c->opt.path);
    free(c);
}
