#include "platform/local/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "platform/local/capability.h"
#include "platform/local/control.h"
#include "platform/local/net.h"

enum { CODE_NOT_STARTED = 128 };

static int pidfd_of(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

/* Opened before the fork: the child is in another PID namespace, where the numbers mean nothing. */
struct doors {
    int pod, container, status;
    int root; /* the container's; where this machine runs us in a chroot, its mount namespace has another one above */
};

/* ---- in the child ---- */

static void default_signals(void)
{
    for (int i = 1; i < NSIG; i++) signal(i, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool enter_namespaces(const struct process_spec *spec, const struct doors *doors, struct err *err)
{
    if (setns(doors->pod, CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
        return err_errno(err, errno, "cannot enter the pod's namespaces");
    if (spec->join <= 0) return root_enter(spec->root, err);
    bool inside = setns(doors->container, CLONE_NEWNS) == 0 && fchdir(doors->root) == 0 && chroot(".") == 0;
    return inside || err_errno(err, errno, "cannot enter the container");
}

/* A terminal out of the container's own /dev; it becomes the one that controls this process. */
static int terminal_open(const struct process_spec *spec, struct err *err)
{
    int outer SCOPED_FD = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    json_t *message SCOPED_JSON = json_pack("{s:b}", "terminal", 1);
    if (outer < 0 || unlockpt(outer) < 0) return err_errno(err, errno, "cannot open a terminal in the container"), -1;
    int inner = ioctl(outer, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    if (inner < 0 || ioctl(inner, TIOCSCTTY, 0) < 0 || fchown(inner, spec->uid, (gid_t)-1) < 0)
        return err_errno(err, errno, "cannot take the terminal over"), -1;
    return control_send(spec->console, message, &outer, 1, err) ? inner : -1;
}

static bool place_streams(const struct process_spec *spec, int status, struct err *err)
{
    int given[3] = {spec->in, spec->out, spec->err};
    if (spec->console >= 0 && (given[0] = given[1] = given[2] = terminal_open(spec, err)) < 0) return false;
    for (int i = 0; i < 3; i++) {
        int fd = given[i] >= 0 ? fcntl(given[i], F_DUPFD, 10) : open("/dev/null", O_RDWR);
        if (fd < 0) return err_errno(err, errno, "cannot open a standard stream");
        given[i] = fd;
    }
    for (int i = 0; i < 3; i++) dup2(given[i], i);
    return syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) == 0 && fcntl(status, F_SETFD, FD_CLOEXEC) == 0;
}

static bool become(const struct process_spec *spec, struct err *err)
{
    gid_t groups[64];
    size_t n = 0;
    for (; n < spec->groups.n && n < 64; n++) groups[n] = (gid_t)spec->groups.v[n];
    if (!capability_limit(spec->capabilities, err)) return false;
    if (setgroups(n, groups) < 0 || setresgid(spec->gid, spec->gid, spec->gid) < 0 ||
        setresuid(spec->uid, spec->uid, spec->uid) < 0)
        return err_errno(err, errno, "cannot become user %u, group %u", spec->uid, spec->gid);
    if (spec->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_errno(err, errno, "cannot give up new privileges");
    return true;
}

static void run_program(const struct process_spec *spec, struct err *err)
{
    const char *name = spec->argv[0], *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    for (const char *const *e = spec->env; *e; e++)
        if (!strncmp(*e, "PATH=", 5)) path = *e + 5;
    int why = ENOENT;
    if (strchr(name, '/')) {
        execve(name, (char *const *)spec->argv, (char *const *)spec->env);
        why = errno;
    }
    struct str rest = strchr(name, '/') ? STR_NULL : str_of(path);
    char whole[4096];
    while (rest.p) {
        struct str dir = str_cut(&rest, ':');
        snprintf(whole, sizeof whole, "%.*s/%s", STR_FMT(dir), name);
        execve(whole, (char *const *)spec->argv, (char *const *)spec->env);
        if (errno != ENOENT && errno != ENOTDIR) why = errno;
    }
    if (why == ENOENT)
        err_set(err, "there is no command '%s' in the container", name);
    else
        err_errno(err, why, "cannot run '%s'", name);
}

static void __attribute__((noreturn)) child(const struct process_spec *spec, const struct doors *doors)
{
    struct err err = {0};
    default_signals();
    setsid();
    umask(022);
    bool ready = enter_namespaces(spec, doors, &err) && place_streams(spec, doors->status, &err);
    if (ready && chdir(spec->cwd ? spec->cwd : "/") < 0)
        ready = err_errno(&err, errno, "cannot enter the working directory %s", spec->cwd);
    if (ready && become(spec, &err)) run_program(spec, &err);
    if (write(doors->status, err.text, strlen(err.text)) < 0) {}
    _exit(CODE_NOT_STARTED);
}

/* ---- in the supervisor ---- */

/* fork, with the child in the PID namespace of process |pod|. */
static pid_t fork_into(int pod, struct err *err)
{
    static int own = -1;
    if (own < 0) own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (own < 0 || pod < 0 || setns(pod, CLONE_NEWPID) < 0) return err_errno(err, errno, "cannot enter the pod"), -1;
    pid_t pid = fork();
    int why = errno;
    if (pid == 0) return 0;
    if (setns(own, CLONE_NEWPID) < 0) abort();
    if (pid < 0) err_errno(err, why, "cannot fork");
    return pid;
}

bool process_start(const struct process_spec *spec, struct process *out, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return err_errno(err, errno, "cannot make a pipe");
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/root", spec->join);
    int pod SCOPED_FD = pidfd_of(spec->init), container SCOPED_FD = spec->join > 0 ? pidfd_of(spec->join) : -1;
    int root SCOPED_FD = spec->join > 0 ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    pid_t pid = fork_into(pod, err);
    if (pid == 0) child(spec, &(struct doors){.pod = pod, .container = container, .status = ends[1], .root = root});
    close(ends[1]);
    if (pid < 0) return close(ends[0]), false;
    *out = (struct process){.pid = pid, .status = ends[0]};
    return true;
}

bool process_failure(struct process *p, struct err *why)
{
    char text[ERR_TEXT];
    ssize_t n = p->status >= 0 ? read(p->status, text, sizeof text - 1) : 0;
    if (p->status >= 0) close(p->status);
    *p = (struct process){.status = -1};
    if (n <= 0) return false;
    err_set(why, "%.*s", (int)n, text);
    return true;
}

/* ---- the pod's init ---- */

static void __attribute__((noreturn)) init_main(const char *hostname, unsigned host, int channel)
{
    struct err err = {0};
    char go;
    default_signals();
    prctl(PR_SET_NAME, "osm-pod");
    prctl(PR_SET_DUMPABLE, 0);
    bool ok = read(channel, &go, 1) == 1;
    if (ok && sethostname(hostname, strlen(hostname)) < 0) ok = err_errno(&err, errno, "cannot set the host name");
    ok = ok && (host == NET_HOST || net_pod_setup(host, &err));
    if (write(channel, ok ? "" : err.text, ok ? 1 : strlen(err.text)) < 0) _exit(1);
    if (!ok) _exit(1);
    syscall(SYS_close_range, 0u, ~0u, 0u);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (;;) {
        int got;
        sigwait(&all, &got);
        while (waitpid(-1, NULL, WNOHANG) > 0) {}
    }
}

/* Tells the waiting init that its link is there, and waits for its answer: one NUL byte, or an error. */
static bool init_settle(unsigned host, pid_t pid, int channel, struct err *err)
{
    char answer[ERR_TEXT] = "";
    if (host != NET_HOST && !net_pod_attach(host, pid, err)) return false;
    ssize_t n = write(channel, "", 1) == 1 ? read(channel, answer, sizeof answer - 1) : -1;
    if (n == 1 && !answer[0]) return true;
    return err_set(err, "%s", n > 0 ? answer : "the pod's init ended");
}

pid_t process_start_init(const char *hostname, unsigned host, struct err *err)
{
    int channel[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0)
        return err_errno(err, errno, "cannot make a socket pair"), 0;
    struct clone_args args = {.flags = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWUTS,
                              .exit_signal = SIGCHLD};
    if (host != NET_HOST) args.flags |= CLONE_NEWNET;
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) init_main(hostname, host, channel[1]);
    close(channel[1]);
    bool ok =
        pid > 0 ? init_settle(host, pid, channel[0], err) : err_errno(err, errno, "cannot make a pod's namespaces");
    close(channel[0]);
    if (!ok && pid > 0) kill(pid, SIGKILL);
    return ok ? pid : 0;
}
