/* Capture in a real network namespace: who reaches what, and what is redirected where.
 *
 * "pod" is this process's namespace (10.244.0.9, fd00::9), "outside" another one (10.244.0.1, fd00::1). Every listener
 * answers "<its port> <the connection's original destination>", outside's with "outside". */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter_ipv4.h>
#include <poll.h>
#include <pthread.h>

#include "standin.h"

#include "agent/capture.h"

enum { APP = 1000, SIDECAR = UID_SIDECAR, ROOT = 0 };
static pid_t outside;

/* ---- listeners ---- */

struct listeners {
    int fd[32];
    int port[32];
    int n;
    const char *what;
};

static void text_of(const struct sockaddr_storage *at, char out[80])
{
    char ip[INET6_ADDRSTRLEN];
    const struct sockaddr_in *v4 = (const void *)at;
    const struct sockaddr_in6 *v6 = (const void *)at;
    if (at->ss_family == AF_INET)
        snprintf(out, 80, "%s:%d", inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof ip), ntohs(v4->sin_port));
    else
        snprintf(out, 80, "[%s]:%d", inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof ip), ntohs(v6->sin6_port));
}

static void original_destination(int fd, char out[80])
{
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    getsockname(fd, (struct sockaddr *)&at, &n);
    int level = at.ss_family == AF_INET ? SOL_IP : SOL_IPV6;
    char here[80];
    text_of(&at, here);
    n = sizeof at;
    strcpy(out, "plain");
    if (getsockopt(fd, level, SO_ORIGINAL_DST, &at, &n) < 0) return;
    text_of(&at, out);
    if (!strcmp(out, here)) strcpy(out, "plain");
}

static void *serve(void *arg)
{
    struct listeners *l = arg;
    struct pollfd p[32];
    for (int i = 0; i < l->n; i++) p[i] = (struct pollfd){.fd = l->fd[i], .events = POLLIN};
    while (poll(p, (nfds_t)l->n, -1) > 0)
        for (int i = 0; i < l->n; i++) {
            int c = p[i].revents ? accept(l->fd[i], NULL, NULL) : -1;
            if (c < 0) continue;
            char original[80];
            original_destination(c, original);
            dprintf(c, "%d %s", l->port[i], l->what ? l->what : original);
            close(c);
        }
    return NULL;
}

static void listen_at(struct listeners *l, const char *address, int port)
{
    int one = 1;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool is6 = strchr(address, ':') != NULL;
    inet_pton(is6 ? AF_INET6 : AF_INET, address, is6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr);
    int fd = socket(is6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (is6) setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &one, sizeof one);
    int rc = is6 ? bind(fd, (void *)&v6, sizeof v6) : bind(fd, (void *)&v4, sizeof v4);
    if (rc < 0 || listen(fd, 16) < 0) fail_msg("%s port %d: %s", address, port, strerror(errno));
    l->fd[l->n] = fd;
    l->port[l->n++] = port;
}

static void listen_both(struct listeners *l, int port)
{
    listen_at(l, "0.0.0.0", port);
    listen_at(l, "::", port);
}

/* ---- callers ---- */

struct call {
    int uid;
    bool from_outside;
    const char *source; /* to bind to; NULL: any */
    int mark;
};

static void call_as(const struct call *c, const char *address, int port, int out)
{
    char path[64], text[128] = "";
    struct timeval limit = {.tv_sec = 2};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)}, from = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool is6 = inet_pton(AF_INET6, address, &v6.sin6_addr) == 1;
    if (!is6) inet_pton(AF_INET, address, &v4.sin_addr);
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)outside);
    if (c->from_outside && setns(open(path, O_RDONLY), CLONE_NEWNET) < 0) _exit(1);
    if (setuid((uid_t)c->uid) < 0) _exit(1);
    int fd = socket(is6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (c->mark) setsockopt(fd, SOL_SOCKET, SO_MARK, &c->mark, sizeof c->mark);
    if (c->source && (inet_pton(AF_INET, c->source, &from.sin_addr) != 1 || bind(fd, (void *)&from, sizeof from) < 0))
        _exit(1);
    int rc = is6 ? connect(fd, (void *)&v6, sizeof v6) : connect(fd, (void *)&v4, sizeof v4);
    if (rc == 0 && read(fd, text, sizeof text - 1) <= 0) strcpy(text, "nothing");
    dprintf(out, "%s", rc < 0 ? "nothing" : text);
    _exit(0);
}

static void expect(struct call c, const char *address, int port, const char *answer)
{
    int p[2];
    char got[128] = "";
    assert_int_equal(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) call_as(&c, address, port, p[1]);
    close(p[1]);
    if (read(p[0], got, sizeof got - 1) < 0) strcpy(got, "?");
    close(p[0]);
    waitpid(pid, NULL, 0);
    if (strcmp(got, answer))
        fail_msg("uid %d to %s port %d: expected '%s', saw '%s'", c.uid, address, port, answer, got);
}

static const struct call app = {.uid = APP}, sidecar = {.uid = SIDECAR}, caller = {.uid = APP, .from_outside = true};

static int capture(const char *flags)
{
    char line[512], *argv[32] = {(char *)"capture"}, *save = NULL;
    int argc = 1;
    snprintf(line, sizeof line, "%s", flags);
    for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) argv[argc++] = word;
    return capture_run(argc, argv);
}

/* ---- the namespaces ---- */

static void run(const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (system(line) != 0) fail_msg("%s", line);
}

static void live_outside(int ready)
{
    static struct listeners l = {.what = "outside"};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWNET) < 0) _exit(1);
    listen_both(&l, 80);
    listen_both(&l, 3306);
    if (write(ready, "x", 1) != 1) _exit(1);
    serve(&l);
    _exit(0);
}

static int build(void **state)
{
    static struct listeners pod;
    static const int ports[] = {8080, 15000, 15001, 15003, 15010, 15901, 15904};
    pthread_t t;
    int p[2];
    char x;
    (void)state;
    own_network();
    if (pipe(p) < 0) return -1;
    outside = fork();
    if (outside == 0) live_outside(p[1]);
    if (read(p[0], &x, 1) != 1) return -1;
    run("ip link add eth0 type veth peer name eth0 netns %d", outside);
    run("ip addr add 10.244.0.9/24 dev eth0 && ip addr add fd00::9/64 dev eth0 nodad && ip link set eth0 up");
    run("nsenter -t %d -n sh -c 'ip addr add 10.244.0.1/24 dev eth0 && ip addr add fd00::1/64 dev eth0 nodad && ip "
        "link set "
        "eth0 up'",
        outside);
    run("ip route add default via 10.244.0.1 && ip -6 route add default via fd00::1");
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) listen_both(&pod, ports[i]);
    listen_at(&pod, "10.244.0.9", 8081);
    return pthread_create(&t, NULL, serve, &pod);
}

static int destroy(void **state)
{
    (void)state;
    kill(outside, SIGKILL);
    waitpid(outside, NULL, 0);
    return 0;
}

/* ---- the tests ---- */

static void outgoing_calls_go_through_the_sidecar(void **state)
{
    (void)state;
    assert_int_equal(capture(""), 0);
    assert_int_equal(capture(""), 0);                     /* twice is once */
    expect(app, "10.96.0.10", 80, "15001 10.96.0.10:80"); /* an address that exists nowhere */
    expect(app, "10.244.0.1", 80, "15001 10.244.0.1:80");
    expect(app, "fd00:96::10", 80, "15001 [fd00:96::10]:80");
    expect(sidecar, "10.244.0.1", 80, "80 outside");
    expect(sidecar, "fd00::1", 80, "80 outside");
}

static void the_pod_talks_to_itself_in_plain(void **state)
{
    (void)state;
    assert_int_equal(capture(""), 0);
    expect(app, "127.0.0.1", 8080, "8080 plain");
    expect(app, "::1", 8080, "8080 plain");
    expect(app, "10.244.0.9", 8080, "8080 plain");
    expect(app, "fd00::9", 8080, "8080 plain");
    expect(sidecar, "127.0.0.1", 8080, "8080 plain");
}

static void the_sidecars_call_to_its_own_pod_is_inbound(void **state)
{
    (void)state;
    assert_int_equal(capture(""), 0);
    expect(sidecar, "10.244.0.9", 8080, "15003 10.244.0.9:8080");
    expect(sidecar, "fd00::9", 8080, "15003 [fd00::9]:8080");
    expect((struct call){.uid = SIDECAR, .source = "127.0.0.6"}, "10.244.0.9", 8080, "8080 plain");
}

static void incoming_calls_end_at_the_inbound_listener(void **state)
{
    (void)state;
    assert_int_equal(capture(""), 0);
    expect(caller, "10.244.0.9", 8080, "15003 10.244.0.9:8080");
    expect(caller, "fd00::9", 8080, "15003 [fd00::9]:8080");
    expect(caller, "10.244.0.9", 9999, "15003 10.244.0.9:9999");
    expect(caller, "10.244.0.9", 15010, "15010 plain");
    expect(caller, "10.244.0.9", 15901, "15901 plain");
    expect(caller, "10.244.0.9", 15904, "15904 plain");
    expect(caller, "10.244.0.9", 15003, "nothing");
    expect(caller, "10.244.0.9", 15001, "nothing");
    expect(caller, "10.244.0.9", 15000, "nothing");
}

static void what_is_excluded_passes(void **state)
{
    (void)state;
    assert_int_equal(capture("--exclude-outbound-ports 3306 --exclude-inbound-ports 8080"), 0);
    expect(app, "10.244.0.1", 3306, "3306 outside");
    expect(app, "10.244.0.1", 80, "15001 10.244.0.1:80");
    expect(caller, "10.244.0.9", 8080, "8080 plain");
    expect(caller, "10.244.0.9", 8082, "15003 10.244.0.9:8082");
    assert_int_equal(capture("--exclude-outbound-ranges 10.244.0.0/16,10.244.0.1/32,fd00::/64"), 0);
    expect(app, "10.244.0.1", 80, "80 outside");
    expect(app, "fd00::1", 80, "80 outside");
    expect(app, "10.96.0.10", 80, "15001 10.96.0.10:80");
    assert_int_equal(capture("--exclude-interfaces eth0"), 0);
    expect(app, "10.244.0.1", 80, "80 outside");
    expect(caller, "10.244.0.9", 8080, "8080 plain");
}

static void included_ranges_are_the_only_ones(void **state)
{
    (void)state;
    assert_int_equal(capture("--include-outbound-ranges 10.96.0.0/12"), 0);
    expect(app, "10.96.0.10", 80, "15001 10.96.0.10:80");
    expect(app, "10.244.0.1", 80, "80 outside");
    expect(app, "fd00::1", 80, "80 outside");
    assert_int_equal(capture("--include-outbound-ranges 0.0.0.0/0 --exclude-outbound-ports 3306"), 0);
    expect(app, "10.244.0.1", 80, "15001 10.244.0.1:80");
    expect(app, "10.244.0.1", 3306, "3306 outside");
}

static void an_application_on_the_pods_address_alone_is_reached(void **state)
{
    (void)state;
    assert_int_equal(capture(""), 0);
    expect(sidecar, "127.0.0.1", 8081, "nothing");
    assert_int_equal(capture("--local-proxy-mode PodIP --pod-ip 10.244.0.9"), 0);
    expect(sidecar, "127.0.0.1", 8081, "8081 127.0.0.1:8081");
    expect(app, "127.0.0.1", 8081, "nothing");
}

static void the_sidecar_is_told_by_mark_where_there_is_one_uid(void **state)
{
    (void)state;
    struct call marked = {.uid = ROOT, .mark = CAPTURE_MARK}, plain = {.uid = ROOT};
    assert_int_equal(capture("--by-mark"), 0);
    expect(marked, "10.244.0.1", 80, "80 outside");
    expect(plain, "10.244.0.1", 80, "15001 10.244.0.1:80");
    expect(marked, "10.244.0.9", 8080, "15003 10.244.0.9:8080");
}

static int capture_unprivileged(const char *flags)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) _exit(setuid(APP) < 0 ? 99 : capture(flags));
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void without_privilege_it_fails(void **state)
{
    (void)state;
    assert_int_equal(capture_unprivileged(""), 1);
    assert_int_equal(capture_unprivileged("--print"), 0);
    assert_int_equal(capture_unprivileged("--exclude-outbound-ports 70000"), 2);
    assert_int_equal(capture_unprivileged("--local-proxy-mode Other"), 2);
    assert_int_equal(capture_unprivileged("--local-proxy-mode PodIP"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outgoing_calls_go_through_the_sidecar),
        cmocka_unit_test(the_pod_talks_to_itself_in_plain),
        cmocka_unit_test(the_sidecars_call_to_its_own_pod_is_inbound),
        cmocka_unit_test(incoming_calls_end_at_the_inbound_listener),
        cmocka_unit_test(what_is_excluded_passes),
        cmocka_unit_test(included_ranges_are_the_only_ones),
        cmocka_unit_test(an_application_on_the_pods_address_alone_is_reached),
        cmocka_unit_test(the_sidecar_is_told_by_mark_where_there_is_one_uid),
        cmocka_unit_test(without_privilege_it_fails),
    };
    return cmocka_run_group_tests(tests, build, destroy);
}
