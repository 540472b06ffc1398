/* local_pods.c - `osm local logs`, `exec` and `port-forward`. */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/local.h"
#include "cli/verb.h"
#include "net/loop.h"
#include "net/relay.h"
#include "platform/local/doc.h"

static const char help_logs[] =
    "Usage: osm local logs POD [-n NS] [-c CONTAINER] [-f] [--state DIR]\n\n"
    "  -f   stay and print what comes; the sidecar's access log is -c envoy\n\n"
    "Examples:\n  osm local logs bookbuyer/bookbuyer -f\n  osm local logs -n bookstore deploy/bookstore-v1 -c envoy\n";
static const char help_exec[] =
    "Usage: osm local exec POD [-n NS] [-c CONTAINER] [-t] [--state DIR] -- COMMAND [ARGUMENT...]\n\n"
    "Runs COMMAND in the container with the streams of this program, and exits as it does.\n\n"
    "  -t   on a terminal of its own, for shells and editors (-i -t is understood, too)\n\n"
    "Examples:\n  osm local exec default/web -- curl -s http://api.other:8080/\n"
    "  osm local exec -t deploy/web -- bash\n";
static const char help_forward[] =
    "Usage: osm local port-forward POD [LOCAL:]PORT [-n NS] [--state DIR]\n\n"
    "Listens on 127.0.0.1:LOCAL (default: PORT; 0: any) and connects to the pod's own 127.0.0.1:PORT.\n\n"
    "Example:\n  osm local port-forward deploy/bookbuyer 8080:14001\n";

enum { OPT_STATE = 256 };
static const struct option options[] = {{"namespace", required_argument, NULL, 'n'},
                                        {"container", required_argument, NULL, 'c'},
                                        {"follow", no_argument, NULL, 'f'},
                                        {"state", required_argument, NULL, OPT_STATE},
                                        {"help", no_argument, NULL, 'h'},
                                        {0}};

struct words {
    struct local_pod pod;
    const char *state;
    bool follow, terminal, help;
};

/* Options may stand before and behind POD, but not behind "--". False: one is not known. */
static bool take_options(int argc, char **argv, struct words *w)
{
    for (int c; (c = getopt_long(argc, argv, "n:c:fhit", options, NULL)) != -1;) {
        if (c == 'n')
            w->pod.ns = optarg;
        else if (c == 'c')
            w->pod.container = optarg;
        else if (c == 'f')
            w->follow = true;
        else if (c == 'h')
            w->help = true;
        else if (c == OPT_STATE)
            w->state = optarg;
        else if (c == 't')
            w->terminal = true;
        else if (c == 'i')
            continue; /* habit: the streams are always connected */
        else
            return false;
    }
    if (optind < argc) w->pod.pod = argv[optind];
    return true;
}

/* ---- logs ---- */

static bool copy(int from)
{
    char bytes[65536];
    ssize_t n;
    while ((n = read(from, bytes, sizeof bytes)) > 0)
        if (write(1, bytes, (size_t)n) != n) return false;
    return true;
}

static bool copy_file(const char *path)
{
    int fd SCOPED_FD = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 || copy(fd);
}

/* Follows by inotify; a rotated file is left at its end and the new one taken from its beginning. */
static void follow_file(const char *path)
{
    char events[4096];
    int watch SCOPED_FD = inotify_init1(IN_CLOEXEC), fd SCOPED_FD = -1;
    struct stat open_one = {0}, now;
    while (watch >= 0) {
        if (stat(path, &now) < 0 && open_one.st_ino) break; /* the pod is gone */
        if (now.st_ino != open_one.st_ino) {
            if (fd >= 0) copy(fd), close(fd);
            fd = open(path, O_RDONLY | O_CLOEXEC);
            if (fd < 0) return;
            open_one = now;
            inotify_add_watch(watch, path, IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB);
        }
        if (!copy(fd)) return;
        if (poll(&(struct pollfd){.fd = watch, .events = POLLIN}, 1, 1000) > 0 &&
            read(watch, events, sizeof events) < 0)
            return;
    }
}

int local_logs(int argc, char **argv)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct words w = {0};
    struct err err = {0};
    if (!take_options(argc, argv, &w)) return verb_usage("local logs", "an option is not known");
    if (w.help) return fputs(help_logs, stdout), 0;
    if (!w.pod.pod || argc - optind != 1) return verb_usage("local logs", "one pod is needed");
    int fd SCOPED_FD = local_open(w.state, &err);
    json_t *ask SCOPED_JSON = local_request("logs", &w.pod),
                *answer SCOPED_JSON = fd >= 0 ? local_ask(fd, ask, NULL, &err) : NULL;
    if (!answer) return verb_fail("%s", err.text);
    const char *path = doc_cstr(answer, "path");
    copy_file(str_fmt(a, "%s.1", path).p);
    if (w.follow)
        follow_file(path);
    else
        copy_file(path);
    return 0;
}

/* ---- exec ---- */

/* The session's last answer: {"exit"}; NULL with err. */
static json_t *await_end(int fd, int console, struct err *err)
{
    json_t *started = control_receive(fd, NULL, err);
    if (!started || doc_at(started, "exit")) return started;
    json_decref(started);
    return console >= 0 ? local_terminal(fd, console, err) : control_receive(fd, NULL, err);
}

int local_exec(int argc, char **argv)
{
    struct words w = {0};
    struct err err = {0};
    int streams[4] = {0, 1, 2, -1}, ends[2] = {-1, -1};
    if (!take_options(argc, argv, &w))
        return verb_usage("local exec", "an option is not known; a command's own stand behind --");
    if (w.help) return fputs(help_exec, stdout), 0;
    if (!w.pod.pod || argc - optind < 2) return verb_usage("local exec", "a pod and, behind --, a command are needed");
    if (w.terminal && !isatty(0)) {
        fputs("osm local exec: the input is no terminal, so -t has no effect\n", stderr);
        w.terminal = false;
    }
    if (w.terminal && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return verb_fail("cannot make a socket pair");
    int console SCOPED_FD = ends[0], fd SCOPED_FD = local_open(w.state, &err);
    json_t *ask SCOPED_JSON = local_request("exec", &w.pod), *words = json_array();
    for (int i = optind + 1; i < argc; i++) json_array_append_new(words, json_string(argv[i]));
    json_object_set_new(ask, "argv", words);
    streams[3] = ends[1];
    if (fd < 0 || !control_send(fd, ask, streams, w.terminal ? 4 : 3, &err)) return verb_fail("%s", err.text);
    if (ends[1] >= 0) close(ends[1]);
    json_t *answer SCOPED_JSON = await_end(fd, console, &err);
    return answer ? (int)doc_int(answer, "exit", 1) : verb_fail("%s", err.text);
}

/* ---- port-forward ---- */

struct forward {
    struct event_base *base;
    const struct words *words;
    int port;
};
static int connect_pod(const struct forward *f, struct err *err)
{
    int control SCOPED_FD = local_open(f->words->state, err), got = -1;
    json_t *ask SCOPED_JSON = local_request("connect", &f->words->pod);
    json_object_set_new(ask, "port", json_integer(f->port));
    json_t *answer SCOPED_JSON = control >= 0 ? local_ask(control, ask, &got, err) : NULL;
    return answer ? got : -1;
}

static void on_client(struct evconnlistener *l, evutil_socket_t client, struct sockaddr *from, int n, void *arg)
{
    (void)l, (void)from, (void)n;
    struct forward *f = arg;
    struct err err = {0};
    int pod = connect_pod(f, &err);
    if (pod < 0) {
        fprintf(stderr, "osm local port-forward: %s\n", err.text);
        close(client);
        return;
    }
    relay_start(f->base, client, pod, NULL, 0, NULL, NULL);
}

/* "[LOCAL:]PORT" */
static bool ports_of(const char *text, int64_t *local, int64_t *port)
{
    struct str rest = str_of(text), first = str_cut(&rest, ':');
    bool both = rest.p != NULL;
    return str_to_i64(both ? rest : first, 1, 65535, port) &&
           (both ? str_to_i64(first, 0, 65535, local) : (*local = *port, true));
}

static int listen_and_serve(struct forward *f, int64_t local, struct err *err)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)local), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    struct evconnlistener *l = evconnlistener_new_bind(
        f->base, on_client, f, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC, 64,
        (struct sockaddr *)&at, sizeof at);
    if (!l)
        return err_errno(err, errno, "cannot listen on 127.0.0.1:%d; choose another with LOCAL:%d", (int)local,
                         f->port),
               1;
    getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&at, &n);
    printf("127.0.0.1:%d is %s port %d; Ctrl-C ends it\n", ntohs(at.sin_port), f->words->pod.pod, f->port);
    fflush(stdout);
    event_base_dispatch(f->base);
    return 0;
}

int local_port_forward(int argc, char **argv)
{
    struct words w = {0};
    struct err err = {0};
    int64_t local, port;
    if (!take_options(argc, argv, &w)) return verb_usage("local port-forward", "an option is not known");
    if (w.help) return fputs(help_forward, stdout), 0;
    if (!w.pod.pod || argc - optind != 2) return verb_usage("local port-forward", "a pod and a port are needed");
    if (!ports_of(argv[optind + 1], &local, &port))
        return verb_usage("local port-forward", "'%s' is not [LOCAL:]PORT", argv[optind + 1]);
    struct forward f = {.base = loop_base_new(&err), .words = &w, .port = (int)port};
    int probe = f.base ? connect_pod(&f, &err) : -1; /* say at once what is wrong */
    if (probe < 0) return verb_fail("%s", err.text);
    close(probe);
    return listen_and_serve(&f, local, &err) ? verb_fail("%s", err.text) : 0;
}
