/* xdsload.c - holds thousands of delta ADS streams against any server and measures how long a change takes to reach
 * each of them. Commands come on standard input, one a line; each is answered by one line of JSON.
 *
 *   connect N [RATE]      the next N nodes of the list connect, at once or so many a second; not waited for
 *   synced S              within S seconds all that were told to connect have everything they asked for
 *   change TYPE N S NEEDLE rename FROM TO   renames a file and waits until N streams have received a response of TYPE
 *   change TYPE N S NEEDLE run COMMAND      ... (CDS, EDS, LDS, RDS, SDS) that holds the bytes NEEDLE; runs a command
 *   traffic S             what arrives in S seconds
 *   replace N S           N streams are closed and come back as new proxies that hold nothing; within S seconds
 *   restart S             waits until every stream was lost and is back; times count from the first that is connected
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ads.h"
#include "base/clock.h"
#include "base/file.h"
#include "certs.h"
#include "report.h"

#define ADS_PATH "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
enum { MAX_LINE = 4096, MS = 1000000, MAX_NODES_FILE = 64 << 20 };
#define SECOND INT64_C(1000000000)

struct load {
    struct links links;
    struct certs *certs;
    struct ads *streams;
    size_t n, begun;  /* streams; of them told to connect */
    size_t rate, due; /* connections a second; of |begun| still to be opened */
    int64_t began;
    size_t synced, waiting, hits, lost;
    int64_t first_up;
    size_t next_replaced;
    int64_t backoff_ns, backoff_max_ns;
};
static struct load load;

struct settings {
    char *server, *ca, *nodes;
    const char *name, *authority;
    int64_t backoff_ms, backoff_max_ms;
    bool is_plain;
    struct ads_options ads;
    struct arena *a;
};

/* ---- streams come and go ---- */
static void on_synced(struct ads *s)
{
    (void)s;
    load.synced++;
}

static void on_hit(struct ads *s)
{
    (void)s;
    load.hits++;
}

static int64_t backoff(unsigned failures)
{
    int64_t most = load.backoff_ns << (failures < 16 ? failures : 16);
    if (most > load.backoff_max_ns) most = load.backoff_max_ns;
    return (int64_t)((double)most * (double)rand() / RAND_MAX);
}

static void on_ended(struct ads *s, int status)
{
    (void)status;
    if (s->synced) load.synced--;
    load.lost++;
    load.waiting++;
    s->again_at = clock_mono_ns() + backoff(s->failures++);
    ads_reset(s);
}

static void open_stream(struct ads *s)
{
    if (s->again_at) load.waiting--;
    s->again_at = 0;
    s->opened = clock_mono_ns();
    s->synced = 0;
    link_open(&load.links, &s->grpc.link, s->cert);
}

static void open_due(int64_t now)
{
    size_t may = load.rate ? (size_t)((double)(now - load.began) / 1e9 * (double)load.rate) + 1 : load.begun;
    while (load.due < load.begun && load.due < may) open_stream(&load.streams[load.due++]);
}

static void reopen(int64_t now)
{
    static int64_t last;
    if (!load.waiting || now - last < 2 * MS) return;
    last = now;
    for (size_t i = 0; i < load.due; i++)
        if (load.streams[i].again_at && load.streams[i].again_at <= now) open_stream(&load.streams[i]);
}

/* One turn of the loop; true when a command waits. */
static bool turn(int fd)
{
    bool is_timed = load.waiting || load.due < load.begun;
    bool is_called = links_run(&load.links, is_timed ? 2 : 20, fd);
    int64_t now = clock_mono_ns();
    open_due(now);
    reopen(now);
    if (!load.first_up && load.links.up) load.first_up = now;
    return is_called;
}

/* ---- commands ---- */
struct counts {
    uint64_t received, messages, resources, gone;
    int64_t cpu_ns, wall_ns;
};

static struct counts count(void)
{
    struct counts c = {.cpu_ns = report_cpu_ns(), .wall_ns = clock_mono_ns()};
    for (size_t i = 0; i < load.due; i++) {
        const struct ads *s = &load.streams[i];
        c.received += s->grpc.link.received;
        c.messages += s->grpc.messages;
        c.resources += s->resources;
        c.gone += s->gone;
    }
    return c;
}

static void end_report(const struct counts *from)
{
    struct counts now = count();
    printf(", \"up\": %zu, \"received\": %llu, \"messages\": %llu, \"resources\": %llu, \"removed\": %llu, \"lost\": "
           "%zu, \"resumed\": %zu, \"client_cpu_ms\": %.1f, \"wall_ms\": %.1f}\n",
           load.links.up, (unsigned long long)(now.received - from->received),
           (unsigned long long)(now.messages - from->messages), (unsigned long long)(now.resources - from->resources),
           (unsigned long long)(now.gone - from->gone), load.lost, load.links.resumed,
           (double)(now.cpu_ns - from->cpu_ns) / 1e6, (double)(now.wall_ns - from->wall_ns) / 1e6);
    fflush(stdout);
}

static struct counts at_connect;

static int64_t *times_of(int64_t since, bool of_hits, size_t *n)
{
    int64_t *t = xcalloc(load.due + 1, sizeof *t);
    *n = 0;
    for (size_t i = 0; i < load.due; i++) {
        int64_t at = of_hits ? load.streams[i].hit : load.streams[i].synced;
        if (at >= since) t[(*n)++] = at - since;
    }
    return t;
}

static void report_since(int64_t since, bool of_hits, const struct counts *from)
{
    size_t n;
    int64_t *t = times_of(since, of_hits, &n);
    report_times(t, n);
    free(t);
    end_report(from);
}

static void do_connect(struct str args)
{
    int64_t n = 0, rate = 0;
    struct str first = str_cut(&args, ' ');
    if (!str_to_i64(first, 1, (int64_t)(load.n - load.begun), &n) || (args.n && !str_to_i64(args, 0, 1000000, &rate))) {
        printf("{\"error\": \"connect: not so many nodes\"}\n");
        return;
    }
    at_connect = count();
    load.began = clock_mono_ns();
    load.begun += (size_t)n;
    load.rate = (size_t)rate;
    printf("{}\n");
}

static int64_t seconds(struct str *args)
{
    int64_t s = 0;
    return str_to_i64(str_cut(args, ' '), 0, 86400, &s) ? s * SECOND : 0;
}

static void do_synced(struct str args)
{
    int64_t end = clock_mono_ns() + seconds(&args);
    while (load.synced < load.begun && clock_mono_ns() < end) turn(-1);
    report_since(load.began, false, &at_connect);
}

static bool type_named(struct str name, enum xds_type *type)
{
    static const char *const names[XDS_TYPE_COUNT] = {"CDS", "EDS", "LDS", "RDS", "SDS"};
    for (int t = 0; t < XDS_TYPE_COUNT; t++) {
        *type = (enum xds_type)t;
        if (str_is(name, names[t])) return true;
    }
    return false;
}

static bool act(struct arena *a, struct str how)
{
    struct str verb = str_cut(&how, ' ');
    if (str_is(verb, "run")) return system(str_c(a, how)) == 0;
    const char *from = str_c(a, str_cut(&how, ' '));
    return str_is(verb, "rename") && rename(from, str_c(a, how)) == 0;
}

static void do_change(struct str args)
{
    struct arena *a SCOPED_ARENA = arena_new();
    enum xds_type type;
    int64_t n = 0;
    bool ok = type_named(str_cut(&args, ' '), &type) && str_to_i64(str_cut(&args, ' '), 0, 1000000, &n);
    int64_t wait = seconds(&args);
    struct str needle = str_cut(&args, ' ');
    for (size_t i = 0; i < load.n; i++) load.streams[i].hit = 0;
    load.hits = 0;
    ads_watch(type, needle);
    struct counts from = count();
    int64_t begin = clock_mono_ns();
    if (!ok || !act(a, args)) {
        printf("{\"error\": \"change: %s\"}\n", ok ? strerror(errno) : "TYPE N SECONDS NEEDLE rename|run ...");
        return;
    }
    while (load.hits < (size_t)n && clock_mono_ns() < begin + wait) turn(-1);
    report_since(begin, true, &from);
    ads_watch(type, STR_NULL);
}

static void do_traffic(struct str args)
{
    struct counts from = count();
    int64_t end = clock_mono_ns() + seconds(&args);
    while (clock_mono_ns() < end) turn(-1);
    printf("{\"n\": 0");
    end_report(&from);
}

static void do_replace(struct str args)
{
    int64_t n = 0;
    bool ok = str_to_i64(str_cut(&args, ' '), 1, (int64_t)load.due, &n);
    int64_t wait = seconds(&args), begin = clock_mono_ns();
    struct counts from = count();
    for (int64_t i = 0; ok && i < n; i++) {
        struct ads *s = &load.streams[load.next_replaced++ % load.due];
        if (s->synced) load.synced--;
        link_close(&s->grpc.link);
        ads_forget(s);
        SSL_SESSION_free(s->grpc.link.session);
        s->grpc.link.session = NULL;
        open_stream(s);
    }
    while (load.synced < load.begun && clock_mono_ns() < begin + wait) turn(-1);
    report_since(begin, false, &from);
}

static void do_restart(struct str args)
{
    int64_t end = clock_mono_ns() + seconds(&args);
    while (load.links.up && clock_mono_ns() < end) turn(-1);
    struct counts from = count();
    load.first_up = 0;
    load.links.resumed = 0;
    while (load.synced < load.begun && clock_mono_ns() < end) turn(-1);
    report_since(load.first_up, false, &from);
}

static void obey(struct str line)
{
    static const struct {
        const char *name;
        void (*fn)(struct str args);
    } verbs[] = {{"connect", do_connect}, {"synced", do_synced},   {"change", do_change},
                 {"traffic", do_traffic}, {"replace", do_replace}, {"restart", do_restart}};
    struct str verb = str_cut(&line, ' ');
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!str_is(verb, verbs[i].name)) continue;
        verbs[i].fn(line);
        fflush(stdout);
        return;
    }
    printf("{\"error\": \"no such command\"}\n");
    fflush(stdout);
}

/* False: the end of the input. */
static bool read_commands(void)
{
    static char line[MAX_LINE];
    static size_t n;
    ssize_t got = read(STDIN_FILENO, line + n, sizeof line - n);
    if (got <= 0) return false;
    n += (size_t)got;
    for (char *end; (end = memchr(line, '\n', n));) {
        size_t used = (size_t)(end - line) + 1;
        obey(str_make(line, used - 1));
        memmove(line, line + used, n -= used);
    }
    return n < sizeof line;
}

/* ---- setting up ---- */
static const struct argp_option options[] = {
    {"server", 's', "IP:PORT", 0, "Where the ADS server listens", 0},
    {"name", 'n', "NAME", 0, "The name that its certificate must have", 0},
    {"ca", 'c', "DIR", 0, "A folder with ca-key.pem, which signs the clients' certificates", 0},
    {"nodes", 'f', "FILE", 0, "Lines of node id and SPIFFE id", 0},
    {"plain", 'p', NULL, 0, "No TLS", 0},
    {"resume", 'r', NULL, 0, "Resume TLS sessions when reconnecting, as Envoy does", 0},
    {"authority", 'a', "TEXT", 0, "HTTP/2 authority", 0},
    {"cluster", 'k', "TEXT", 0, "node.cluster", 0},
    {"meta", 'm', "KEY=VALUE", 0, "node.metadata, may be given again", 0},
    {"node-bytes", 'b', "N", 0, "Bytes of node.extensions (Envoy: 60000)", 0},
    {"backoff", 'w', "MS", 0, "First and longest pause before reconnecting: MS or MS,MS (200,2000)", 0},
    {0},
};

static int64_t number(struct str text, struct argp_state *state)
{
    int64_t n = 0;
    if (!str_to_i64(text, 0, 1 << 30, &n)) argp_error(state, "not a number: %.*s", STR_FMT(text));
    return n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct settings *s = state->input;
    struct str rest = arg ? str_of(arg) : STR_NULL;
    switch (key) {
    case 's':
        s->server = arg;
        return 0;
    case 'n':
        s->name = arg;
        return 0;
    case 'c':
        s->ca = arg;
        return 0;
    case 'f':
        s->nodes = arg;
        return 0;
    case 'p':
        s->is_plain = true;
        return 0;
    case 'r':
        load.links.resume = true;
        return 0;
    case 'a':
        s->authority = arg;
        return 0;
    case 'k':
        s->ads.cluster = arg;
        return 0;
    case 'm':
        list_push(s->a, &s->ads.metadata, rest);
        return 0;
    case 'b':
        s->ads.ballast = (size_t)number(rest, state);
        return 0;
    case 'w':
        s->backoff_ms = number(str_cut(&rest, ','), state);
        s->backoff_max_ms = rest.n ? number(rest, state) : s->backoff_ms;
        return 0;
    case ARGP_KEY_END:
        if (!s->server || !s->nodes || (!s->ca && !s->is_plain))
            argp_error(state, "--server, --nodes and --ca are needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool read_nodes(const struct settings *s, struct err *err)
{
    struct buf text = {0};
    if (!file_read(s->nodes, MAX_NODES_FILE, &text, err)) return false;
    for (size_t i = 0; i < text.n; i++) load.n += text.p[i] == '\n';
    load.streams = xcalloc(load.n, sizeof *load.streams);
    struct str rest = buf_view(&text);
    for (size_t i = 0; i < load.n; i++) {
        struct ads *st = &load.streams[i];
        struct str line = str_cut(&rest, '\n'), node = str_cut(&line, ' ');
        st->grpc.link.fd = -1;
        st->node = str_c(s->a, node);
        if (load.certs && !(st->cert = certs_issue(load.certs, line, err))) return false;
    }
    buf_free(&text);
    return load.n > 0 || err_set(err, "%s names no node", s->nodes);
}

static bool start(struct settings *s, struct err *err)
{
    struct str where = str_of(s->server);
    const char *address = str_c(s->a, str_cut(&where, ':'));
    int64_t port = 0;
    if (!str_to_i64(where, 1, 65535, &port)) return err_set(err, "%s is not IP:PORT", s->server);
    SSL_CTX *tls = NULL;
    if (!s->is_plain && !(load.certs = certs_open(s->ca, err))) return false;
    if (load.certs && !(tls = certs_client(load.certs, S("spiffe://cluster.local/ns/bench/sa/bench"), err)))
        return false;
    load.links.name = s->name;
    load.backoff_ns = s->backoff_ms * MS;
    load.backoff_max_ns = s->backoff_max_ms * MS;
    s->ads.synced = on_synced;
    s->ads.hit = on_hit;
    s->ads.ended = on_ended;
    struct grpc_options g = {ADS_PATH, s->authority, ads_grpc_ops(&s->ads)};
    load.links.ops = grpc_link_ops(&g);
    return links_init(&load.links, address, (int)port, tls, err) && read_nodes(s, err);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options, parse, NULL, "A load of delta ADS streams.", NULL, NULL, NULL};
    struct settings s = {.name = "osm-controller.osm-system.svc",
                         .authority = "osm-controller",
                         .backoff_ms = 200,
                         .backoff_max_ms = 2000,
                         .ads.cluster = "bench",
                         .a = arena_new()};
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    argp_parse(&argp, argc, argv, 0, NULL, &s);
    if (!start(&s, &err)) {
        fprintf(stderr, "xdsload: %s\n", err.text);
        return 1;
    }
    printf("{\"nodes\": %zu}\n", load.n);
    fflush(stdout);
    while (!turn(STDIN_FILENO) || read_commands()) {}
    return 0;
}
