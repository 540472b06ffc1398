#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/argv.h"
#include "agent/capture.h"
#include "base/buf.h"
#include "base/file.h"

enum {
    OPT_OUT_PORTS = 256,
    OPT_IN_PORTS,
    OPT_OUT_RANGES,
    OPT_INCLUDE_RANGES,
    OPT_INTERFACES,
    OPT_MODE,
    OPT_POD_IP,
    OPT_MARK,
    OPT_PRINT
};

static const struct argp_option options[] = {
    {"exclude-outbound-ports", OPT_OUT_PORTS, "PORTS", 0, "leave connections to these ports alone (80,443)", 0},
    {"exclude-inbound-ports", OPT_IN_PORTS, "PORTS", 0, "leave connections from outside to these ports alone", 0},
    {"exclude-outbound-ranges", OPT_OUT_RANGES, "CIDRS", 0, "leave connections to these addresses alone", 0},
    {"include-outbound-ranges", OPT_INCLUDE_RANGES, "CIDRS", 0, "take connections to these addresses only", 0},
    {"exclude-interfaces", OPT_INTERFACES, "NAMES", 0, "leave what passes these interfaces alone", 0},
    {"local-proxy-mode", OPT_MODE, "Localhost|PodIP", 0, "where the application listens", 0},
    {"pod-ip", OPT_POD_IP, "IP", 0, "the pod's address (default: env POD_IP)", 0},
    {"by-mark", OPT_MARK, NULL, 0, "the sidecar's packets carry mark 1500 instead of uid 1500", 0},
    {"print", OPT_PRINT, NULL, 0, "print the ruleset instead of loading it", 0},
    {0},
};

struct capture_args {
    struct arena *a;
    struct capture c;
    bool print;
};

static bool set_mode(struct capture *c, struct str text, struct err *err)
{
    c->is_pod_ip_mode = str_is(text, "PodIP");
    return c->is_pod_ip_mode || str_is(text, "Localhost") ||
           err_set(err, "'%.*s' is neither Localhost nor PodIP", STR_FMT(text));
}

static bool set_pod_ip(struct capture *c, struct str text, struct err *err)
{
    unsigned char address[16];
    c->pod_ip = text;
    return inet_pton(AF_INET, text.p, address) == 1 || inet_pton(AF_INET6, text.p, address) == 1 ||
           err_set(err, "'%.*s' is not an IP address", STR_FMT(text));
}

static bool set_option(struct capture_args *args, int key, struct str text, struct err *err)
{
    struct capture *c = &args->c;
    switch (key) {
    case OPT_OUT_PORTS:
        return capture_parse_ports(args->a, text, &c->exclude_out_ports, err);
    case OPT_IN_PORTS:
        return capture_parse_ports(args->a, text, &c->exclude_in_ports, err);
    case OPT_OUT_RANGES:
        return capture_parse_ranges(args->a, text, &c->exclude_out_ranges, err);
    case OPT_INCLUDE_RANGES:
        return capture_parse_ranges(args->a, text, &c->include_out_ranges, err);
    case OPT_INTERFACES:
        return capture_parse_interfaces(args->a, text, &c->exclude_interfaces, err);
    case OPT_MODE:
        return set_mode(c, text, err);
    case OPT_POD_IP:
        return set_pod_ip(c, text, err);
    case OPT_MARK:
        return c->by_mark = true;
    case OPT_PRINT:
        return args->print = true;
    }
    return false;
}

static error_t on_option(int key, char *text, struct argp_state *state)
{
    struct capture_args *args = state->input;
    struct err err = {0};
    if (key == ARGP_KEY_ARG) argp_error(state, "unexpected argument '%s'", text);
    if (key < OPT_OUT_PORTS || key > OPT_PRINT) return ARGP_ERR_UNKNOWN;
    if (!set_option(args, key, str_of(text), &err)) argp_failure(state, 2, 0, "%s", err.text);
    return 0;
}

static bool write_all(int fd, struct str text)
{
    for (size_t at = 0; at < text.n;) {
        ssize_t n = write(fd, text.p + at, text.n - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

static void become_nft(int in)
{
    dup2(in, STDIN_FILENO);
    const char *path = getenv("PATH");
    char search[4096];
    snprintf(search, sizeof search, "%s:/usr/sbin:/sbin", path && *path ? path : "/usr/bin:/bin");
    setenv("PATH", search, 1);
    execlp("nft", "nft", "-f", "-", (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

static bool explain(int status, struct err *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return err_set(err, "the program nft is missing; install nftables");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 126) return err_set(err, "the program nft cannot be started");
    return err_set(err, "nft refused the rules (its words stand above); the capability NET_ADMIN and a kernel with "
                        "nf_tables are needed");
}

static bool load(struct str ruleset, struct err *err)
{
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC) < 0) return err_errno(err, errno, "cannot create a pipe");
    int in SCOPED_FD = pipe_fd[0], out SCOPED_FD = pipe_fd[1];
    pid_t pid = fork();
    if (pid < 0) return err_errno(err, errno, "cannot start nft");
    if (pid == 0) become_nft(in);
    write_all(out, ruleset); /* a nft that ends early says so by its status */
    close(STEAL_FD(out));
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return err_errno(err, errno, "cannot wait for nft");
    return explain(status, err);
}

static bool run(struct capture_args *args, struct err *err)
{
    struct buf text SCOPED_BUF = {0};
    const char *pod_ip = getenv("POD_IP");
    if (args->c.is_pod_ip_mode && str_empty(args->c.pod_ip) && pod_ip && !set_pod_ip(&args->c, str_of(pod_ip), err))
        return false;
    if (!capture_ruleset(&args->c, &text, err)) return false;
    if (args->print) return write_all(STDOUT_FILENO, buf_view(&text)) || err_errno(err, errno, "standard output");
    return load(buf_view(&text), err);
}

int capture_run(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = on_option,
        .doc = "Sends this network namespace's TCP connections through the sidecar, by one nftables table `inet osm`.\v"
               "Example:\n  osm capture --exclude-outbound-ports 3306 --exclude-outbound-ranges 169.254.169.254/32\n"
               "  osm capture --print",
    };
    struct arena *a SCOPED_ARENA = arena_new();
    struct capture_args args = {.a = a};
    struct err err = {0};
    argv_prepare(argc, argv, "osm capture");
    if (argp_parse(&argp, argc, argv, 0, NULL, &args)) return 2;
    if (run(&args, &err)) return 0;
    fprintf(stderr, "osm capture: %s\n", err.text);
    return 1;
}
