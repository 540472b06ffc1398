/* floor.c - the least that a control plane could do: the same bytes to as many mutual TLS connections, and nothing
 * else. A server of T threads on one side, one client thread on the other, as xdsload is; both on this machine.
 *
 * Prints one line of JSON for the connections (handshake, request of R bytes, answer of A bytes) and one for the
 * broadcasts (B bytes to every connection, K times; medians over the rounds). */
#include <argp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "certs.h"
#include "link.h"
#include "net/listen.h"
#include "report.h"

enum { EVENTS = 256, READ_SIZE = 64 << 10, MAX_THREADS = 16, MS = 1000000 };
#define NAME "osm-controller.osm-system.svc"

static struct {
    size_t connections, request, answer, bytes, rounds, threads, spread_ms;
    char *ca;
} opt = {.connections = 1000, .request = 1000, .answer = 200, .bytes = 200, .rounds = 20, .threads = 2};

/* ---- the server ---- */
struct peer {
    int fd;
    SSL *ssl;
    struct peer *next;
    size_t received, left; /* left: still to be written */
    bool is_up, is_served;
};
struct worker {
    pthread_t thread;
    int epoll, listen_fd, trigger;
    SSL_CTX *tls;
    struct peer *peers;
};
static char zeros[4 << 20];

static void watch(struct worker *w, struct peer *p, int op)
{
    struct epoll_event e = {.events = EPOLLIN | (p->left ? EPOLLOUT : 0), .data.ptr = p};
    epoll_ctl(w->epoll, op, p->fd, &e);
}

static void write_left(struct worker *w, struct peer *p)
{
    bool had = p->left > 0;
    while (p->left) {
        int n = SSL_write(p->ssl, zeros, (int)(p->left < sizeof zeros ? p->left : sizeof zeros));
        if (n <= 0) break;
        p->left -= (size_t)n;
    }
    if (had) watch(w, p, EPOLL_CTL_MOD);
}

static void say(struct worker *w, struct peer *p, size_t n)
{
    p->left += n;
    write_left(w, p);
}

static void serve(struct worker *w, struct peer *p)
{
    static _Thread_local char in[READ_SIZE];
    if (!p->is_up && SSL_accept(p->ssl) != 1) return;
    p->is_up = true;
    for (int n; (n = SSL_read(p->ssl, in, sizeof in)) > 0;) p->received += (size_t)n;
    if (!p->is_served && p->received >= opt.request) {
        p->is_served = true;
        say(w, p, opt.answer);
    } else if (p->left) {
        write_left(w, p);
    }
}

static void accept_all(struct worker *w)
{
    for (int fd; (fd = accept4(w->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct peer *p = xcalloc(1, sizeof *p);
        *p = (struct peer){.fd = fd, .ssl = SSL_new(w->tls), .next = w->peers};
        w->peers = p;
        SSL_set_fd(p->ssl, fd);
        SSL_set_read_ahead(p->ssl, 1);
        watch(w, p, EPOLL_CTL_ADD);
    }
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct epoll_event events[EVENTS], e = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = NULL};
    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->listen_fd, &e);
    e = (struct epoll_event){.events = EPOLLIN, .data.ptr = w};
    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->trigger, &e);
    for (;;) {
        int n = epoll_wait(w->epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            uint64_t count;
            if (!events[i].data.ptr)
                accept_all(w);
            else if (events[i].data.ptr != w)
                serve(w, events[i].data.ptr);
            else if (read(w->trigger, &count, sizeof count) > 0)
                for (struct peer *p = w->peers; p; p = p->next) say(w, p, opt.bytes);
        }
    }
    return NULL;
}

/* Never returns. |triggers|: one eventfd for each thread. */
static void run_server(int listen_fd, SSL_CTX *tls, const int *triggers)
{
    static struct worker workers[MAX_THREADS];
    for (size_t i = 0; i < opt.threads; i++) {
        workers[i] =
            (struct worker){.epoll = epoll_create1(0), .listen_fd = listen_fd, .trigger = triggers[i], .tls = tls};
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    pthread_join(workers[0].thread, NULL);
    _exit(0);
}

/* ---- the client ---- */
struct client {
    struct link link;
    int64_t due, done; /* done: when everything expected so far was there */
};
static struct client *clients;
static size_t n_done, n_open;
static uint64_t expected;

static void on_up(struct link *l) { link_send(l, zeros, opt.request); }
static void on_down(struct link *l)
{
    (void)l;
    fprintf(stderr, "floor: a connection was lost\n");
    exit(1);
}
static void on_data(struct link *l, struct str in)
{
    struct client *c = (struct client *)l;
    (void)in;
    if (c->done || l->received < expected) return;
    c->done = clock_mono_ns();
    n_done++;
}

static void await_all(struct links *links, X509 *cert)
{
    while (n_done < opt.connections) {
        int64_t now = clock_mono_ns();
        for (; n_open < opt.connections && clients[n_open].due <= now; n_open++)
            link_open(links, &clients[n_open].link, cert);
        links_run(links, n_open < opt.connections ? 1 : 100, -1);
    }
}

static void expect_more(size_t bytes)
{
    expected += bytes;
    n_done = 0;
    for (size_t i = 0; i < opt.connections; i++) clients[i].done = 0;
}

static int64_t *times_since(int64_t begin)
{
    int64_t *t = xcalloc(opt.connections, sizeof *t);
    for (size_t i = 0; i < opt.connections; i++) t[i] = clients[i].done - begin;
    qsort(t, opt.connections, sizeof *t, report_order);
    return t;
}

static int64_t cpu_of(pid_t pid)
{
    clockid_t clock;
    struct timespec t = {0};
    if (clock_getcpuclockid(pid, &clock) == 0) clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Memory of its own, in kB; 0: unknown. */
static long memory_of(pid_t pid)
{
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Anonymous: %ld", &kb) == 1) break;
    if (f) fclose(f);
    return kb;
}

static int by_due(const void *a, const void *b)
{
    return report_order(&((const struct client *)a)->due, &((const struct client *)b)->due);
}

static void measure_connect(struct links *links, X509 *cert, pid_t server)
{
    int64_t begin = clock_mono_ns(), cpu = cpu_of(server), own = report_cpu_ns();
    long memory = memory_of(server);
    for (size_t i = 0; i < opt.connections; i++)
        clients[i].due = begin + (int64_t)((double)opt.spread_ms * MS * (double)rand() / RAND_MAX);
    qsort(clients, opt.connections, sizeof *clients, by_due);
    expect_more(opt.answer);
    await_all(links, cert);
    int64_t *t = times_since(begin);
    report_times(t, opt.connections);
    printf(", \"server_cpu_ms\": %.1f, \"client_cpu_ms\": %.1f, \"server_kb_each\": %.1f}\n",
           (double)(cpu_of(server) - cpu) / 1e6, (double)(report_cpu_ns() - own) / 1e6,
           (double)(memory_of(server) - memory) / (double)opt.connections);
    free(t);
}

static void measure_broadcasts(struct links *links, pid_t server, const int *triggers)
{
    enum { FIRST, P50, P99, LAST, N };
    int64_t *of[N], cpu = cpu_of(server);
    uint64_t one = 1;
    for (int i = 0; i < N; i++) of[i] = xcalloc(opt.rounds, sizeof **of);
    for (size_t k = 0; k < opt.rounds; k++) {
        expect_more(opt.bytes);
        int64_t begin = clock_mono_ns();
        for (size_t i = 0; i < opt.threads; i++)
            if (write(triggers[i], &one, sizeof one) < 0) perror("floor");
        await_all(links, NULL);
        int64_t *t = times_since(begin);
        of[FIRST][k] = t[0], of[P50][k] = t[opt.connections / 2];
        of[P99][k] = t[opt.connections * 99 / 100], of[LAST][k] = t[opt.connections - 1];
        free(t);
    }
    printf("{\"n\": %zu", opt.rounds);
    static const char *const names[N] = {"first_us", "p50_us", "p99_us", "last_us"};
    for (int i = 0; i < N; i++) {
        qsort(of[i], opt.rounds, sizeof **of, report_order);
        printf(", \"%s\": %.1f", names[i], (double)of[i][opt.rounds / 2] / 1e3);
    }
    printf(", \"server_cpu_ms\": %.2f}\n", (double)(cpu_of(server) - cpu) / 1e6 / (double)opt.rounds);
}

/* ---- */
static const struct argp_option options[] = {
    {"ca", 'c', "DIR", 0, "A folder with ca-key.pem; made there if there is none", 0},
    {"connections", 'n', "N", 0, "How many", 0},
    {"request", 'r', "BYTES", 0, "What each client sends", 0},
    {"answer", 'a', "BYTES", 0, "What it gets for that", 0},
    {"bytes", 'b', "BYTES", 0, "A broadcast", 0},
    {"rounds", 'k', "N", 0, "Broadcasts", 0},
    {"threads", 't', "N", 0, "Of the server", 0},
    {"spread", 's', "MS", 0, "The clients come within so long", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    size_t *const numbers[] = {&opt.connections, &opt.request, &opt.answer,   &opt.bytes,
                               &opt.rounds,      &opt.threads, &opt.spread_ms};
    static const char keys[] = "nrabkts";
    const char *at = key > 0 && key < 128 ? strchr(keys, key) : NULL;
    int64_t n;
    if (key == 'c') opt.ca = arg;
    if (key == ARGP_KEY_END && (!opt.ca || opt.threads < 1 || opt.threads > MAX_THREADS || !opt.connections))
        argp_error(state, "--ca is needed, 1 to %d threads, 1 connection or more", MAX_THREADS);
    if (!at) return key == 'c' ? 0 : ARGP_ERR_UNKNOWN;
    if (!str_to_i64(str_of(arg), 0, 1 << 30, &n)) argp_error(state, "'%s' is not a number", arg);
    *numbers[at - keys] = (size_t)n;
    return 0;
}

static bool run(struct err *err)
{
    int triggers[MAX_THREADS], fd = listen_tcp("127.0.0.1", 0, err);
    for (size_t i = 0; i < opt.threads; i++) triggers[i] = eventfd(0, EFD_NONBLOCK);
    struct certs *certs = fd >= 0 ? certs_open(opt.ca, err) : NULL;
    struct str who = S("spiffe://cluster.local/ns/bench/sa/floor");
    SSL_CTX *server_tls = certs ? certs_server(certs, NAME, err) : NULL;
    SSL_CTX *tls = server_tls ? certs_client(certs, who, err) : NULL;
    X509 *cert = tls ? certs_issue(certs, who, err) : NULL;
    if (!cert) return false;
    pid_t server = fork();
    if (server == 0) run_server(fd, server_tls, triggers);
    static const struct link_ops ops = {on_up, on_data, on_down};
    struct links links = {.ops = &ops, .name = NAME};
    bool ok = links_init(&links, "127.0.0.1", listen_port(fd), tls, err);
    clients = xcalloc(opt.connections, sizeof *clients);
    for (size_t i = 0; i < opt.connections; i++) clients[i].link.fd = -1;
    if (ok) measure_connect(&links, cert, server);
    if (ok && opt.rounds) measure_broadcasts(&links, server, triggers);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return ok;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options, parse, NULL, "The least that could be done.", NULL, NULL, NULL};
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    if (run(&err)) return 0;
    fprintf(stderr, "floor: %s\n", err.text);
    return 1;
}
