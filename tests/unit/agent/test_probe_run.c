/* Probes of every kind against applications that answer well, badly and not at all. */
#include "standin.h"

#include "agent/probes.h"
#include "net/http_server.h"

enum { PORT_HTTP = 8080, PORT_HTTPS = 8443, PORT_GRPC = 9000, PORT_CLOSED = 9999, PORT_SILENT = 7000 };

static char seen_host[64], seen_agent[64], seen_x[64];

static void keep(char out[64], struct str s) { snprintf(out, 64, "%.*s", STR_FMT(s)); }

static void get_status(struct http_exchange *x)
{
    int64_t status = 500;
    keep(seen_host, http_header(x, "Host"));
    keep(seen_agent, http_header(x, "User-Agent"));
    keep(seen_x, http_header(x, "X-Probe"));
    if (!str_to_i64(x->rest, 100, 599, &status)) status = 500;
    if (status == 302) http_reply_header(x, "Location", "http://127.0.0.1:9999/");
    http_reply(x, (int)status, "text/plain", S("text"));
}

/* More than a probe wants to read. */
static void get_big(struct http_exchange *x)
{
    char *big = arena_alloc(x->arena, 1 << 20);
    memset(big, 'x', 1 << 20);
    http_reply(x, 200, "text/plain", str_make(big, 1 << 20));
}

static const struct http_route routes[] = {{"GET", "/status/*", get_status}, {"GET", "/big", get_big}, {0}};

/* ---- grpc.health.v1 ---- */

static bool health_accepts(void *arg, struct str path)
{
    return (void)arg, str_is(path, "/grpc.health.v1.Health/Check");
}
static void *health_open(void *arg, struct h2_stream *s, const struct h2_peer *peer)
{
    return (void)arg, (void)peer, s;
}
static void health_closed(void *state) { (void)state; }
static void health_message(void *state, struct str m, bool is_last)
{
    static const char serving[] = "\x08\x01", down[] = "\x08\x02";
    struct h2_stream *s = state;
    if (!is_last) return;
    if (str_eq(m, S("\x0a\x07unknown"))) {
        h2_grpc_end(s, GRPC_INVALID_ARGUMENT, "no such service");
        return;
    }
    struct h2_chunk c = {.p = str_eq(m, S("\x0a\x04"
                                          "down"))
                                  ? down
                                  : serving,
                         .n = 2};
    h2_grpc_send(s, &c, 1);
    h2_grpc_end(s, GRPC_OK, "");
}
static const struct h2_grpc health = {.accepts = health_accepts,
                                      .open = health_open,
                                      .message = health_message,
                                      .closed = health_closed,
                                      .max_message = 4096};

static void ok_request(void *arg, struct h2_request *r) { (void)arg, h2_respond(r, 200, "text/plain", S("ok")); }

/* ---- the world: one loop for both sides ---- */

struct world {
    struct event_base *base;
    struct mailbox *mail;
    struct http_client *http;
    struct http_server *plain;
    struct h2_server *grpc, *https;
    int silent;
    char dir[64];
};

static SSL_CTX *some_certificate(struct world *w)
{
    struct err err = {0};
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf key SCOPED_BUF = {0};
    const char *ca = str_fmt(a, "%s/ca", w->dir).p;
    struct issuer *i = ca_open(ca, clock_unix_s(), &err);
    assert_true(file_read(str_fmt(a, "%s/" CA_FILE_KEY, ca).p, 65536, &key, &err));
    SSL_CTX *tls =
        tls_server_context(&(struct tls_options){.chain = issuer_roots(i), .key = buf_view(&key), .alpn = "h2"}, &err);
    issuer_free(i);
    if (!tls) fail_msg("%s", err.text);
    return tls;
}

static struct h2_server *serve(struct world *w, uint16_t port, SSL_CTX *tls)
{
    static const struct h2_handler other = {ok_request, NULL, 1024};
    struct err err = {0};
    struct h2_server_options o = {.tls = tls,
                                  .listen_fd = listen_tcp("127.0.0.1", port, &err),
                                  .other = &other,
                                  .grpc = &health,
                                  .mail = w->mail};
    struct h2_server *s = h2_server_new(w->base, &o, &err);
    if (!s) fail_msg("%s", err.text);
    return s;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct err err = {0};
    snprintf(w->dir, sizeof w->dir, "/tmp/osm-probe-XXXXXX");
    if (!mkdtemp(w->dir)) return -1;
    w->base = loop_base_new(&err);
    w->mail = mailbox_new(w->base, &err);
    w->http = http_client_new(w->base, &err);
    struct http_server_options o = {.address = "127.0.0.1", .port = PORT_HTTP, .routes = routes};
    w->plain = http_server_new(w->base, &o, &err);
    w->grpc = serve(w, PORT_GRPC, NULL);
    SSL_CTX *tls = some_certificate(w);
    w->https = serve(w, PORT_HTTPS, tls);
    SSL_CTX_free(tls);
    w->silent = listen_tcp("127.0.0.1", PORT_SILENT, &err);
    *state = w;
    return w->plain && w->silent >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    http_client_free(w->http);
    http_server_free(w->plain);
    h2_server_free(w->grpc);
    h2_server_free(w->https);
    mailbox_free(w->mail);
    event_base_free(w->base);
    close(w->silent);
    bool ok = tree_remove(w->dir, &err);
    free(w);
    return ok ? 0 : -1;
}

struct seen {
    struct event_base *base;
    bool ok;
    int status;
};

static void on_outcome(void *arg, const struct probe_outcome *out)
{
    struct seen *s = arg;
    if (getenv("V")) fprintf(stderr, "outcome %d %s\n", out->status, out->text);
    s->ok = out->ok;
    s->status = out->status;
    event_base_loopbreak(s->base);
}

static struct seen run(struct world *w, struct probe p)
{
    struct seen s = {.base = w->base};
    if (!p.timeout_s) p.timeout_s = 1;
    if (!p.path.p) p.path = S("/");
    probe_start(w->base, w->http, &p, S("10.244.0.9"), on_outcome, &s);
    event_base_dispatch(w->base);
    return s;
}

/* ---- the tests ---- */

static void http_succeeds_from_200_to_399(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *path;
        bool ok;
        int status;
    } cases[] = {
        {"/status/200", true, 200}, {"/status/204", true, 200},  {"/status/302", true, 200},
        {"/status/399", true, 200}, {"/status/400", false, 400}, {"/status/503", false, 503},
        {"/big", true, 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen s = run(w, (struct probe){.kind = PROBE_HTTP, .port = PORT_HTTP, .path = str_of(cases[i].path)});
        assert_int_equal(s.ok, cases[i].ok);
        assert_int_equal(s.status, cases[i].status);
    }
}

static void the_application_sees_the_kubelets_headers(void **state)
{
    struct world *w = *state;
    struct str own[] = {S("Host: my.host"), S("X-Probe: 1")};
    run(w, (struct probe){.kind = PROBE_HTTP, .port = PORT_HTTP, .path = S("/status/200")});
    assert_string_equal(seen_host, "10.244.0.9:8080");
    assert_string_equal(seen_agent, "kube-probe/osm");
    run(w, (struct probe){.kind = PROBE_HTTP, .port = PORT_HTTP, .path = S("/status/200"), .headers = {own, 2}});
    assert_string_equal(seen_host, "my.host");
    assert_string_equal(seen_x, "1");
}

static void https_takes_any_certificate(void **state)
{
    struct world *w = *state;
    assert_true(run(w, (struct probe){.kind = PROBE_HTTPS, .port = PORT_HTTPS}).ok);
    assert_false(run(w, (struct probe){.kind = PROBE_HTTPS, .port = PORT_HTTP}).ok);
}

static void tcp_wants_a_listener(void **state)
{
    struct world *w = *state;
    assert_true(run(w, (struct probe){.kind = PROBE_TCP, .port = PORT_SILENT}).ok);
    struct seen s = run(w, (struct probe){.kind = PROBE_TCP, .port = PORT_CLOSED});
    assert_false(s.ok);
    assert_int_equal(s.status, 503);
}

static void grpc_wants_serving(void **state)
{
    struct world *w = *state;
    assert_true(run(w, (struct probe){.kind = PROBE_GRPC, .port = PORT_GRPC}).ok);
    assert_true(run(w, (struct probe){.kind = PROBE_GRPC, .port = PORT_GRPC, .service = S("web")}).ok);
    assert_false(run(w, (struct probe){.kind = PROBE_GRPC, .port = PORT_GRPC, .service = S("down")}).ok);
    assert_false(run(w, (struct probe){.kind = PROBE_GRPC, .port = PORT_GRPC, .service = S("unknown")}).ok);
    assert_false(run(w, (struct probe){.kind = PROBE_GRPC, .port = PORT_HTTP}).ok);
    assert_false(run(w, (struct probe){.kind = PROBE_GRPC, .port = PORT_CLOSED}).ok);
}

static void an_application_that_is_silent_fails_in_time(void **state)
{
    struct world *w = *state;
    int64_t start = clock_mono_ns();
    assert_false(run(w, (struct probe){.kind = PROBE_HTTP, .port = PORT_SILENT}).ok);
    assert_in_range(clock_mono_ns() - start, 900000000, 5000000000);
}

static void a_cancelled_probe_says_nothing(void **state)
{
    struct world *w = *state;
    struct seen s = {.base = w->base, .status = -1};
    struct probe p = {.kind = PROBE_TCP, .port = PORT_SILENT, .timeout_s = 1},
                 q = {.kind = PROBE_HTTP, .port = PORT_HTTP, .path = S("/"), .timeout_s = 1};
    probe_cancel(probe_start(w->base, w->http, &p, STR_NULL, on_outcome, &s));
    probe_cancel(probe_start(w->base, w->http, &q, STR_NULL, on_outcome, &s));
    event_base_loop(w->base, EVLOOP_NONBLOCK);
    assert_int_equal(s.status, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    own_network();
    const struct CMUnitTest tests[] = {
        TEST(http_succeeds_from_200_to_399),
        TEST(the_application_sees_the_kubelets_headers),
        TEST(https_takes_any_certificate),
        TEST(tcp_wants_a_listener),
        TEST(grpc_wants_serving),
        TEST(an_application_that_is_silent_fails_in_time),
        TEST(a_cancelled_probe_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
