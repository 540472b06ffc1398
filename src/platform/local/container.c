/* container.c - one container: start, probes, end, back-off. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/names.h"
#include "platform/local/capability.h"
#include "platform/local/pod_internal.h"
#include "platform/local/reaper.h"

enum { BACKOFF_FIRST_S = 10, BACKOFF_MAX_S = 300, BACKOFF_FORGET_S = 600, RETRY_S = 1 };

static void arm(struct event *e, int64_t seconds)
{
    struct timeval t = {.tv_sec = seconds};
    event_add(e, &t);
}

static bool note(struct container *c, const char *reason, const char *message)
{
    c->reason = reason;
    snprintf(c->message, sizeof c->message, "%s", message);
    return false;
}

/* ---- what the process is to be ---- */

static struct strs words(struct arena *a, const json_t *list, struct strs env)
{
    LIST(struct str) out = {0};
    size_t i;
    json_t *w;
    json_array_foreach(list, i, w) list_push(a, &out, env_expand(str_of(json_string_value(w)), env, a));
    return (struct strs){out.v, out.n};
}

static const char *const *c_strings(struct arena *a, struct strs one, struct strs two)
{
    const char **out = arena_array(a, const char *, one.n + two.n + 1);
    for (size_t i = 0; i < one.n; i++) out[i] = str_c(a, one.v[i]);
    for (size_t i = 0; i < two.n; i++) out[one.n + i] = str_c(a, two.v[i]);
    return out;
}

static bool command(struct container *c, const struct image *image, struct arena *a, struct strs env,
                    struct process_spec *out, struct err *err)
{
    struct strs argv = words(a, doc_at(c->spec, "command"), env), args = words(a, doc_at(c->spec, "args"), env);
    if (!argv.n && image) {
        argv = image->command;
        if (!args.n) args = image->args;
    }
    if (!argv.n)
        return err_set(err, "image '%.*s' %s no command, and the manifest gives none; name the image in --images FILE",
                       STR_FMT(doc_text(c->spec, "image")), image ? "has" : "is not in the image table and so has");
    out->argv = c_strings(a, argv, args);
    return true;
}

/* Of the container, else of the pod. */
static int64_t security(const struct container *c, const char *field, int64_t otherwise)
{
    char path[96];
    snprintf(path, sizeof path, "securityContext.%s", field);
    otherwise = doc_int(doc_at(c->pod->doc, "spec"), path, otherwise);
    return doc_int(c->spec, path, otherwise);
}

static bool identity(struct container *c, const struct image *image, struct arena *a, struct process_spec *out,
                     struct err *err)
{
    const json_t *context = doc_at(c->spec, "securityContext");
    LIST(int64_t) groups = {0};
    size_t i;
    json_t *g;
    out->uid = (uid_t)security(c, "runAsUser", image && image->user >= 0 ? image->user : 0);
    out->gid = (gid_t)security(c, "runAsGroup", 0);
    json_array_foreach(doc_at(c->pod->doc, "spec.securityContext.supplementalGroups"), i, g)
        list_push(a, &groups, json_integer_value(g));
    int64_t fs = doc_int(c->pod->doc, "spec.securityContext.fsGroup", -1);
    if (fs >= 0) list_push(a, &groups, fs);
    out->groups = (struct ints){groups.v, groups.n};
    out->no_new_privs = !doc_flag(context, "allowPrivilegeEscalation", true);
    bool not_root =
        doc_flag(context, "runAsNonRoot", doc_flag(c->pod->doc, "spec.securityContext.runAsNonRoot", false));
    if (not_root && out->uid == 0) return err_set(err, "runAsNonRoot is set, but the container would run as root");
    return capability_of_json(context, &out->capabilities, err);
}

bool container_is_ours(const struct container *c)
{
    return str_is(c->name, CONTAINER_SIDECAR) || str_is(c->name, CONTAINER_CAPTURE);
}

static const struct image *image_of(const struct container *c)
{
    return image_find(c->pod->host->images, doc_text(c->spec, "image"));
}

/* Where the sidecar's containers find this program and Envoy: on a file system that every container has fresh. */
#define DIR_PROGRAMS "/run/osm-programs"
static struct kv own_env[] = {
    {S_INIT("PATH"), S_INIT(DIR_PROGRAMS ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")},
    {S_INIT("ENVOY"), S_INIT(DIR_PROGRAMS "/envoy")}};

static bool env_has(struct strs env, struct str start)
{
    for (each(e, env))
        if (str_starts(*e, start)) return true;
    return false;
}

bool container_process(struct container *c, struct arena *a, struct process_spec *out, struct err *err)
{
    const struct image *image = image_of(c);
    struct env_input in = {
        .pod = c->pod->doc, .container = c->spec, .lookup = c->pod->host->lookup, .host = c->pod->host->env};
    struct strs env, more = {0};
    if (image) in.image = image->env;
    if (container_is_ours(c)) in.image = (struct kvs){own_env, sizeof own_env / sizeof *own_env};
    if (!identity(c, image, a, out, err) || !env_build(&in, a, &env, err)) return false;
    if (!env_has(env, S("HOME="))) list_push(a, &more, out->uid ? S("HOME=/") : S("HOME=/root"));
    if (out->console >= 0 && !env_has(env, S("TERM="))) list_push(a, &more, S("TERM=xterm"));
    out->env = c_strings(a, env, more);
    const char *cwd = doc_cstr(c->spec, "workingDir");
    out->cwd = cwd ? cwd : image && image->working_dir.n ? str_c(a, image->working_dir) : "/";
    out->init = c->pod->init;
    return out->argv || command(c, image, a, env, out, err);
}

/* ---- its file system ---- */

static void mount_file(struct container *c, struct arena *a, struct root_spec *root, const char *name,
                       const char *target)
{
    list_push(a, &root->mounts,
              ((struct root_mount){.source = str_fmt(a, "%s/%s", c->pod->dir, name).p, .target = target}));
}

static bool mount_volume(struct container *c, const json_t *m, struct arena *a, struct root_spec *root, struct err *err)
{
    const struct volume *v = volumes_find(&c->pod->volumes, doc_text(m, "name"));
    struct str sub = doc_text(m, "subPath"), target = doc_text(m, "mountPath");
    if (!v)
        return err_set(err, "volumeMounts names '%.*s', which is no volume of the pod", STR_FMT(doc_text(m, "name")));
    if (!str_starts(target, S("/"))) target = str_fmt(a, "/%.*s", STR_FMT(target));
    list_push(a, &root->mounts,
              ((struct root_mount){.source = v->path,
                                   .sub = sub.n ? str_c(a, sub) : NULL,
                                   .target = str_c(a, target),
                                   .read_only = v->read_only || doc_flag(m, "readOnly", false)}));
    return true;
}

static bool file_system(struct container *c, struct arena *a, struct root_spec *root, struct err *err)
{
    const struct pod_host *host = c->pod->host;
    const struct image *image = image_of(c);
    size_t i;
    json_t *m;
    *root = (struct root_spec){.dir = str_fmt(a, "%s/containers/%.*s", c->pod->dir, STR_FMT(c->name)).p,
                               .read_only = doc_flag(c->spec, "securityContext.readOnlyRootFilesystem", false),
                               .is_privileged = doc_flag(c->spec, "securityContext.privileged", false),
                               .hidden = host->hidden};
    if (image && image->root.n) root->base = image->root.p;
    if (image && image->layer.n) root->layer = image->layer.p;
    mount_file(c, a, root, "resolv.conf", "/etc/resolv.conf");
    mount_file(c, a, root, "hosts", "/etc/hosts");
    mount_file(c, a, root, "hostname", "/etc/hostname");
    if (container_is_ours(c)) {
        list_push(a, &root->mounts,
                  ((struct root_mount){.source = host->osm, .target = DIR_PROGRAMS "/osm", .read_only = true}));
        if (host->envoy)
            list_push(a, &root->mounts,
                      ((struct root_mount){.source = host->envoy, .target = DIR_PROGRAMS "/envoy", .read_only = true}));
    }
    json_array_foreach(doc_at(c->spec, "volumeMounts"), i, m) if (!mount_volume(c, m, a, root, err)) return false;
    return tree_remove(root->dir, err) && dir_make(root->dir, 0755, err);
}

/* ---- probes ---- */

static pid_t probe_exec(void *arg, const char *const *argv)
{
    struct container *c = arg;
    struct err err = {0};
    struct process p;
    struct exec_streams none = {-1, -1, -1, -1};
    if (!pod_exec(c->pod, c->name, argv, &none, &p, &err)) return 0;
    close(p.status);
    return p.pid;
}

static void start_probe(struct container *c, enum probe_kind kind);

static void became_started(struct container *c)
{
    c->started = true;
    c->ready = !doc_at(c->spec, probe_names[PROBE_READINESS]);
    start_probe(c, PROBE_READINESS);
    start_probe(c, PROBE_LIVENESS);
}

static void on_verdict(void *arg, enum probe_kind kind, bool ok, const char *why)
{
    struct container *c = arg;
    if (kind == PROBE_READINESS) c->ready = ok;
    if (kind == PROBE_STARTUP && ok) {
        probe_free(c->probes[PROBE_STARTUP]);
        c->probes[PROBE_STARTUP] = NULL;
        became_started(c);
    }
    if (kind != PROBE_READINESS && !ok) {
        log_info("pod %.*s: container %.*s: %s failed (%s), restarting", STR_FMT(c->pod->key), STR_FMT(c->name),
                 probe_names[kind], why);
        const json_t *probe = doc_at(c->spec, probe_names[kind]);
        c->by_liveness = true;
        container_stop(c, doc_int(probe, "terminationGracePeriodSeconds", c->pod->grace_s));
    }
    pod_touch(c->pod);
}

static void start_probe(struct container *c, enum probe_kind kind)
{
    const json_t *probe = doc_at(c->spec, probe_names[kind]);
    if (!probe) return;
    struct probe_spec spec = {.base = c->pod->host->base,
                              .http = c->pod->host->http,
                              .kind = kind,
                              .probe = probe,
                              .container = c->spec,
                              .address = c->pod->address,
                              .exec = probe_exec,
                              .verdict = on_verdict,
                              .arg = c};
    c->probes[kind] = probe_new(&spec);
}

static void stop_probes(struct container *c)
{
    for (int k = 0; k < PROBE_KINDS; k++) {
        probe_free(c->probes[k]);
        c->probes[k] = NULL;
    }
    c->started = c->ready = false;
}

/* ---- end and start ---- */

/* First restart at once, then 10 s doubling to 5 min, forgotten after 10 min of running: the kubelet's. */
static void back_off(struct container *c)
{
    if (clock_mono_ns() - c->started_mono > (int64_t)BACKOFF_FORGET_S * 1000000000) c->backoff_s = 0;
    int wait = c->restarts == 0 ? 0 : c->backoff_s;
    c->backoff_s = c->backoff_s == 0                  ? BACKOFF_FIRST_S
                   : c->backoff_s * 2 > BACKOFF_MAX_S ? BACKOFF_MAX_S
                                                      : c->backoff_s * 2;
    c->restarts++;
    c->phase = CONTAINER_WAITING;
    c->is_due = wait == 0;
    if (!wait) return;
    arm(c->due, wait);
    c->reason = "CrashLoopBackOff";
    if (!c->message[0])
        snprintf(
            c->message, sizeof c->message,
            "it ended with code %d and is started again after %d s; osm local logs %.*s -c %.*s shows what it said",
            c->exit_code, wait, STR_FMT(c->pod->key), STR_FMT(c->name));
}

static void stop_command(pid_t *pid)
{
    if (!*pid) return;
    reaper_forget(*pid);
    kill(-*pid, SIGKILL);
    *pid = 0;
}

static void forget_entry(struct container *c)
{
    if (c->entered) event_free(c->entered);
    c->entered = NULL;
}

/* What a hook still says is meant for the container that has ended. */
static void stop_hooks(struct container *c)
{
    forget_entry(c);
    stop_command(&c->hook);
    stop_command(&c->post_start);
    http_call_cancel(c->hook_call);
    http_call_cancel(c->post_start_call);
    c->hook_call = c->post_start_call = NULL;
}

static void on_end(void *arg, int status)
{
    struct container *c = arg;
    struct err why = {0};
    forget_entry(c); /* it watches what process_failure closes */
    bool never_ran = process_failure(&c->process, &why);
    stop_probes(c);
    stop_hooks(c);
    event_del(c->kill);
    c->finished_at = clock_unix_s();
    c->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    c->exit_code = c->signal ? 128 + c->signal : WEXITSTATUS(status);
    c->phase = CONTAINER_DONE;
    if (never_ran)
        note(c, "ContainerCannotRun", why.text);
    else
        note(c, c->exit_code ? "Error" : "Completed", "");
    if (never_ran) log_warn("pod %.*s: container %.*s: %s", STR_FMT(c->pod->key), STR_FMT(c->name), why.text);
    c->stopping = c->by_liveness = false;
    if (pod_restarts(c->pod, c)) back_off(c);
    pod_touch(c->pod);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct container *c = arg;
    c->is_due = true;
    pod_touch(c->pod);
}

static void on_grace_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct container *c = arg;
    if (c->process.pid) kill(-c->process.pid, SIGKILL), kill(c->process.pid, SIGKILL);
}

static bool try_start(struct container *c, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct root_spec root;
    struct process_spec spec = {.in = -1, .console = -1};
    if (!container_process(c, a, &spec, err) || !file_system(c, a, &root, err)) return false;
    if (!c->log)
        c->log = log_file_new(c->pod->host->base, str_fmt(a, "%s/%.*s.log", c->pod->log_dir, STR_FMT(c->name)).p, err);
    if (!c->log) return false;
    spec.root = &root;
    spec.out = spec.err = log_file_fd(c->log, spec.uid);
    return process_start(&spec, &c->process, err);
}

static size_t command_words(const json_t *list, const char **argv, size_t max)
{
    size_t i, n = 0;
    json_t *word;
    json_array_foreach(list, i, word) if (n < max) argv[n++] = json_string_value(word);
    argv[n] = NULL;
    return n;
}

static pid_t run_hook(struct container *c, const json_t *hook)
{
    const json_t *sleep = doc_at(hook, "sleep.seconds");
    const char *argv[64];
    char seconds[24];
    size_t n = command_words(doc_at(hook, "exec.command"), argv, 62);
    if (sleep) {
        snprintf(seconds, sizeof seconds, "%lld", (long long)json_integer_value(sleep));
        argv[n++] = "sleep";
        argv[n++] = seconds;
    }
    argv[n] = NULL;
    return n ? probe_exec(c, argv) : 0;
}

static struct http_call *call_hook(struct container *c, const json_t *get,
                                   void (*done)(void *arg, const struct http_answer *answer))
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str path = doc_text(get, "path");
    struct http_call_options opt = {.no_verify = true};
    opt.url =
        str_fmt(a, "%s://%s:%d%s%.*s", str_is(doc_text(get, "scheme"), "HTTPS") ? "https" : "http", c->pod->address,
                probe_port(c->spec, doc_at(get, "port")), str_starts(path, S("/")) ? "" : "/", STR_FMT(path))
            .p;
    return http_call_start(c->pod->host->http, &opt, done, c);
}

/* A postStart hook that fails ends the container, which its restart policy then judges. */
static void post_start_over(struct container *c, bool ok)
{
    pod_touch(c->pod);
    if (ok || c->phase != CONTAINER_RUNNING) return;
    log_warn("pod %.*s: container %.*s: its postStart hook failed, so it is ended", STR_FMT(c->pod->key),
             STR_FMT(c->name));
    container_stop(c, c->pod->grace_s);
}

static void on_post_start_end(void *arg, int status)
{
    struct container *c = arg;
    c->post_start = 0;
    post_start_over(c, WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void on_post_start_answer(void *arg, const struct http_answer *answer)
{
    struct container *c = arg;
    c->post_start_call = NULL;
    post_start_over(c, answer->ok && answer->status < 400);
}

bool container_is_starting(const struct container *c) { return c->entered || c->post_start || c->post_start_call; }

/* The status pipe is closed when the program begins, and has text in it when it cannot. */
static void on_entered(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct container *c = arg;
    int waiting = 0;
    forget_entry(c);
    if (ioctl(fd, FIONREAD, &waiting) < 0 || waiting > 0) return;
    const json_t *hook = doc_at(c->spec, "lifecycle.postStart"), *get = doc_at(hook, "httpGet");
    if (get)
        c->post_start_call = call_hook(c, get, on_post_start_answer);
    else if ((c->post_start = run_hook(c, hook)))
        reaper_watch(c->post_start, on_post_start_end, c);
    else
        pod_touch(c->pod);
}

/* Not before the program runs: who joins a container sooner finds another root. */
static void post_start(struct container *c)
{
    if (!doc_at(c->spec, "lifecycle.postStart")) return;
    c->entered = event_new(c->pod->host->base, c->process.status, EV_READ, on_entered, c);
    event_add(c->entered, NULL);
}

static bool wait_again(struct container *c, const char *reason, const char *message)
{
    note(c, reason, message);
    arm(c->due, RETRY_S);
    return false;
}

static bool has_started(struct container *c)
{
    struct err err = {0};
    const struct image *image = image_of(c);
    if (image && image->is_absent) return wait_again(c, "ErrImagePull", "the image table says that it is absent");
    return try_start(c, &err) || wait_again(c, "CreateContainerConfigError", err.text);
}

void container_start(struct container *c)
{
    if (c->phase != CONTAINER_WAITING || !c->is_due) return;
    c->is_due = false;
    if (!has_started(c)) return;
    c->phase = CONTAINER_RUNNING;
    c->started_at = clock_unix_s();
    c->started_mono = clock_mono_ns();
    note(c, "", "");
    reaper_watch(c->process.pid, on_end, c);
    post_start(c);
    if (c->role == ROLE_INIT) return;
    if (doc_at(c->spec, probe_names[PROBE_STARTUP]))
        start_probe(c, PROBE_STARTUP);
    else
        became_started(c);
}

/* preStop first; its end, or that of the grace period, is what ends the process. */
static void hook_over(struct container *c)
{
    if (c->process.pid) kill(c->process.pid, SIGTERM);
}

static void on_hook_end(void *arg, int status)
{
    (void)status;
    struct container *c = arg;
    c->hook = 0;
    hook_over(c);
}

static void on_hook_answer(void *arg, const struct http_answer *answer)
{
    (void)answer;
    struct container *c = arg;
    c->hook_call = NULL;
    hook_over(c);
}

void container_stop(struct container *c, int64_t grace_s)
{
    if (c->phase != CONTAINER_RUNNING || c->stopping) return;
    const json_t *hook = doc_at(c->spec, "lifecycle.preStop"), *get = doc_at(hook, "httpGet");
    stop_probes(c);
    c->stopping = true;
    arm(c->kill, grace_s);
    if (grace_s > 0 && get) return (void)(c->hook_call = call_hook(c, get, on_hook_answer));
    c->hook = grace_s > 0 ? run_hook(c, hook) : 0;
    if (c->hook)
        reaper_watch(c->hook, on_hook_end, c);
    else
        kill(c->process.pid, grace_s > 0 ? SIGTERM : SIGKILL);
}

void container_init(struct container *c, struct pod *p, const json_t *spec, enum role role)
{
    *c = (struct container){.pod = p,
                            .spec = spec,
                            .name = doc_text(spec, "name"),
                            .role = role,
                            .is_due = true,
                            .reason = "PodInitializing",
                            .process.status = -1};
    c->due = evtimer_new(p->host->base, on_due, c);
    c->kill = evtimer_new(p->host->base, on_grace_over, c);
}

void container_release(struct container *c)
{
    stop_probes(c);
    if (c->process.pid) reaper_forget(c->process.pid);
    stop_hooks(c);
    if (c->process.status >= 0) close(c->process.status);
    log_file_free(c->log);
    event_free(c->due);
    event_free(c->kill);
}
