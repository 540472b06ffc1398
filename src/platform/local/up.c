/* up.c - starting and ending the supervisor, seen from the host. */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "platform/local/control.h"
#include "platform/local/supervisor.h"

/* ---- what the machine must have ---- */

static const char *in_path(struct arena *a, const char *name)
{
    const char *path = getenv("PATH");
    struct str rest = str_fmt(a, "%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin"); /* root's may lack them */
    while (rest.p) {
        struct str dir = str_cut(&rest, ':');
        const char *whole = str_fmt(a, "%.*s/%s", STR_FMT(dir), name).p;
        if (access(whole, X_OK) == 0) return whole;
    }
    return NULL;
}

static const char *real(struct arena *a, const char *path)
{
    char *whole = path ? realpath(path, NULL) : NULL;
    const char *out = whole ? str_dup(a, str_of(whole)).p : NULL;
    free(whole);
    return out;
}

/* ENVOY, then .deps/envoy/envoy here or beside the build directory, then PATH. */
static const char *find_envoy(struct arena *a, const char *osm)
{
    const char *given = getenv("ENVOY"), *found;
    struct str exe = str_of(osm);
    ptrdiff_t slash = str_rfind(exe, '/');
    if (given && *given) return real(a, given);
    if ((found = real(a, ".deps/envoy/envoy"))) return found;
    if ((found = real(a, str_fmt(a, "%.*s/../.deps/envoy/envoy", (int)slash, osm).p))) return found;
    return real(a, in_path(a, "envoy"));
}

static bool has_file_system(const char *name)
{
    struct buf text SCOPED_BUF = {0};
    struct err ignored = {0};
    return file_read("/proc/filesystems", 1 << 16, &text, &ignored) && memmem(text.p, text.n, name, strlen(name));
}

static bool check_machine(struct arena *a, struct err *err)
{
    if (geteuid() != 0)
        return err_set(err, "osm local needs root, for namespaces, links and mounts; try: sudo osm local up DIR");
    if (!in_path(a, "nft")) return err_set(err, "the program nft is missing; try: apt-get install nftables");
    if (access("/proc/self/ns/net", F_OK) < 0 || access("/proc/self/ns/pid", F_OK) < 0)
        return err_set(err, "this kernel has no network or PID namespaces");
    if (!has_file_system("overlay") && system("modprobe -q overlay 2>/dev/null") != 0)
        return err_set(err, "this kernel has no overlay file system (CONFIG_OVERLAY_FS)");
    return true;
}

/* ---- up ---- */

static pid_t in_new_world(const struct supervisor_options *opt, struct err *err)
{
    /* A node's pods are reached by its API, so their links are where it was started. */
    uint64_t net = opt->dir ? CLONE_NEWNET : 0;
    struct clone_args args = {.flags = CLONE_NEWPID | CLONE_NEWNS | net | CLONE_NEWIPC | CLONE_NEWUTS,
                              .exit_signal = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) _exit(supervisor_run(opt));
    if (pid < 0) err_errno(err, errno, "cannot make namespaces (is this a container without the right to?)");
    return pid;
}

static volatile sig_atomic_t forward_to;
static void forward(int sig)
{
    (void)sig;
    if (forward_to) kill(forward_to, SIGTERM);
}

/* Prints lines until READY (|until_ready|) or the end; false with err when it FAILED. */
static bool follow(FILE *progress, bool until_ready, struct err *err)
{
    char line[ERR_TEXT + 64];
    while (fgets(line, sizeof line, progress)) {
        line[strcspn(line, "\n")] = '\0';
        if (!strncmp(line, "FAILED ", 7)) return err_set(err, "%s", line + 7);
        bool ready = !strcmp(line, "READY");
        if (ready && until_ready) return true;
        printf("%s\n", ready ? "the mesh is up; osm status shows it, Ctrl-C ends it" : line);
        fflush(stdout);
    }
    return !until_ready || err_set(err, "the supervisor ended while it started; its log is STATE/logs/supervisor.log");
}

static bool stay(pid_t pid, FILE *progress, struct err *err)
{
    struct sigaction act = {.sa_handler = forward, .sa_flags = SA_RESTART};
    int status;
    forward_to = pid;
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    bool ok = follow(progress, false, err);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    forward_to = 0;
    if (ok && WIFSIGNALED(status)) return err_set(err, "the supervisor was killed; nothing of the mesh is left");
    return ok;
}

static bool run(struct supervisor_options *opt, int ends[4], struct err *err)
{
    char text[16];
    opt->progress = ends[1];
    opt->go = ends[2];
    pid_t pid = in_new_world(opt, err);
    close(ends[1]);
    close(ends[2]);
    FILE *progress = fdopen(ends[0], "r");
    int n = snprintf(text, sizeof text, "%d\n", pid);
    bool ok = pid > 0 && ftruncate(opt->lock, 0) == 0 && pwrite(opt->lock, text, (size_t)n, 0) == n &&
              write(ends[3], text, (size_t)n) == n;
    close(ends[3]);
    if (ok && opt->local->detach) {
        ok = follow(progress, true, err);
        if (ok) printf("the mesh is up (process %d); osm status shows it, osm local down ends it\n", pid);
    } else if (ok) {
        ok = stay(pid, progress, err);
    } else if (pid > 0) {
        kill(pid, SIGKILL);
    }
    fclose(progress);
    return ok;
}

/* Does the network namespace lead anywhere but to pods? */
static bool is_machines_network(void)
{
    struct ifaddrs *all, *i;
    bool found = false;
    if (getifaddrs(&all) < 0) return true;
    for (i = all; i; i = i->ifa_next)
        found |= (i->ifa_flags & IFF_UP) && !(i->ifa_flags & IFF_LOOPBACK) && strncmp(i->ifa_name, "pod", 3) != 0;
    freeifaddrs(all);
    return found;
}

bool local_up(const struct local_options *opt, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct state state = state_paths(a, opt->state);
    int host_net SCOPED_FD = opt->outward ? open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) : -1;
    struct supervisor_options o = {
        .local = opt, .state = &state, .osm = real(a, "/proc/self/exe"), .host_net = host_net};
    struct stat st;
    int ends[4];
    if (!check_machine(a, err)) return false;
    o.dir = opt->dir ? real(a, opt->dir) : NULL;
    if (opt->dir && (!o.dir || stat(o.dir, &st) < 0 || !S_ISDIR(st.st_mode)))
        return err_set(err, "there is no folder %s", opt->dir);
    if (!opt->dir && is_machines_network())
        return err_set(err, "a node makes links and rules in the network it is started in; try: unshare --net");
    o.images = opt->images ? real(a, opt->images) : NULL;
    if (opt->images && !o.images) return err_set(err, "there is no image table %s", opt->images);
    o.envoy = find_envoy(a, o.osm);
    if (!o.envoy)
        printf(
            "Envoy was not found, so pods of the mesh cannot start; set ENVOY=/path/to/envoy, or run make deps-demo\n");
    fflush(stdout);
    int lock SCOPED_FD = state_lock(&state, err);
    if (lock < 0 || !state_prepare(&state, a, err)) return false;
    if (pipe2(ends, O_CLOEXEC) < 0 || pipe2(ends + 2, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot make a pipe");
    o.lock = lock;
    return run(&o, ends, err);
}

/* ---- down ---- */

/* The process is the last to go: when it can be waited for, everything in its namespaces has ended. */
static bool wait_gone(int pidfd, int ms)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    return pidfd < 0 || poll(&p, 1, ms) > 0;
}

bool local_down(const struct state *s, bool *was_running, struct err *err)
{
    int pid = state_running(s);
    *was_running = pid > 0;
    if (!pid) return true;
    int pidfd SCOPED_FD = (int)syscall(SYS_pidfd_open, pid, 0), fd SCOPED_FD = control_open(s->control, err);
    json_t *ask SCOPED_JSON = json_pack("{s:s}", "op", "down");
    bool asked = fd >= 0 && control_send(fd, ask, NULL, 0, err);
    if (asked && wait_gone(pidfd, 10000)) return true;
    if (pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0)
        return err_errno(err, errno, "cannot end process %d", pid);
    return wait_gone(pidfd, 5000) || err_set(err, "process %d does not end", pid);
}
