#include "agent/denied.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/dns.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/field.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"

enum { MAX_LINE = 512, MAX_NAMES = 1024, NAME_LIFE_S = 60, MAX_ASKING = 64 };

struct denied {
    struct event_base *base;
    struct evdns_base *dns;
    struct event *readable;
    const struct agent_options *agent;
    struct buf in;
    struct map names; /* address → struct name: Services keep theirs for longer than a minute */
    unsigned asking;
    int fd;
};

struct name {
    int64_t until;
    char *service; /* "" when it has none */
};

bool denied_parse(struct str line, struct str *address, int64_t *port)
{
    struct str word = S("no_policy ");
    if (!str_starts(line, word)) return false;
    struct str rest = str_trim(str_sub(line, word.n, line.n));
    ptrdiff_t colon = str_rfind(rest, ':');
    if (colon <= 0 || !str_to_i64(str_sub(rest, (size_t)colon + 1, rest.n), 1, 65535, port)) return false;
    *address = str_sub(rest, 0, (size_t)colon);
    if (address->n > 2 && address->p[0] == '[') *address = str_sub(*address, 1, address->n - 1);
    return address->n < INET6_ADDRSTRLEN;
}

struct str denied_service(struct arena *a, struct str name)
{
    struct str service = {0}, ns = {0}, found = STR_NULL;
    for (struct str rest = name, label; !str_empty(rest); service = ns, ns = label) {
        label = str_cut(&rest, '.');
        if (str_is(label, "svc") && !str_empty(service)) found = str_fmt(a, "%.*s/%.*s", STR_FMT(ns), STR_FMT(service));
    }
    return found;
}

/* ---- one line of log ---- */

static void print(struct denied *d, struct str address, int64_t port, const char *service)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf b SCOPED_BUF = {0};
    struct str client = str_fmt(a, "%.*s/%.*s", STR_FMT(d->agent->ns), STR_FMT(d->agent->sa));
    struct str whom = *service ? str_of(service) : address;
    buf_c(&b, "{\"msg\":");
    buf_json_str(&b, str_fmt(a, "no_policy %.*s %.*s", STR_FMT(client), STR_FMT(whom)));
    buf_c(&b, ",\"start_time\":");
    buf_json_str(&b, time_text(a, clock_unix_s()));
    buf_c(&b, ",\"client\":");
    buf_json_str(&b, client);
    buf_c(&b, ",\"service\":");
    buf_json_str(&b, whom);
    buf_c(&b, ",\"address\":");
    buf_json_str(&b, address);
    buf_fmt(&b, ",\"port\":%lld}\n", (long long)port);
    if (write(STDOUT_FILENO, b.p, b.n) < 0) log_debug("standard output: %s", strerror(errno));
}

/* ---- names ---- */

struct question {
    struct denied *d;
    int64_t port;
    char address[INET6_ADDRSTRLEN];
};

static void forget_names(struct denied *d)
{
    size_t it = 0;
    struct name *n;
    while (map_next(&d->names, &it, NULL, (void **)&n)) {
        free(n->service);
        free(n);
    }
    map_release(&d->names);
}

static void remember(struct denied *d, struct str address, struct str service)
{
    struct name *n = map_get(&d->names, address);
    if (!n && d->names.n >= MAX_NAMES) forget_names(d);
    if (!n) map_put(&d->names, address, n = xcalloc(1, sizeof *n));
    free(n->service);
    n->service = xstrndup(service.p ? service.p : "", service.n);
    n->until = clock_unix_s() + NAME_LIFE_S;
}

static void on_name(int result, char type, int count, int ttl, void *addresses, void *arg)
{
    (void)ttl;
    struct question *q = arg;
    struct denied *d = q->d;
    struct arena *a SCOPED_ARENA = arena_new();
    struct str service = STR_NULL;
    if (result == DNS_ERR_SHUTDOWN) {
        free(q);
        return;
    }
    d->asking--;
    if (result == DNS_ERR_NONE && type == DNS_PTR && count > 0)
        service = denied_service(a, str_of(*(char **)addresses));
    remember(d, str_of(q->address), service);
    print(d, str_of(q->address), q->port, str_c(a, service));
    free(q);
}

static bool ask(struct denied *d, struct question *q)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (!d->dns || d->asking >= MAX_ASKING) return false;
    if (inet_pton(AF_INET, q->address, &v4) == 1) return evdns_base_resolve_reverse(d->dns, &v4, 0, on_name, q);
    if (inet_pton(AF_INET6, q->address, &v6) == 1) return evdns_base_resolve_reverse_ipv6(d->dns, &v6, 0, on_name, q);
    return false;
}

static void take_line(struct denied *d, struct str line)
{
    struct str address;
    int64_t port;
    if (!denied_parse(line, &address, &port)) return;
    struct name *known = map_get(&d->names, address);
    if (known && known->until > clock_unix_s()) {
        print(d, address, port, known->service);
        return;
    }
    struct question *q = xcalloc(1, sizeof *q);
    *q = (struct question){.d = d, .port = port};
    memcpy(q->address, address.p, address.n);
    if (ask(d, q)) {
        d->asking++;
        return;
    }
    print(d, address, port, "");
    free(q);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct denied *d = arg;
    ssize_t n = read(fd, buf_reserve(&d->in, 4096), 4096);
    if (n <= 0) return;
    buf_commit(&d->in, (size_t)n);
    for (ptrdiff_t end; (end = str_find(buf_view(&d->in), '\n')) >= 0;) {
        take_line(d, str_sub(buf_view(&d->in), 0, (size_t)end));
        buf_drop(&d->in, (size_t)end + 1);
    }
    if (d->in.n > MAX_LINE) buf_reset(&d->in);
}

/* ---- life ---- */

/* Opened for both ways: no end of file when Envoy restarts. */
static int open_fifo(const char *path, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) == 0 && !S_ISFIFO(st.st_mode)) unlink(path);
    if (mkfifo(path, 0600) < 0 && errno != EEXIST) {
        err_errno(err, errno, "cannot make the FIFO %s", path);
        return -1;
    }
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) err_errno(err, errno, "%s", path);
    return fd;
}

/* A name server that does not answer shows in the lines by addresses instead of names. */
static void on_dns_log(int is_warning, const char *text)
{
    (void)is_warning;
    log_debug("name look-up: %s", text);
}

struct denied *denied_new(struct event_base *base, const char *path, const struct agent_options *o, struct err *err)
{
    int fd = open_fifo(path, err);
    if (fd < 0) return NULL;
    struct denied *d = xcalloc(1, sizeof *d);
    *d = (struct denied){.base = base, .agent = o, .fd = fd};
    evdns_set_log_fn(on_dns_log);
    d->dns = evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (d->dns) {
        evdns_base_set_option(d->dns, "timeout:", "1"); /* a line of log is not worth a longer wait */
        evdns_base_set_option(d->dns, "attempts:", "2");
        evdns_base_set_option(d->dns, "randomize-case:", "0");
    }
    if (!d->dns) log_warn("no name server is configured; refused calls are logged by address");
    d->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, d);
    event_add(d->readable, NULL);
    return d;
}

void denied_free(struct denied *d)
{
    if (!d) return;
    if (d->dns) evdns_base_free(d->dns, 1);
    event_base_loop(d->base, EVLOOP_NONBLOCK); /* evdns reports the end of its questions by events */
    event_free(d->readable);
    close(d->fd);
    forget_names(d);
    buf_free(&d->in);
    free(d);
}
