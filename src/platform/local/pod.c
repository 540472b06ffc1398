/* pod.c - the sandbox of a pod and the order in which its containers start and end. */
#include "platform/local/pod.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "platform/local/net.h"
#include "platform/local/pod_internal.h"
#include "platform/local/reaper.h"

enum { RETRY_MS = 250, SIDECAR_GRACE_S = 2, HURRY_S = 3, LEAVE_MS = 250 };

void pod_touch(struct pod *p) { event_active(p->retry, EV_TIMEOUT, 0); }

/* ---- sandbox ---- */

static struct str host_name(const struct pod *p)
{
    struct str own = doc_text(p->doc, "spec.hostname");
    return str_sub(own.n ? own : p->name, 0, 63);
}

static void add_words(struct buf *b, const char *key, const json_t *list)
{
    size_t i;
    json_t *w;
    json_array_foreach(list, i, w) buf_fmt(b, "%s%s", i || !*key ? " " : key, json_string_value(w));
}

/* Kubernetes' ClusterFirst, or dnsConfig alone with dnsPolicy None. */
void pod_resolv_conf(const json_t *pod, struct buf *out)
{
    struct str ns = doc_text(pod, "metadata.namespace");
    bool own = !str_is(doc_text(pod, "spec.dnsPolicy"), "None");
    const json_t *config = doc_at(pod, "spec.dnsConfig"), *option;
    size_t i;
    json_t *server;
    if (own) buf_fmt(out, "nameserver %s\n", NET_OUTER_ADDRESS);
    json_array_foreach(doc_at(config, "nameservers"), i, server)
        buf_fmt(out, "nameserver %s\n", json_string_value(server));
    buf_c(out, "search");
    if (own) buf_fmt(out, " %.*s.svc.cluster.local svc.cluster.local cluster.local", STR_FMT(ns));
    add_words(out, "", doc_at(config, "searches"));
    buf_fmt(out, "\noptions%s", own ? " ndots:5" : "");
    json_array_foreach(doc_at(config, "options"), i, option)
    {
        struct str value = doc_text(option, "value");
        buf_fmt(out, " %.*s%s%.*s", STR_FMT(doc_text(option, "name")), value.n ? ":" : "", STR_FMT(value));
    }
    buf_char(out, '\n');
}

static void hosts_file(const struct pod *p, struct buf *out)
{
    struct str name = host_name(p), sub = doc_text(p->doc, "spec.subdomain");
    size_t i;
    json_t *alias;
    buf_fmt(out, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n%s\t", p->address);
    if (sub.n) buf_fmt(out, "%.*s.%.*s.%.*s.svc.cluster.local ", STR_FMT(name), STR_FMT(sub), STR_FMT(p->ns));
    buf_fmt(out, "%.*s\n", STR_FMT(name));
    json_array_foreach(doc_at(p->doc, "spec.hostAliases"), i, alias)
    {
        buf_str(out, doc_text(alias, "ip"));
        add_words(out, "\t", doc_at(alias, "hostnames"));
        buf_char(out, '\n');
    }
}

static bool put_text(struct pod *p, const char *name, const struct buf *text, struct err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    return file_write_atomic(path, buf_view(text), 0644, err);
}

static bool put_files(struct pod *p, struct err *err)
{
    struct buf resolv SCOPED_BUF = {0}, hosts SCOPED_BUF = {0}, hostname SCOPED_BUF = {0};
    pod_resolv_conf(p->doc, &resolv);
    hosts_file(p, &hosts);
    buf_fmt(&hostname, "%.*s\n", STR_FMT(host_name(p)));
    return dir_make(p->dir, 0755, err) && dir_make(p->log_dir, 0700, err) && put_text(p, "resolv.conf", &resolv, err) &&
           put_text(p, "hosts", &hosts, err) && put_text(p, "hostname", &hostname, err);
}

static void forget_tokens(const struct volumes *v)
{
    for (each(f, v->token_files)) unlink(f->p);
}

static struct volume_input volume_input(const struct pod *p, struct arena *a)
{
    return (struct volume_input){.pod = p->doc,
                                 .dir = str_fmt(a, "%s/volumes", p->dir).p,
                                 .claims = p->host->state->claims,
                                 .tokens = p->host->tokens,
                                 .lookup = p->host->lookup,
                                 .now = clock_unix_s()};
}

/* Also renews tokens: a fresh one is there before the old one ends. */
static bool make_volumes(struct pod *p, struct err *err)
{
    struct volumes fresh;
    struct volume_input in = volume_input(p, p->arena);
    if (!volumes_prepare(&in, p->arena, &fresh, err)) return forget_tokens(&fresh), false;
    forget_tokens(&p->volumes);
    p->volumes = fresh;
    p->has_volumes = true;
    if (fresh.refresh) event_add(p->renew, &(struct timeval){.tv_sec = fresh.refresh - in.now});
    return true;
}

void pod_refresh(struct pod *p)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct volumes same;
    struct volume_input in = volume_input(p, a);
    in.keep_tokens = true;
    if (p->has_volumes && p->stage == STAGE_RUN && !volumes_prepare(&in, a, &same, &err))
        log_warn("pod %.*s: %s", STR_FMT(p->key), err.text);
    if (!p->has_volumes) pod_touch(p);
}

static void on_renew(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pod *p = arg;
    struct err err = {0};
    if (p->stage != STAGE_RUN || make_volumes(p, &err)) return;
    log_warn("pod %.*s: %s", STR_FMT(p->key), err.text);
    event_add(p->renew, &(struct timeval){.tv_sec = 10});
}

/* The sandbox is gone though nobody asked: everything starts again, init containers included. */
static void sandbox_lost(struct pod *p)
{
    p->initialized.value = false;
    for (each(c, p->containers)) {
        if (c->phase == CONTAINER_RUNNING || c->role != ROLE_INIT) continue;
        c->phase = CONTAINER_WAITING;
        c->is_due = true;
    }
}

static void on_init_end(void *arg, int status)
{
    (void)status;
    struct pod *p = arg;
    p->init = 0;
    if (p->stage == STAGE_STOP_INIT)
        p->stage = STAGE_ENDED;
    else
        sandbox_lost(p);
    pod_touch(p);
}

static bool sandbox_start(struct pod *p, struct err *err)
{
    if (p->init) return true;
    if (!put_files(p, err) || (!p->has_volumes && !make_volumes(p, err))) return false;
    p->init = process_start_init(str_c(p->arena, host_name(p)), p->number, err);
    if (!p->init) return false;
    reaper_watch(p->init, on_init_end, p);
    if (!p->started_at) p->started_at = clock_unix_s();
    return true;
}

/* ---- order of containers ---- */

bool pod_restarts(const struct pod *p, const struct container *c)
{
    struct str policy = doc_text(p->doc, "spec.restartPolicy");
    if (p->stage != STAGE_RUN || p->deleting) return false;
    if (c->role == ROLE_SIDECAR) return true;
    if (str_is(policy, "Never")) return false;
    if (c->role == ROLE_INIT || str_is(policy, "OnFailure")) return c->exit_code != 0;
    return true;
}

static void finish(struct pod *p, const char *phase)
{
    if (!p->phase) p->phase = phase;
    p->stage = STAGE_STOP_APPS;
    p->deadline = clock_mono_ns() + p->grace_s * 1000000000;
}

/* True when all init containers are done and all sidecars before the application have started. */
static bool run_init(struct pod *p)
{
    for (each(c, p->containers)) {
        if (c->role == ROLE_APP || p->initialized.value) continue;
        if (c->role == ROLE_INIT && c->phase == CONTAINER_DONE && c->exit_code == 0) continue;
        container_start(c);
        if (c->role == ROLE_SIDECAR && c->started) continue;
        if (c->role == ROLE_INIT && c->phase == CONTAINER_DONE) finish(p, "Failed");
        return false;
    }
    return true;
}

static void run(struct pod *p)
{
    size_t apps = 0, done = 0, failed = 0;
    struct err err = {0};
    p->message[0] = '\0';
    if (!sandbox_start(p, &err)) {
        snprintf(p->message, sizeof p->message, "%s", err.text);
        event_add(p->retry, &(struct timeval){.tv_usec = RETRY_MS * 1000});
        return;
    }
    if (!run_init(p)) return;
    p->initialized.value = true;
    for (each(c, p->containers)) {
        if (c->role != ROLE_INIT) container_start(c);
        if (c->role != ROLE_APP) continue;
        if (container_is_starting(c)) return;
        apps++;
        done += c->phase == CONTAINER_DONE;
        failed += c->phase == CONTAINER_DONE && c->exit_code != 0;
    }
    if (done == apps) finish(p, failed ? "Failed" : "Succeeded");
}

static int64_t grace_left(const struct pod *p, int64_t least)
{
    int64_t left = (p->deadline - clock_mono_ns()) / 1000000000;
    return p->grace_s == 0 ? 0 : left > least ? left : least;
}

/* One step of the end; false while something still runs. */
static bool stop_stage(struct pod *p)
{
    bool running = false;
    if (p->stage == STAGE_STOP_APPS) {
        for (each(c, p->containers)) {
            if (c->role != ROLE_SIDECAR) container_stop(c, grace_left(p, 1));
            running |= c->role != ROLE_SIDECAR && c->phase == CONTAINER_RUNNING;
        }
        return !running;
    }
    for (size_t i = p->containers.n; i-- > 0;) {
        struct container *c = &p->containers.v[i];
        if (c->role != ROLE_SIDECAR || c->phase != CONTAINER_RUNNING) continue;
        container_stop(c, grace_left(p, SIDECAR_GRACE_S));
        return false;
    }
    return true;
}

static void stop(struct pod *p)
{
    while (p->stage < STAGE_STOP_INIT && stop_stage(p)) p->stage++;
    if (p->stage != STAGE_STOP_INIT) return;
    if (p->init)
        kill(p->init, SIGKILL);
    else
        p->stage = STAGE_ENDED;
}

static void clean(struct pod *p)
{
    struct err err = {0};
    forget_tokens(&p->volumes);
    p->volumes = (struct volumes){0};
    if (!tree_remove(p->dir, &err)) log_warn("pod %.*s: %s", STR_FMT(p->key), err.text);
    if (p->deleting && !tree_remove(p->log_dir, &err)) log_warn("pod %.*s: %s", STR_FMT(p->key), err.text);
}

/* A deleted pod leaves the endpoints first and is told to end a moment later, so that no new call meets a closed
 * port: what preStop sleeps are for elsewhere. */
static void leave(struct pod *p)
{
    int64_t left_ms = (p->stop_at - clock_mono_ns()) / 1000000;
    if (left_ms > 0)
        event_add(p->retry, &(struct timeval){.tv_usec = (left_ms + 1) * 1000});
    else
        finish(p, NULL);
}

void pod_advance(struct pod *p)
{
    if (p->stage == STAGE_RUN && p->deleting)
        leave(p);
    else if (p->stage == STAGE_RUN)
        run(p);
    if (p->stage != STAGE_RUN && p->stage != STAGE_ENDED) {
        stop(p);
        if (p->stage == STAGE_ENDED) clean(p);
    }
    bool changed = pod_status_update(p);
    if (p->stage == STAGE_ENDED && p->deleting) return clean(p), p->host->gone(p->host->arg, p);
    if (changed) p->host->changed(p->host->arg, p);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    pod_advance(arg);
}

void pod_delete(struct pod *p)
{
    if (p->deleting) return;
    struct arena *a SCOPED_ARENA = arena_new();
    p->deleting = true;
    doc_put(p->doc, "metadata.deletionTimestamp", doc_str(time_text(a, clock_unix_s() + p->grace_s)));
    doc_put(p->doc, "metadata.deletionGracePeriodSeconds", json_integer(p->grace_s));
    p->stop_at = clock_mono_ns() + (p->ready.value ? LEAVE_MS * INT64_C(1000000) : 0);
    pod_touch(p);
}

void pod_hurry(struct pod *p)
{
    if (p->grace_s > HURRY_S) p->grace_s = HURRY_S;
    pod_delete(p);
    p->stop_at = 0;
}

int64_t pod_finished_at(const struct pod *p)
{
    int64_t last = 0;
    for (each(c, p->containers))
        if (c->finished_at > last) last = c->finished_at;
    return last;
}

/* ---- life ---- */

static void add_containers(struct pod *p, const char *path, bool init)
{
    size_t i;
    json_t *spec;
    json_array_foreach(doc_at(p->doc, path), i, spec)
    {
        bool sidecar = str_is(doc_text(spec, "restartPolicy"), "Always");
        container_init(&p->containers.v[p->containers.n++], p, spec,
                       !init     ? ROLE_APP
                       : sidecar ? ROLE_SIDECAR
                                 : ROLE_INIT);
    }
}

struct pod *pod_new(const struct pod_host *host, json_t *doc, unsigned number)
{
    struct arena *a = arena_new();
    struct pod *p = arena_make(a, struct pod);
    size_t count =
        json_array_size(doc_at(doc, "spec.containers")) + json_array_size(doc_at(doc, "spec.initContainers"));
    *p = (struct pod){.host = host, .arena = a, .doc = doc, .number = number, .created = clock_unix_s()};
    p->ns = doc_text(doc, "metadata.namespace");
    p->name = doc_text(doc, "metadata.name");
    p->uid = doc_text(doc, "metadata.uid");
    p->key = str_fmt(a, "%.*s/%.*s", STR_FMT(p->ns), STR_FMT(p->name));
    p->dir = str_fmt(a, "%s/%.*s", host->state->pods, STR_FMT(p->uid)).p;
    p->log_dir = str_fmt(a, "%s/%.*s_%.*s", host->state->logs, STR_FMT(p->ns), STR_FMT(p->name)).p;
    p->grace_s = doc_int(doc, "spec.terminationGracePeriodSeconds", 30);
    net_pod_address(number, p->address);
    doc_put(doc, "status.podIP", json_string(p->address));
    doc_put(doc, "status.hostIP", json_string(NET_OUTER_ADDRESS));
    p->retry = evtimer_new(host->base, on_retry, p);
    p->renew = evtimer_new(host->base, on_renew, p);
    p->containers.v = arena_array(a, struct container, count ? count : 1); /* fixed: events point into it */
    add_containers(p, "spec.initContainers", true);
    add_containers(p, "spec.containers", false);
    return p;
}

void pod_free(struct pod *p)
{
    if (!p) return;
    for (each(c, p->containers)) container_release(c);
    if (p->init) reaper_forget(p->init);
    event_free(p->retry);
    event_free(p->renew);
    json_decref(p->doc);
    arena_free(p->arena);
}

const json_t *pod_document(const struct pod *p) { return p->doc; }
struct str pod_key(const struct pod *p) { return p->key; }
const char *pod_address(const struct pod *p) { return p->address; }
unsigned pod_number(const struct pod *p) { return p->number; }
bool pod_is_ready(const struct pod *p) { return p->ready.value; }
bool pod_is_deleting(const struct pod *p) { return p->deleting; }
bool pod_is_finished(const struct pod *p) { return p->stage != STAGE_RUN && !p->deleting; }

/* ---- other processes in it ---- */

bool pod_exec(struct pod *p, struct str name, const char *const *argv, const struct exec_streams *streams,
              struct process *out, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct container *found = NULL;
    for (each(c, p->containers))
        if (name.n ? str_eq(c->name, name) : c->role == ROLE_APP && !found) found = c;
    if (!found) return err_set(err, "pod %.*s has no container '%.*s'", STR_FMT(p->key), STR_FMT(name));
    if (found->phase != CONTAINER_RUNNING)
        return err_set(err, "container %.*s of pod %.*s is not running; osm wait waits for it, osm status says why",
                       STR_FMT(found->name), STR_FMT(p->key));
    struct process_spec spec = {.join = found->process.pid,
                                .argv = argv,
                                .in = streams->in,
                                .out = streams->out,
                                .err = streams->err,
                                .console = streams->console};
    return container_process(found, a, &spec, err) && process_start(&spec, out, err);
}

int pod_connect(struct pod *p, int port, struct err *err)
{
    static int own = -1;
    if (own < 0) own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int pod SCOPED_FD = p->init ? (int)syscall(SYS_pidfd_open, p->init, 0) : -1;
    if (own < 0 || pod < 0 || setns(pod, CLONE_NEWNET) < 0)
        return err_set(err, "pod %.*s is not running", STR_FMT(p->key)), -1;
    int fd SCOPED_FD = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (setns(own, CLONE_NEWNET) < 0) abort();
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return STEAL_FD(fd);
    err_errno(err, errno, "nothing in pod %.*s listens on 127.0.0.1:%d", STR_FMT(p->key), port);
    return -1;
}
