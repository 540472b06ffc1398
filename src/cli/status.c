/* osm status and osm wait: what the controller reports, for people and for programs. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/field.h"
#include "cli/api.h"
#include "cli/place.h"
#include "cli/table.h"
#include "cli/verb.h"

static struct str cell_int(struct arena *a, int64_t v) { return str_fmt(a, "%lld", (long long)v); }

static void write_head(const json_t *st, struct buf *out)
{
    const json_t *mesh = json_object_get(st, "mesh"), *proxies = json_object_get(st, "proxies");
    buf_fmt(out, "mesh %.*s   %s   egress %s   revision %lld   proxies %lld of %lld at it   %s\n\n",
            STR_FMT(json_text(mesh, "name")), json_flag(mesh, "permissive") ? "permissive" : "SMI policy",
            json_flag(mesh, "egress") ? "on" : "off", (long long)json_number(st, "revision"),
            (long long)json_number(proxies, "accepted"), (long long)json_number(proxies, "expected"),
            json_flag(st, "ready") ? "ready" : "not ready");
}

static void write_objects(const json_t *st, struct buf *out)
{
    const char *kind;
    json_t *n;
    bool first = true;
    json_object_foreach(json_object_get(st, "objects"), kind, n)
    {
        buf_fmt(out, "%s%lld %s", first ? "" : ", ", (long long)json_integer_value(n), kind);
        first = false;
    }
    buf_c(out, "\n\n");
}

static void write_pods(const json_t *st, struct arena *a, struct buf *out)
{
    static const char *const header[] = {"NAMESPACE", "POD",   "READY", "STATUS", "RESTARTS",
                                         "ACCOUNT",   "PROXY", "MESH",  NULL};
    struct text_table t = text_table_new(a, header);
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(st, "pods"), i, p)
    {
        struct str row[] = {json_text(p, "namespace"),
                            json_text(p, "name"),
                            json_text(p, "containersReady"),
                            json_text(p, "status"),
                            cell_int(a, json_number(p, "restarts")),
                            json_text(p, "account"),
                            json_text(p, "proxy"),
                            json_text(p, "why")};
        text_table_row(&t, row);
    }
    text_table_write(&t, out);
}

/* Of TCP's ended connections, both ways. */
static struct str cell_bytes(struct arena *a, const json_t *edge)
{
    double n = (double)json_number(edge, "sentBytes") + (double)json_number(edge, "receivedBytes");
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t u = 0;
    if (!json_object_get(edge, "sentBytes")) return S("-");
    for (; n >= 1000 && u < 4; u++) n /= 1000;
    return str_fmt(a, u && n < 10 ? "%.1f %s" : "%.0f %s", n, units[u]);
}

static void write_edges(const json_t *st, struct arena *a, struct buf *out)
{
    static const char *const header[] = {"FROM", "TO", "REQ/S", "SUCCESS", "P99", "DENIED", "BYTES", "TLS", NULL};
    const json_t *edges = json_object_get(st, "edges");
    struct text_table t = text_table_new(a, header);
    size_t i;
    json_t *e;
    if (json_array_size(edges) == 0) return;
    json_array_foreach(edges, i, e)
    {
        struct str row[] = {json_text(e, "from"),    json_text(e, "to"),  json_text(e, "rate"),
                            json_text(e, "success"), json_text(e, "p99"), cell_int(a, json_number(e, "denied")),
                            cell_bytes(a, e),        json_text(e, "tls")};
        text_table_row(&t, row);
    }
    buf_char(out, '\n');
    text_table_write(&t, out);
}

static void write_policies(const json_t *st, struct arena *a, struct buf *out)
{
    static const char *const header[] = {"NAMESPACE", "POLICY", "STATUS", "REASON", NULL};
    const json_t *all = json_object_get(st, "policies");
    struct text_table t = text_table_new(a, header);
    size_t i;
    json_t *p;
    if (json_array_size(all) == 0) return;
    json_array_foreach(all, i, p)
    {
        struct str title = str_fmt(a, "%.*s/%.*s", STR_FMT(json_text(p, "kind")), STR_FMT(json_text(p, "name")));
        text_table_row(
            &t, (struct str[]){json_text(p, "namespace"), title, json_text(p, "status"), json_text(p, "reason")});
    }
    buf_char(out, '\n');
    text_table_write(&t, out);
}

static void write_diagnostics(const json_t *st, struct arena *a, struct buf *out)
{
    static const char *const header[] = {"CODE", "OBJECT", "WHERE", "WHAT", NULL};
    const json_t *all = json_object_get(st, "diagnostics");
    struct text_table t = text_table_new(a, header);
    size_t i;
    json_t *d;
    if (json_array_size(all) == 0) return;
    json_array_foreach(all, i, d)
    {
        struct str row[] = {json_text(d, "code"), json_text(d, "object"), json_text(d, "where"), json_text(d, "text")};
        text_table_row(&t, row);
    }
    buf_char(out, '\n');
    text_table_write(&t, out);
}

static struct str joined(const json_t *texts, int64_t all, struct arena *a)
{
    struct buf b SCOPED_BUF = {0};
    size_t i;
    json_t *t;
    json_array_foreach(texts, i, t) buf_fmt(&b, "%s%s", i ? ", " : "", json_string_value(t));
    if (all > (int64_t)i) buf_fmt(&b, "%sand %lld more", i ? " " : "", (long long)(all - (int64_t)i));
    return str_dup(a, buf_view(&b));
}

static void write_change(const json_t *c, struct arena *a, struct text_table *t)
{
    int64_t expected = json_number(c, "expected"), accepted = json_number(c, "accepted");
    double last = json_real_value(json_object_get(c, "lastMs"));
    struct str refused = json_number(c, "refused") ? S(", refusals below") : S("");
    struct str row[] = {cell_int(a, json_number(c, "revision")),
                        joined(json_object_get(c, "objects"), json_number(c, "objectsChanged"), a),
                        str_fmt(a, "%lld of %lld%.*s", (long long)accepted, (long long)expected, STR_FMT(refused)),
                        accepted ? str_fmt(a, "%.1f ms", last) : S("-"),
                        joined(json_object_get(c, "waiting"), expected - accepted, a)};
    text_table_row(t, row);
}

/* The newest three, and all that are waited for. */
static void write_changes(const json_t *st, struct arena *a, struct buf *out)
{
    static const char *const header[] = {"REVISION", "CHANGED", "ACCEPTED BY", "LAST AFTER", "WAITING FOR", NULL};
    struct text_table t = text_table_new(a, header);
    size_t i, shown = 0;
    json_t *c;
    json_array_foreach(json_object_get(st, "changes"), i, c)
    {
        bool is_open = json_number(c, "accepted") < json_number(c, "expected");
        if (!json_number(c, "expected") || (shown >= 3 && !is_open)) continue;
        write_change(c, a, &t);
        shown++;
    }
    if (!shown) return;
    buf_char(out, '\n');
    text_table_write(&t, out);
}

static void print_status(const json_t *st, bool as_json, bool clear)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf out SCOPED_BUF = {0};
    if (as_json) {
        char *text = json_dumps(st, JSON_INDENT(2));
        buf_c(&out, text);
        buf_char(&out, '\n');
        free(text);
    } else {
        if (clear) buf_c(&out, "\033[H\033[2J");
        write_head(st, &out);
        write_objects(st, &out);
        write_pods(st, a, &out);
        write_edges(st, a, &out);
        write_policies(st, a, &out);
        write_changes(st, a, &out);
        write_diagnostics(st, a, &out);
    }
    fwrite(out.p, 1, out.n, stdout);
    fflush(stdout);
}

static const char usage[] =
    "Usage: osm status [-w] [-o json]\n\n"
    "The mesh at a glance: objects, pods, who calls whom, and every object that cannot be honoured, with its "
    "reason.\n\n"
    "  -w, --watch      follow: once per second, with rates, until Ctrl-C\n"
    "  -o, --output F   json: for programs; \"ready\" is true when every pod is ready and every proxy has\n"
    "                   accepted the current revision\n\n" PLACE_USAGE
    "Examples:\n  osm status\n  osm status -w\n  osm status -o json | jq .ready\n";

static volatile sig_atomic_t is_interrupted;
static void on_interrupt(int sig)
{
    (void)sig;
    is_interrupted = 1;
}

/* Controllers of a cluster are looked for each time: they come and go. */
static json_t *ask(const struct place *p, bool edges, struct err *err)
{
    struct controllers *c = controllers_open(p, err);
    json_t *st = c ? controllers_status(c, edges, err) : NULL;
    controllers_close(c);
    return st;
}

static int watch(const struct place *p, bool as_json)
{
    struct err err = {0};
    signal(SIGINT, on_interrupt);
    while (!is_interrupted) {
        json_t *st = ask(p, true, &err);
        if (!st) return verb_fail("%s", err.text);
        print_status(st, as_json, !as_json && isatty(STDOUT_FILENO));
        json_decref(st);
        sleep(1);
    }
    return 0;
}

int verb_status(int argc, char **argv)
{
    static const struct option options[] = {{"watch", no_argument, NULL, 'w'},
                                            {"output", required_argument, NULL, 'o'},
                                            PLACE_OPTIONS,
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    bool follow = false, as_json = false;
    struct place place = {0};
    struct err err = {0};
    for (int c; (c = getopt_long(argc, argv, "wo:h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (c == 'w')
            follow = true;
        else if (c == 'o' && str_is(str_of(optarg), "json"))
            as_json = true;
        else if (place_option(&place, c, optarg))
            continue;
        else if (c == 'o')
            return verb_usage("status", "the output format '%s' is not known, json is", optarg);
        else
            return 2;
    }
    if (optind < argc) return verb_usage("status", "'%s' is one word too many", argv[optind]);
    if (follow) return watch(&place, as_json);
    json_t *st = ask(&place, true, &err);
    if (!st) return verb_fail("%s", err.text);
    print_status(st, as_json, false);
    json_decref(st);
    return 0;
}

static const char wait_usage[] =
    "Usage: osm wait [--for ready|accepted] [--timeout DURATION] [--kubeconfig FILE …]\n\n"
    "Waits until every pod is ready and every proxy has accepted the current revision (ready, the default), or only\n"
    "the latter (accepted). Exits 1 and says what is missing when the time is over (60s).\n\n" PLACE_USAGE
    "Examples:\n  osm local apply -f target.yaml && osm wait\n  osm wait --for accepted --timeout 5s\n";

/* One line that says what the wait still waits for. */
static void say_missing(const json_t *st, const char *what)
{
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(st, "pods"), i, p)
    {
        if (json_flag(p, "ready") && !str_is(json_text(p, "proxy"), "pending")) continue;
        fprintf(stderr, "osm: not %s: pod %.*s/%.*s is %.*s (%.*s), its proxy: %.*s\n", what,
                STR_FMT(json_text(p, "namespace")), STR_FMT(json_text(p, "name")), STR_FMT(json_text(p, "status")),
                STR_FMT(json_text(p, "containersReady")), STR_FMT(json_text(p, "proxy")));
    }
}

enum { PAUSE_US = 30000, CLUSTER_PAUSE_US = 500000 };

static int wait_for(const struct place *p, const char *what, int64_t timeout_ns)
{
    struct err err = {0};
    int64_t end = clock_mono_ns() + timeout_ns;
    for (;;) {
        err_clear(&err);
        json_t *st = ask(p, false, &err);
        if (!st && clock_mono_ns() > end) return verb_fail("%s", err.text);
        bool done = st && json_flag(st, what);
        if (st && !done && clock_mono_ns() > end) say_missing(st, what);
        json_decref(st);
        if (done) return 0;
        if (clock_mono_ns() > end) return verb_fail("the mesh is not %s in the given time", what);
        usleep(kube_place_is_local(&p->kube) ? PAUSE_US : CLUSTER_PAUSE_US);
    }
}

int verb_wait(int argc, char **argv)
{
    static const struct option options[] = {{"for", required_argument, NULL, 'f'},
                                            {"timeout", required_argument, NULL, 't'},
                                            PLACE_OPTIONS,
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *what = "ready";
    struct place place = {0};
    int64_t timeout = 60 * (int64_t)1000000000;
    for (int c; (c = getopt_long(argc, argv, "f:t:h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(wait_usage, stdout);
            return 0;
        }
        if (c == 'f')
            what = optarg;
        else if (c == 't' && !duration_parse(str_of(optarg), &timeout))
            return verb_usage("wait", "'%s' is no duration, such as 30s or 2m", optarg);
        else if (c != 't' && !place_option(&place, c, optarg))
            return 2;
    }
    if (optind < argc) return verb_usage("wait", "'%s' is one word too many", argv[optind]);
    if (!str_is(str_of(what), "ready") && !str_is(str_of(what), "accepted"))
        return verb_usage("wait", "--for takes ready or accepted, not '%s'", what);
    return wait_for(&place, what, timeout);
}
