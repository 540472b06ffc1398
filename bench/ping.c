/* ping.c - a light HTTP/1.1 load: one connection, one request at a time, each timed; and the server for it.
 *
 *   bench_ping serve PORT                         answers every request with 200 and 16 bytes, keep-alive
 *   bench_ping load ADDRESS PORT REQUESTS [PATH]  prints one latency in nanoseconds per line
 *   bench_ping watch ADDRESS PORT PATH EVERY_US SECONDS
 *       sends a request every EVERY_US and prints "<unix ns when answered> <status> <body>" whenever status or body
 *       differs from the answer before; status 0: the connection was closed
 *
 * Plain blocking sockets: what is measured is the way, not the tool. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_HEAD = 8192, MAX_CLIENTS = 256, WARM_UP = 200 };

static int64_t now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_ping: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_in address_of(const char *ip, const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    if (inet_pton(AF_INET, ip, &a.sin_addr) != 1) {
        errno = EINVAL;
        die(ip);
    }
    return a;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0) return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* ---- server ---- */

/* Requests have no body: one blank line is one request. */
static bool answer(int fd, const char *reply)
{
    char in[MAX_HEAD + 1];
    ssize_t n = read(fd, in, MAX_HEAD);
    if (n <= 0) return false;
    in[n] = 0;
    for (char *p = in; (p = strstr(p, "\r\n\r\n")); p += 4)
        if (!write_all(fd, reply, strlen(reply))) return false;
    return true;
}

static _Noreturn void serve(const char *port, const char *body)
{
    struct pollfd fds[MAX_CLIENTS] = {{.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .events = POLLIN}};
    struct sockaddr_in a = address_of("0.0.0.0", port);
    int on = 1;
    nfds_t n = 1;
    char reply[256];
    snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n%s", strlen(body), body);
    setsockopt(fds[0].fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fds[0].fd, (struct sockaddr *)&a, sizeof a) || listen(fds[0].fd, 128)) die("cannot listen");
    for (;;) {
        if (poll(fds, n, -1) < 0) die("poll");
        for (nfds_t i = n - 1; i > 0; i--) {
            if (!fds[i].revents || answer(fds[i].fd, reply)) continue;
            close(fds[i].fd);
            fds[i] = fds[--n];
        }
        if (!(fds[0].revents & POLLIN)) continue;
        int fd = accept4(fds[0].fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) continue;
        if (n == MAX_CLIENTS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        fds[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
}

/* ---- client ---- */

struct client {
    struct sockaddr_in to;
    char request[1024];
    int fd;
};
struct reply {
    int status; /* 0: closed */
    char body[64];
};

static bool client_open(struct client *c)
{
    int on = 1;
    struct timeval limit = {.tv_sec = 5};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(c->fd, (struct sockaddr *)&c->to, sizeof c->to) == 0) return true;
    close(c->fd);
    c->fd = -1;
    return false;
}

static struct client client_new(const char *ip, const char *port, const char *path)
{
    struct client c = {.to = address_of(ip, port), .fd = -1};
    snprintf(c.request, sizeof c.request, "GET %s HTTP/1.1\r\nhost: ping\r\nuser-agent: bench\r\n\r\n", path);
    return c;
}

/* One answer with a content-length; false when the connection ended. */
static bool read_reply(int fd, struct reply *r)
{
    char in[MAX_HEAD + 1];
    size_t n = 0, whole = SIZE_MAX;
    char *end = NULL;
    while (n < whole) {
        ssize_t k = read(fd, in + n, MAX_HEAD - n);
        if (k <= 0) return false;
        n += (size_t)k;
        in[n] = 0;
        if (end || !(end = strstr(in, "\r\n\r\n"))) continue;
        const char *length = strcasestr(in, "content-length:");
        whole = (size_t)(end + 4 - in) + (length && length < end ? (size_t)atoi(length + 15) : 0);
        if (whole > MAX_HEAD) return false;
    }
    r->status = atoi(in + 9);
    snprintf(r->body, sizeof r->body, "%s", end + 4);
    return true;
}

static struct reply client_call(struct client *c)
{
    struct reply r = {0};
    if (c->fd < 0 && !client_open(c)) return r;
    if (write_all(c->fd, c->request, strlen(c->request)) && read_reply(c->fd, &r)) return r;
    close(c->fd);
    c->fd = -1;
    return (struct reply){0};
}

static int load(struct client c, int requests)
{
    for (int i = -WARM_UP; i < requests; i++) {
        int64_t begin = now_ns(CLOCK_MONOTONIC);
        struct reply r = client_call(&c);
        int64_t took = now_ns(CLOCK_MONOTONIC) - begin;
        if (r.status != 200) {
            fprintf(stderr, "bench_ping: request %d of %d: status %d\n", i, requests, r.status);
            return 1;
        }
        if (i >= 0) printf("%lld\n", (long long)took);
    }
    return 0;
}

static int watch(struct client c, int every_us, int seconds)
{
    struct reply last = {.status = -1};
    int64_t end = now_ns(CLOCK_MONOTONIC) + (int64_t)seconds * 1000000000;
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (now_ns(CLOCK_MONOTONIC) < end) {
        struct reply r = client_call(&c);
        if (r.status != last.status || strcmp(r.body, last.body))
            printf("%lld %d %s\n", (long long)now_ns(CLOCK_REALTIME), r.status, r.body);
        last = r;
        usleep((useconds_t)every_us);
    }
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc >= 3 && !strcmp(argv[1], "serve")) serve(argv[2], argc > 3 ? argv[3] : "0123456789abcdef");
    if (argc >= 5 && !strcmp(argv[1], "load"))
        return load(client_new(argv[2], argv[3], argc > 5 ? argv[5] : "/"), atoi(argv[4]));
    if (argc == 7 && !strcmp(argv[1], "watch"))
        return watch(client_new(argv[2], argv[3], argv[4]), atoi(argv[5]), atoi(argv[6]));
    fprintf(stderr, "usage: bench_ping serve PORT [BODY] | load ADDRESS PORT REQUESTS [PATH] |\n"
                    "       watch ADDRESS PORT PATH EVERY_US SECONDS\n");
    return 2;
}
