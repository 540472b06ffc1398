/* The agent against the real certificate service and the real Envoy. */
#include "standin.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <jansson.h>
#include <sys/mount.h>

#include "agent/agent.h"
#include "identity/key.h"

enum { PATIENCE_S = 30 };

struct world {
    char dir[64];
    struct controller controller;
    pid_t agent;
};

static const char *envoy_program(void)
{
    const char *source = getenv("OSM_SOURCE"), *own = getenv("ENVOY");
    static char path[4096];
    snprintf(path, sizeof path, "%s/.deps/envoy/envoy", source ? source : ".");
    return own ? own : path;
}

static void write_token(struct world *w, const char *audience_dir)
{
    struct err err = {0};
    char token[TOKEN_TEXT];
    struct arena *a SCOPED_ARENA = arena_new();
    struct token_subject s = {S("ns1"), S("client"), S("client-0"), S("uid-1")};
    assert_true(token_local_issue(str_fmt(a, "%s/%s", w->dir, audience_dir).p, &s, clock_unix_s() + 3600, token, &err));
    assert_true(file_write_atomic(str_fmt(a, "%s/token", w->dir).p, str_of(token), 0600, &err));
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    snprintf(w->dir, sizeof w->dir, "/tmp/osm-agent-XXXXXX");
    if (!mkdtemp(w->dir)) return -1;
    write_token(w, "tokens");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    if (w->agent) {
        kill(w->agent, SIGKILL);
        waitpid(w->agent, NULL, 0);
    }
    if (w->controller.loop) controller_stop(&w->controller);
    bool ok = tree_remove(w->dir, &err);
    free(w);
    return ok ? 0 : -1;
}

/* A process of its own, by exec: a fork alone would take over this one's threads' locks. */
static void start_agent(struct world *w, const char *trust, const char *drain)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const char *dir = str_fmt(a, "%s/sidecar", w->dir).p, *token = str_fmt(a, "%s/token", w->dir).p;
    const char *trust_dir = str_fmt(a, "%s/%s", w->dir, trust).p, *out = str_fmt(a, "%s/stdout", w->dir).p;
    w->agent = fork();
    if (w->agent) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(open(out, O_CREAT | O_WRONLY | O_APPEND, 0600), STDOUT_FILENO);
    setenv("POD_UID", "uid-1", 1);
    setenv("POD_NAME", "client-0", 1);
    setenv("POD_NAMESPACE", "ns1", 1);
    setenv("POD_IP", "127.0.0.1", 1);
    setenv("SERVICE_ACCOUNT", "client", 1);
    setenv("OSM_PROBES",
           "[{\"container\":\"web\",\"type\":\"readiness\",\"kind\":\"tcp\",\"port\":15128,\"timeout\":1},"
           "{\"container\":\"web\",\"type\":\"liveness\",\"kind\":\"tcp\",\"port\":1,\"timeout\":1}]",
           1);
    execl("/proc/self/exe", "test", "agent", "--controller", "127.0.0.1:15128", "--token", token, "--trust", trust_dir,
          "--dir", dir, "--drain", drain, "--envoy", envoy_program(), (char *)NULL);
    _exit(127);
}

/* ---- asking ---- */

static int get(struct arena *a, const char *url, struct str *body)
{
    struct err err = {0};
    struct http_answer answer;
    struct http_call_options o = {.url = url};
    if (!http_fetch(&o, a, &answer, &err)) return 0;
    if (body) *body = answer.body;
    return answer.status;
}

static int post(const char *url)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct http_answer answer;
    struct http_call_options o = {.url = url, .method = "POST", .body = S("")};
    return http_fetch(&o, a, &answer, &err) ? answer.status : 0;
}

#define WAIT_FOR(condition)                                                                                            \
    do {                                                                                                               \
        int64_t end_ = clock_mono_ns() + (int64_t)PATIENCE_S * 1000000000;                                             \
        while (!(condition)) {                                                                                         \
            if (clock_mono_ns() > end_) fail_msg("not within %d s: " #condition, PATIENCE_S);                          \
            usleep(20000);                                                                                             \
        }                                                                                                              \
    } while (0)

static bool is_ready(void)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str body = STR_NULL;
    return get(a, "http://127.0.0.1:15904/ready", &body) == 200 && str_is(body, "LIVE\n");
}

static bool body_has(const char *url, const char *text)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str body = STR_NULL;
    get(a, url, &body);
    return body.n && memmem(body.p, body.n, text, strlen(text)) != NULL;
}

static bool file_has(struct world *w, const char *name, const char *text)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf b SCOPED_BUF = {0};
    struct err err = {0};
    return file_read(str_fmt(a, "%s/%s", w->dir, name).p, 1 << 20, &b, &err) && memmem(b.p, b.n, text, strlen(text));
}

/* The version of the roots that Envoy has. */
static void trust_id(struct world *w, char out[33])
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf b SCOPED_BUF = {0};
    struct err err = {0};
    assert_true(file_read(str_fmt(a, "%s/sidecar/sds-bundle.json", w->dir).p, 1 << 20, &b, &err));
    buf_char(&b, '\0');
    assert_int_equal(sscanf(b.p, "{\"version_info\":\"%32[^\"]", out), 1);
}

/* The agent's child. */
static pid_t envoy_pid(struct world *w)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf b SCOPED_BUF = {0};
    struct err err = {0};
    const char *path = str_fmt(a, "/proc/%d/task/%d/children", (int)w->agent, (int)w->agent).p;
    if (!file_read(path, 4096, &b, &err)) return 0;
    buf_char(&b, '\0');
    return (pid_t)atoi(b.p);
}

static int exit_code(struct world *w)
{
    int status = -1;
    WAIT_FOR(waitpid(w->agent, &status, WNOHANG) == w->agent);
    w->agent = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- the tests ---- */

static void the_pod_becomes_ready_and_says_goodbye(void **state)
{
    struct world *w = *state;
    start_agent(w, "ca", "200ms"); /* before its controller: it keeps asking */
    struct arena *a SCOPED_ARENA = arena_new();
    WAIT_FOR(get(a, "http://127.0.0.1:15904/ready", NULL) == 503);
    assert_true(body_has("http://127.0.0.1:15904/ready", "no certificate yet"));
    controller_start(&w->controller, w->dir, 3600);
    WAIT_FOR(is_ready());
    assert_true(file_has(w, "sidecar/sds-certificate.json", "osm-certificate"));
    assert_true(file_has(w, "sidecar/sds-bundle.json", "trusted_ca"));

    /* the pod's view of Envoy: to read, not to change */
    assert_int_equal(get(a, "http://127.0.0.1:15000/server_info", NULL), 200);
    assert_true(body_has("http://127.0.0.1:15000/stats?filter=server.live", "server.live: 1"));
    assert_int_equal(get(a, "http://127.0.0.1:15000/quitquitquit", NULL), 403);
    assert_int_equal(post("http://127.0.0.1:15000/drain_listeners"), 405);
    assert_int_equal(get(a, "http://127.0.0.1:15000/cpuprofiler", NULL), 403);
    assert_true(body_has("http://127.0.0.1:15010/stats/prometheus", "envoy_server_live"));

    /* the application's probes */
    assert_int_equal(get(a, "http://127.0.0.1:15902/osm-readiness-probe/web", NULL), 200);
    assert_int_equal(get(a, "http://127.0.0.1:15901/osm-liveness-probe/web", NULL), 503);
    assert_int_equal(get(a, "http://127.0.0.1:15902/osm-readiness-probe/other", NULL), 404);

    /* a further root is here as soon as the controller has it */
    char id[33] = "";
    trust_id(w, id);
    struct err err = {0};
    struct issuer *more = ca_open(str_fmt(a, "%s/more", w->dir).p, clock_unix_s(), &err);
    identity_service_set_extra_roots(w->controller.service, issuer_roots(more));
    issuer_free(more);
    WAIT_FOR(!file_has(w, "sidecar/sds-bundle.json", id));

    kill(w->agent, SIGTERM);
    WAIT_FOR(get(a, "http://127.0.0.1:15902/osm-readiness-probe/web", NULL) != 200);
    assert_int_equal(exit_code(w), 0);
}

/* A name server on 127.0.0.1 that knows one Service. */
static void answer_dns(struct evdns_server_request *r, void *arg)
{
    (void)arg;
    const char *asked = r->nquestions ? r->questions[0]->name : "";
    bool is_known = !strcasecmp(asked, "9.0.96.10.in-addr.arpa");
    if (is_known) evdns_server_request_add_ptr_reply(r, NULL, asked, "web.shop.svc.cluster.local", 30);
    evdns_server_request_respond(r, is_known ? 0 : DNS_ERR_NOTEXIST);
}

static struct evdns_server_port *dns_port;
static void start_dns(void *arg)
{
    struct loop_thread *t = arg;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (bind(fd, (void *)&at, sizeof at) == 0)
        dns_port = evdns_add_server_port_with_base(t->base, fd, 0, answer_dns, NULL);
}
static void end_dns(void *arg)
{
    (void)arg;
    if (dns_port) evdns_close_server_port(dns_port);
}

/* /etc/resolv.conf of our own, in a mount namespace of our own. */
static void own_resolver(void)
{
    char path[] = "/tmp/osm-resolv-XXXXXX";
    int fd = mkstemp(path);
    assert_true(dprintf(fd, "nameserver 127.0.0.1\n") > 0);
    close(fd);
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    assert_int_equal(mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL), 0);
    unlink(path);
}

static void a_call_without_policy_is_logged_with_its_names(void **state)
{
    struct world *w = *state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct loop_thread *dns = loop_thread_new("dns", &err);
    mailbox_post(dns->mail, start_dns, dns);
    start_agent(w, "ca", "0s");
    const char *fifo = str_fmt(a, "%s/sidecar/denied", w->dir).p;
    WAIT_FOR(access(fifo, F_OK) == 0);
    int fd = open(fifo, O_WRONLY);
    assert_true(write(fd, "no_policy 127.0.0.1:80\nrubbish\nno_po", 36) == 36);
    assert_true(write(fd, "licy [::1]:81\n", 14) == 14);
    close(fd);
    WAIT_FOR(file_has(w, "stdout", "\"msg\":\"no_policy ns1/client 127.0.0.1\""));
    WAIT_FOR(file_has(w, "stdout", "\"msg\":\"no_policy ns1/client ::1\""));
    fd = open(fifo, O_WRONLY);
    assert_true(write(fd, "no_policy 10.96.0.9:80\nno_policy 10.96.0.9:81\n", 46) == 46);
    close(fd);
    WAIT_FOR(file_has(w, "stdout", "\"msg\":\"no_policy ns1/client shop/web\""));
    WAIT_FOR(file_has(w, "stdout", "\"service\":\"shop/web\",\"address\":\"10.96.0.9\",\"port\":81"));
    assert_false(file_has(w, "stdout", "rubbish"));
    loop_thread_free(dns, end_dns, NULL);
}

/* ---- renewal ---- */

#define PATH_SECRET                                                                                                    \
    "\"sds_config\":{\"resource_api_version\":\"V3\",\"path_config_source\":{\"path\":\"%s/sidecar/%s\"}}"
static const char listener[] =
    "{\"address\":{\"socket_address\":{\"address\":\"127.0.0.1\",\"port_value\":16000}},\"filter_chains\":[{"
    "\"transport_socket\":{\"name\":\"tls\",\"typed_config\":{\"@type\":"
    "\"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext\","
    "\"require_client_certificate\":true,\"common_tls_context\":{"
    "\"tls_certificate_sds_secret_configs\":[{\"name\":\"osm-certificate\"," PATH_SECRET "}],"
    "\"validation_context_sds_secret_config\":{\"name\":\"osm-bundle\"," PATH_SECRET "}}}},"
    "\"filters\":[{\"name\":\"hcm\",\"typed_config\":{\"@type\":\"type.googleapis.com/"
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\",\"stat_prefix\":\"x\","
    "\"http_filters\":[{\"name\":\"router\",\"typed_config\":{\"@type\":"
    "\"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\"}}],"
    "\"route_config\":{\"virtual_hosts\":[{\"name\":\"a\",\"domains\":[\"*\"],\"routes\":[{\"match\":"
    "{\"prefix\":\"/\"},\"direct_response\":{\"status\":200,\"body\":{\"inline_string\":\"hello\"}}}]}]}}}]}]}";

/* Gives the Envoy that the agent is about to start an mTLS listener with the pod's own secrets. */
static void add_listener(struct world *w)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    const char *path = str_fmt(a, "%s/sidecar/bootstrap.json", w->dir).p;
    WAIT_FOR(access(path, F_OK) == 0);
    json_t *j = json_load_file(path, 0, NULL);
    const char *text = str_fmt(a, listener, w->dir, "sds-certificate.json", w->dir, "sds-bundle.json").p;
    json_t *l = json_loads(text, 0, NULL);
    assert_non_null(l);
    json_object_set_new(json_object_get(j, "static_resources"), "listeners", json_pack("[o]", l));
    char *out = json_dumps(j, 0);
    assert_true(file_write_atomic(path, str_of(out), 0600, &err));
    free(out);
    json_decref(j);
}

struct traffic {
    struct event_base *base;
    struct http_client *http;
    struct http_call_options o[2]; /* over a kept connection, and over a fresh one each time */
    int done[2];
    bool is_over;
    char error[ERR_TEXT + 64];
};

static void next_request(struct traffic *t, int which);

static void request_done(struct traffic *t, int which, const struct http_answer *answer)
{
    if (!answer->ok || answer->status != 200)
        snprintf(t->error, sizeof t->error, "request %d: %d %s", t->done[0] + t->done[1], answer->status,
                 answer->err.text);
    t->done[which]++;
    if (t->is_over || *t->error)
        event_base_loopbreak(t->base);
    else
        next_request(t, which);
}

static void kept_done(void *arg, const struct http_answer *answer) { request_done(arg, 0, answer); }
static void fresh_done(void *arg, const struct http_answer *answer) { request_done(arg, 1, answer); }
static void next_request(struct traffic *t, int which)
{
    http_call_start(t->http, &t->o[which], which ? fresh_done : kept_done, t);
}

static void look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct traffic *t = arg;
    t->is_over =
        body_has("http://127.0.0.1:15000/stats?filter=sds.osm-certificate.update_success", "update_success: 4");
}

static void issued(void *arg, const struct str *chain, const struct err *err)
{
    if (!chain) fail_msg("%s", err->text);
    buf_str(arg, *chain);
}

/* Three renewals under requests without a pause; not one may fail. */
static void certificates_are_renewed_in_use(void **state)
{
    struct world *w = *state;
    struct buf chain SCOPED_BUF = {0}, pem SCOPED_BUF = {0};
    struct err err = {0};
    start_agent(w, "ca", "0s");
    add_listener(w);
    controller_start(&w->controller, w->dir, 6);
    WAIT_FOR(is_ready());
    pid_t first = envoy_pid(w);

    EVP_PKEY *key = key_new(&err);
    assert_true(key_to_pem(key, &pem, &err));
    struct issue_request r = {.key = key,
                              .uri = S("spiffe://cluster.local/ns/ns1/sa/other"),
                              .dns = S("other.ns1.cluster.local"),
                              .now = clock_unix_s(),
                              .validity = 3600};
    issuer_sign(w->controller.ca, &r, issued, &chain);
    EVP_PKEY_free(key);
    struct traffic t = {.base = loop_base_new(&err)};
    struct http_call_options o = {.url = "https://client.ns1.cluster.local:16000/",
                                  .connect_to = "127.0.0.1:16000",
                                  .roots = issuer_roots(w->controller.ca),
                                  .chain = buf_view(&chain),
                                  .key = buf_view(&pem)};
    t.http = http_client_new(t.base, &err);
    t.o[0] = t.o[1] = o;
    t.o[1].no_reuse = true;
    struct event *tick = event_new(t.base, -1, EV_PERSIST, look, &t);
    event_add(tick, &(struct timeval){.tv_usec = 250000});
    next_request(&t, 0);
    next_request(&t, 1);
    event_base_dispatch(t.base);
    event_free(tick);
    http_client_free(t.http);
    event_base_free(t.base);

    assert_string_equal(t.error, "");
    assert_true(t.is_over && t.done[0] > 50 && t.done[1] > 50);
    assert_true(ads_streams == 1);
    assert_int_equal(envoy_pid(w), first);
}

static void envoy_comes_back_when_it_dies(void **state)
{
    struct world *w = *state;
    controller_start(&w->controller, w->dir, 3600);
    start_agent(w, "ca", "0s");
    WAIT_FOR(is_ready());
    for (int i = 0; i < 2; i++) {
        pid_t was = envoy_pid(w);
        kill(was, SIGKILL);
        WAIT_FOR(envoy_pid(w) != was && envoy_pid(w) > 0 && is_ready());
    }
    assert_int_equal(post("http://127.0.0.1:15000/quitquitquit"), 200);
    assert_int_equal(exit_code(w), 0);
}

static void a_token_of_another_mesh_gets_nothing(void **state)
{
    struct world *w = *state;
    controller_start(&w->controller, w->dir, 3600);
    write_token(w, "other-tokens");
    start_agent(w, "ca", "0s");
    WAIT_FOR(body_has("http://127.0.0.1:15904/ready", "401: the token is not known"));
    assert_false(file_has(w, "sidecar/sds-certificate.json", "osm"));
    assert_int_equal(envoy_pid(w), 0);
}

static void a_controller_of_another_root_is_refused(void **state)
{
    struct world *w = *state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    controller_start(&w->controller, w->dir, 3600);
    issuer_free(ca_open(str_fmt(a, "%s/ca2", w->dir).p, clock_unix_s(), &err));
    start_agent(w, "ca2", "0s");
    WAIT_FOR(body_has("http://127.0.0.1:15904/ready", "certificate"));
    WAIT_FOR(body_has("http://127.0.0.1:15904/ready", "SSL"));
    assert_false(file_has(w, "sidecar/sds-certificate.json", "osm"));
}

/* A workload of the same mesh cannot play the controller: the certificate must have the controller's own name. */
static void a_workload_in_the_controllers_place_is_refused(void **state)
{
    struct world *w = *state;
    struct buf chain SCOPED_BUF = {0}, pem SCOPED_BUF = {0};
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct issuer *ca = ca_open(str_fmt(a, "%s/ca", w->dir).p, clock_unix_s(), &err);
    EVP_PKEY *key = key_new(&err);
    assert_true(key_to_pem(key, &pem, &err));
    struct issue_request r = {.key = key,
                              .uri = S("spiffe://cluster.local/ns/ns1/sa/evil"),
                              .dns = S("evil.ns1.cluster.local"),
                              .now = clock_unix_s(),
                              .validity = 3600};
    issuer_sign(ca, &r, issued, &chain);
    EVP_PKEY_free(key);
    w->controller.ca = ca;
    w->controller.fixed_chain = buf_view(&chain);
    w->controller.fixed_key = buf_view(&pem);
    controller_start(&w->controller, w->dir, 3600);
    start_agent(w, "ca", "0s");
    WAIT_FOR(body_has("http://127.0.0.1:15904/ready", "no alternative certificate subject name matches"));
    assert_false(file_has(w, "sidecar/sds-certificate.json", "osm"));
    controller_stop(&w->controller);
}

static bool is_alive(pid_t pid) { return kill(pid, 0) == 0; }

/* Nobody would renew its certificate. */
static void envoy_ends_with_its_agent(void **state)
{
    struct world *w = *state;
    controller_start(&w->controller, w->dir, 3600);
    start_agent(w, "ca", "0s");
    WAIT_FOR(is_ready());
    pid_t envoy = envoy_pid(w);
    kill(w->agent, SIGKILL);
    waitpid(w->agent, NULL, 0);
    WAIT_FOR(!is_alive(envoy));
    start_agent(w, "ca", "0s"); /* the container starts again in the same directory */
    WAIT_FOR(is_ready());
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "agent")) return agent_run(argc - 1, argv + 1);
    own_network();
    own_resolver();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_pod_becomes_ready_and_says_goodbye, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_without_policy_is_logged_with_its_names, setup, teardown),
        cmocka_unit_test_setup_teardown(certificates_are_renewed_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(envoy_comes_back_when_it_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_of_another_mesh_gets_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_controller_of_another_root_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_workload_in_the_controllers_place_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(envoy_ends_with_its_agent, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
