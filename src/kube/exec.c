#include "kube/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"

enum { RUN_S = 30, MAX_OUTPUT = 1 << 20, ENDING_MS = 2000, LOOK_MS = 20 };

struct exec_run {
    const struct kube_config *config;
    void (*done)(void *arg, const struct exec_credential *c, const struct err *err);
    void *arg;
    pid_t pid;
    int out;
    int looked; /* how often it was looked whether it has ended, after its output had */
    struct event *readable;
    struct buf text;
    struct err err; /* it could not be started */
};

extern char **environ;

/* ---- what it is told and what it says ---- */

static json_t *cluster_info(const struct kube_config *c)
{
    SCOPED_BUF struct buf roots = {0};
    base64_write(c->roots, &roots);
    json_t *j = json_pack("{s:s%}", "server", c->server.p, c->server.n);
    if (c->roots.n) json_object_set_new(j, "certificate-authority-data", json_stringn(roots.p, roots.n));
    if (c->no_verify) json_object_set_new(j, "insecure-skip-tls-verify", json_true());
    if (c->tls_server_name.n)
        json_object_set_new(j, "tls-server-name", json_stringn(c->tls_server_name.p, c->tls_server_name.n));
    return j;
}

char *exec_info(const struct kube_config *c)
{
    json_t *j = json_pack("{s:s%, s:s, s:{s:b}}", "apiVersion", c->exec->api_version.p, c->exec->api_version.n, "kind",
                          "ExecCredential", "spec", "interactive", false);
    if (c->exec->gives_cluster) json_object_set_new(json_object_get(j, "spec"), "cluster", cluster_info(c));
    char *text = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    return text;
}

bool exec_credential_read(struct str text, struct str api_version, struct arena *a, struct exec_credential *out,
                          struct err *err)
{
    struct node *n = node_parse_json(a, text, &node_limits_default, err);
    if (!n) return false;
    const struct node *status = node_get(n, S("status"));
    struct str version = node_get_str(n, S("apiVersion")), expires = node_get_str(status, S("expirationTimestamp"));
    if (!str_is(node_get_str(n, S("kind")), "ExecCredential"))
        return err_set(err, "what it printed is no ExecCredential");
    if (!str_eq(version, api_version))
        return err_set(err, "it answered in %.*s, not in %.*s", STR_FMT(version), STR_FMT(api_version));
    *out = (struct exec_credential){.token = node_get_str(status, S("token")),
                                    .cert = node_get_str(status, S("clientCertificateData")),
                                    .key = node_get_str(status, S("clientKeyData"))};
    if (expires.n && !time_parse(expires, &out->expires))
        return err_set(err, "its expirationTimestamp \"%.*s\" is no time", STR_FMT(expires));
    if (!out->cert.n != !out->key.n) return err_set(err, "it gave a certificate without key, or a key without one");
    return out->token.n || out->cert.n || err_set(err, "it gave neither a token nor a certificate");
}

/* ---- the program ---- */

static void end(struct exec_run *r)
{
    if (r->readable) event_free(r->readable);
    if (r->out >= 0) close(r->out);
    buf_free(&r->text);
    free(r);
}

static bool was_good(struct exec_run *r, struct err *err)
{
    int status = 0;
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR) {}
    if (WIFSIGNALED(status)) return err_set(err, "it was ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status) == 0 || err_set(err, "it ended with %d", WEXITSTATUS(status));
}

static void finish(struct exec_run *r, const char *why)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const struct kube_exec *e = r->config->exec;
    struct exec_credential c = {0};
    struct err err = r->err;
    bool ok = !err.is_set;
    if (why && r->pid) kill(r->pid, SIGKILL);
    if (r->pid) ok = was_good(r, &err);
    if (why) ok = err_set(&err, "%s", why);
    ok = ok && exec_credential_read(buf_view(&r->text), e->api_version, a, &c, &err);
    if (!ok)
        err_wrap(&err, "%.*s: the credential plugin %.*s failed%s%.*s", STR_FMT(r->config->from), STR_FMT(e->command),
                 e->install_hint.n ? "; " : "", STR_FMT(e->install_hint));
    void (*done)(void *, const struct exec_credential *, const struct err *) = r->done;
    void *arg = r->arg;
    struct buf text = r->text;
    r->text = (struct buf){0};
    end(r);
    done(arg, ok ? &c : NULL, &err);
    buf_free(&text);
}

/* It has said all; it may take a moment to end, and the loop does not wait for it. */
static void on_ending(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct exec_run *r = arg;
    struct timeval look = {0, LOOK_MS * 1000};
    siginfo_t info = {0};
    bool has_ended = waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
    if (has_ended)
        finish(r, NULL);
    else if (++r->looked > ENDING_MS / LOOK_MS)
        finish(r, "it closed its output and did not end");
    else
        event_add(r->readable, &look);
}

static void await_end(struct exec_run *r)
{
    struct event_base *base = event_get_base(r->readable);
    event_free(r->readable);
    r->readable = evtimer_new(base, on_ending, r);
    event_active(r->readable, EV_TIMEOUT, 0);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct exec_run *r = arg;
    if (r->err.is_set) {
        finish(r, NULL);
        return;
    }
    if (what & EV_TIMEOUT) {
        finish(r, "it took longer than 30 s");
        return;
    }
    ssize_t n = read(fd, buf_reserve(&r->text, 65536), 65536);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n > 0) buf_commit(&r->text, (size_t)n);
    if (r->text.n > MAX_OUTPUT)
        finish(r, "it printed more than 1 MiB");
    else if (n <= 0)
        await_end(r);
}

static char **environment(struct arena *a, const struct kube_config *c)
{
    size_t n = 0, used = 0;
    while (environ[n]) n++;
    char **all = arena_array(a, char *, n + c->exec->env.n + 2);
    char *info = exec_info(c);
    all[used++] = (char *)str_c(a, str_fmt(a, "KUBERNETES_EXEC_INFO=%s", info));
    free(info);
    for (each(v, c->exec->env))
        all[used++] = (char *)str_c(a, str_fmt(a, "%.*s=%.*s", STR_FMT(v->key), STR_FMT(v->value)));
    for (size_t i = 0; i < n; i++) all[used++] = environ[i]; /* the first of a name counts */
    return all;
}

static bool spawn(struct exec_run *r, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const struct kube_exec *e = r->config->exec;
    int ends[2];
    if (e->asks_always)
        return err_set(err, "it wants a terminal (interactiveMode: Always), and gets none here; log in by it first");
    if (pipe2(ends, O_CLOEXEC) != 0) return err_errno(err, errno, "cannot make a pipe");
    char **argv = arena_array(a, char *, e->args.n + 2);
    argv[0] = (char *)str_c(a, e->command);
    for (size_t i = 0; i < e->args.n; i++) argv[i + 1] = (char *)str_c(a, e->args.v[i]);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE); /* loops ignore it */
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigdefault(&how, &defaults);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], 1);
    int failure = posix_spawnp(&r->pid, argv[0], &files, &how, argv, environment(a, r->config));
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    close(ends[1]);
    r->out = ends[0];
    if (!failure) return true;
    r->pid = 0;
    return err_errno(err, failure, "it cannot be started");
}

struct exec_run *exec_run_start(struct event_base *base, const struct kube_config *config,
                                void (*done)(void *arg, const struct exec_credential *c, const struct err *err),
                                void *arg)
{
    struct exec_run *r = xcalloc(1, sizeof *r);
    struct timeval limit = {RUN_S, 0};
    *r = (struct exec_run){.config = config, .done = done, .arg = arg, .out = -1};
    bool ok = spawn(r, &r->err);
    r->readable = event_new(base, ok ? r->out : -1, ok ? EV_READ | EV_PERSIST : 0, on_readable, r);
    event_add(r->readable, ok ? &limit : NULL);
    if (!ok) event_active(r->readable, EV_TIMEOUT, 0);
    return r;
}

void exec_run_cancel(struct exec_run *r)
{
    int status;
    if (!r) return;
    if (r->pid) {
        kill(r->pid, SIGKILL);
        waitpid(r->pid, &status, 0);
    }
    end(r);
}
