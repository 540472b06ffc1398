#include "platform/local/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/names.h"
#include "net/loop.h"
#include "platform/local/control.h"
#include "platform/local/log_file.h"
#include "platform/local/net.h"
#include "platform/local/outward.h"
#include "platform/local/reaper.h"

enum { END_MAX_S = 6, CHILD_PAUSE_MS = 300 };

struct supervisor {
    const struct supervisor_options *opt;
    struct event_base *base;
    struct image_table images;
    struct kube_client *client;
    struct cluster *cluster;
    struct control *control;
    struct outward *outward;
    struct log_file *controller_log;
    pid_t controller;
    struct event *restart, *ready, *last, *check, *over, *signals[2];
    bool ending;
};

static void say(struct supervisor *s, const char *line)
{
    char text[ERR_TEXT + 64];
    int n = snprintf(text, sizeof text, "%s\n", line);
    if (s->opt->progress >= 0 && write(s->opt->progress, text, (size_t)n) < 0) {} /* nobody listens any more */
}

static void on_tell(void *arg, const char *line) { say(arg, line); }

/* ---- the controller ---- */

static void start_controller(struct supervisor *s);

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    start_controller(arg);
}

static void on_controller_end(void *arg, int status)
{
    struct supervisor *s = arg;
    s->controller = 0;
    if (s->ending) return;
    log_warn("the controller ended (status %d) and is started again; pods live on", status);
    say(s, "the controller ended and is started again; STATE/logs/controller.log says why");
    event_add(s->restart, &(struct timeval){.tv_usec = CHILD_PAUSE_MS * 1000});
}

static void run_controller(const struct supervisor *s, int out)
{
    const struct state *st = s->opt->state;
    const char *validity = s->opt->local->min_validity;
    char port[8];
    snprintf(port, sizeof port, "%d", PORT_XDS);
    const char *argv[] = {s->opt->osm,
                          "controller",
                          "--dir",
                          s->opt->dir,
                          "--dir",
                          st->objects,
                          "--state",
                          st->controller,
                          "--tokens",
                          st->tokens,
                          "--secrets",
                          st->secrets,
                          "--api",
                          st->api,
                          "--address",
                          NET_OUTER_ADDRESS,
                          "--port",
                          port,
                          "--pod-range",
                          NET_POD_RANGE,
                          "--service-range",
                          NET_SERVICE_RANGE,
                          validity ? "--min-validity" : NULL,
                          validity,
                          NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(out, 1);
    dup2(out, 2);
    execv(s->opt->osm, (char *const *)argv);
    _exit(127);
}

static void start_controller(struct supervisor *s)
{
    int out = log_file_fd(s->controller_log, 0);
    s->controller = fork();
    if (s->controller == 0) run_controller(s, out);
    if (s->controller > 0)
        reaper_watch(s->controller, on_controller_end, s);
    else
        event_add(s->restart, &(struct timeval){.tv_sec = 1});
}

/* ---- the end ---- */

static void on_check(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct supervisor *s = arg;
    if (cluster_is_empty(s->cluster))
        event_base_loopbreak(s->base);
    else
        event_add(s->check, &(struct timeval){.tv_usec = 20000});
}

static void on_last(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(((struct supervisor *)arg)->base);
}

/* Pods get a moment to end; what is left goes with this process. */
static void end(void *arg)
{
    struct supervisor *s = arg;
    if (s->ending) return;
    s->ending = true;
    say(s, "ending");
    cluster_end(s->cluster);
    event_add(s->last, &(struct timeval){.tv_sec = END_MAX_S});
    on_check(-1, 0, s);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
    (void)sig, (void)what;
    end(arg);
}

static void on_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    end(arg);
}

/* ---- the beginning ---- */

/* In a plain chroot "/" is no mount, so that it can neither be made private nor left by pivot_root: a bind mount of
 * itself takes its place. */
static bool root_as_mount(const struct state *state, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct statx st;
    if (statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS, &st) < 0) return err_errno(err, errno, "cannot look at /");
    if (!(st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) || (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)) return true;
    const char *dir = str_fmt(a, "%s/root", state->run).p;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST) return err_errno(err, errno, "cannot make %s", dir);
    bool ok = mount("/", dir, NULL, MS_BIND | MS_REC, NULL) == 0 && chroot(dir) == 0 && chdir("/") == 0;
    return ok || err_errno(err, errno, "cannot make this chroot a mount of its own");
}

static bool own_world(struct supervisor *s, struct err *err)
{
    if (!root_as_mount(s->opt->state, err)) return false;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return err_errno(err, errno, "cannot make mounts private");
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return err_errno(err, errno, "cannot mount /proc");
    if (mount("tmpfs", s->opt->state->pods, "tmpfs", MS_NOSUID | MS_NODEV, "mode=711") < 0)
        return err_errno(err, errno, "cannot mount a tmpfs for the pods");
    return net_outer_setup(err);
}

static bool open_log(const struct state *st, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const char *path = str_fmt(a, "%s/supervisor.log", st->logs).p;
    int fd SCOPED_FD = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600),
           null SCOPED_FD = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0 || null < 0) return err_errno(err, errno, "cannot write %s", path);
    dup2(null, 0);
    dup2(fd, 1);
    dup2(fd, 2);
    log_setup("local", LOG_TEXT, LOG_INFO);
    return true;
}

static struct event *timer(struct supervisor *s, event_callback_fn fn) { return evtimer_new(s->base, fn, s); }

static void say_ready(struct supervisor *s)
{
    struct arena *a SCOPED_ARENA = arena_new();
    say(s, s->opt->dir ? "READY" : str_fmt(a, "node %s is ready; Ctrl-C ends it", s->opt->local->node).p);
}

/* Verbs ask it as soon as the mesh is said to be up. */
static bool controller_is_there(const struct supervisor *s)
{
    return !s->opt->dir || access(s->opt->state->api, F_OK) == 0;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct supervisor *s = arg;
    if (!cluster_is_up(s->cluster) || !controller_is_there(s))
        event_add(s->ready, &(struct timeval){.tv_usec = 5000});
    else
        say_ready(s);
}

static bool start_loop(struct supervisor *s, struct arena *a, struct err *err)
{
    s->base = loop_base_new(err);
    if (!s->base) return false;
    reaper_init(s->base);
    s->restart = timer(s, on_restart);
    s->ready = timer(s, on_ready);
    s->last = timer(s, on_last);
    s->check = timer(s, on_check);
    s->over = timer(s, on_over);
    for (int i = 0; i < 2; i++) {
        s->signals[i] = evsignal_new(s->base, i ? SIGTERM : SIGINT, on_signal, s);
        event_add(s->signals[i], NULL);
    }
    s->controller_log = log_file_new(s->base, str_fmt(a, "%s/controller.log", s->opt->state->logs).p, err);
    return s->controller_log != NULL;
}

/* The API whose node this is. */
static struct kube_client *api_client(struct supervisor *s, struct arena *a, struct err *err)
{
    struct kube_config config;
    struct kube_config_options opt = {.kubeconfig = s->opt->local->kubeconfig};
    if (!kube_config_load(&opt, a, &config, err)) return NULL;
    return s->client = kube_client_new(s->base, &config, err);
}

static bool start_cluster(struct supervisor *s, struct arena *a, struct err *err)
{
    const struct supervisor_options *o = s->opt;
    struct strs hidden = {0};
    list_push(a, &hidden, str_of(o->state->run));
    list_push(a, &hidden, str_of(o->state->keep));
    struct cluster_options opt = {.base = s->base,
                                  .state = o->state,
                                  .dir = o->dir,
                                  .node = o->local->node,
                                  .images = &s->images,
                                  .no_mesh = o->local->no_mesh,
                                  .osm = o->osm,
                                  .envoy = o->envoy,
                                  .hidden = hidden,
                                  .tell = on_tell,
                                  .arg = s};
    if (o->images && !image_table_read(o->images, a, &s->images, err)) return false;
    if (!o->dir && !(opt.client = api_client(s, a, err))) return false;
    s->cluster = cluster_new(&opt, err);
    if (!s->cluster || o->host_net < 0) return s->cluster != NULL;
    s->outward = outward_new(s->base, o->host_net, err);
    if (s->outward) dns_set_forward(s->cluster->dns, outward_resolver(s->outward));
    return s->outward != NULL;
}

static bool start(struct supervisor *s, struct arena *a, struct err *err)
{
    char pid[16] = "";
    if (read(s->opt->go, pid, sizeof pid - 1) <= 0) return err_set(err, "the starting process has gone");
    if (!own_world(s, err) || !open_log(s->opt->state, err) || !start_loop(s, a, err) || !start_cluster(s, a, err))
        return false;
    struct control_options opt = {.base = s->base,
                                  .cluster = s->cluster,
                                  .path = s->opt->state->control,
                                  .dir = s->opt->dir ? s->opt->dir : "",
                                  .logs = s->opt->state->logs,
                                  .host_pid = atoi(pid),
                                  .down = end,
                                  .arg = s};
    s->control = control_new(&opt, err);
    if (!s->control) return false;
    if (s->opt->dir) start_controller(s);
    event_active(s->ready, EV_TIMEOUT, 0);
    int64_t ns = s->opt->local->duration_ns;
    if (ns) event_add(s->over, &(struct timeval){.tv_sec = ns / 1000000000, .tv_usec = ns % 1000000000 / 1000});
    return true;
}

int supervisor_run(const struct supervisor_options *opt)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct supervisor s = {.opt = opt};
    struct err err = {0};
    prctl(PR_SET_NAME, "osm-local");
    if (opt->local->detach)
        setsid();
    else
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!start(&s, a, &err)) {
        struct str line = str_fmt(a, "FAILED %s", err.text);
        say(&s, line.p);
        return 1;
    }
    event_base_dispatch(s.base);
    control_free(s.control);
    unlink(opt->state->api);
    say(&s, "ended");
    return 0; /* the rest goes with the process: the kernel ends everything in its namespaces */
}
