/* The real Envoy against the server: mTLS, delta ADS, an update, a refusal, a reconnect. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/file.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/listen.h"
#include "world.h"
#include "xds/internal.h"

struct lab {
    struct world *w;
    char dir[64], admin[96];
    pid_t envoy;
    struct http_server *one, *two;
    struct http_client *client;
    uint16_t port; /* Envoy's listener */
    bool is_done;
    char body[128];
    int status;
};

/* ---- resources, by hand ---- */
static struct buf m(void) { return (struct buf){0}; }
static void add_message(struct buf *to, unsigned field, struct buf part)
{
    pb_bytes(to, field, buf_view(&part));
    buf_free(&part);
}
static void add_number(struct buf *to, unsigned field, uint64_t v)
{
    pb_varint(to, field << 3);
    pb_varint(to, v);
}
static struct buf ads_source(void)
{
    struct buf b = m();
    add_message(&b, 3, m());
    add_number(&b, 6, 2);
    return b;
}
static struct buf address(uint16_t port)
{
    struct buf socket = m(), b = m();
    pb_text(&socket, 2, "127.0.0.1");
    add_number(&socket, 3, port);
    add_message(&b, 1, socket);
    return b;
}
static struct buf any(const char *type, struct buf value)
{
    struct buf b = m();
    pb_text(&b, 1, type);
    add_message(&b, 2, value);
    return b;
}
static struct buf filter(const char *name, struct buf config)
{
    struct buf b = m();
    pb_text(&b, 1, name);
    add_message(&b, 4, config);
    return b;
}
static void give(struct lab *l, enum xds_type type, const char *name, struct buf b, const char *cluster)
{
    struct str c = str_of(cluster);
    struct xds_resource *r =
        xds_resource_new(type, str_of(name), buf_view(&b), S("Service a/lab"), (struct strs){&c, c.n ? 1 : 0});
    list_push(l->w->a, &l->w->next.slots, ((struct xds_slot_change){S("p"), r, type, own_str(l->w, name)}));
    buf_free(&b);
}
static void give_cluster(struct lab *l, int timeout)
{
    struct buf b = m(), eds = m(), time = m();
    add_message(&eds, 1, ads_source());
    add_number(&time, 1, (uint64_t)timeout);
    pb_text(&b, 1, "c1");
    add_number(&b, 2, 3);
    add_message(&b, 3, eds);
    add_message(&b, 4, time);
    give(l, XDS_CLUSTER, "c1", b, NULL);
}
static void give_endpoint(struct lab *l, uint16_t port)
{
    struct buf b = m(), endpoint = m(), lb = m(), locality = m();
    add_message(&endpoint, 1, address(port));
    add_message(&lb, 1, endpoint);
    add_message(&locality, 2, lb);
    pb_text(&b, 1, "c1");
    add_message(&b, 2, locality);
    give(l, XDS_ENDPOINT, "c1", b, NULL);
}
static void give_route(struct lab *l)
{
    struct buf b = m(), match = m(), action = m(), route = m(), host = m();
    pb_text(&match, 1, "/");
    pb_text(&action, 1, "c1");
    add_message(&route, 1, match);
    add_message(&route, 2, action);
    pb_text(&host, 1, "all");
    pb_text(&host, 2, "*");
    add_message(&host, 3, route);
    pb_text(&b, 1, "r1");
    add_message(&b, 2, host);
    give(l, XDS_ROUTE, "r1", b, "c1");
}
static struct buf connection_manager(const char *router_type)
{
    struct buf hcm = m(), rds = m();
    pb_text(&hcm, 2, "lab");
    add_message(&rds, 1, ads_source());
    pb_text(&rds, 2, "r1");
    add_message(&hcm, 3, rds);
    add_message(&hcm, 5, filter("envoy.filters.http.router", any(router_type, m())));
    return any("type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
               hcm);
}
static void give_listener(struct lab *l, const char *name, uint16_t port, const char *router_type)
{
    struct buf b = m(), chain = m();
    add_message(&chain, 3, filter("envoy.filters.network.http_connection_manager", connection_manager(router_type)));
    pb_text(&b, 1, name);
    add_message(&b, 2, address(port));
    add_message(&b, 3, chain);
    give(l, XDS_LISTENER, name, b, NULL);
}
#define ROUTER "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"

/* ---- the lab ---- */
static const char *envoy_path(void)
{
    static char path[512];
    const char *source = getenv("OSM_SOURCE");
    if (getenv("ENVOY")) return getenv("ENVOY");
    snprintf(path, sizeof path, "%s/.deps/envoy/envoy", source ? source : ".");
    return access(path, X_OK) == 0 ? path : NULL;
}
static void write_file(struct lab *l, const char *name, struct str text)
{
    struct err err = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/%s", l->dir, name);
    assert_true(file_write_atomic(path, text, 0600, &err));
}
static const char bootstrap[] =
    "{\"node\":{\"id\":\"pod-a\",\"cluster\":\"lab\"},"
    "\"admin\":{\"address\":{\"pipe\":{\"path\":\"%1$s/admin.sock\"}}},"
    "\"dynamic_resources\":{\"ads_config\":{\"api_type\":\"DELTA_GRPC\",\"transport_api_version\":\"V3\","
    "\"set_node_on_first_message_only\":true,\"grpc_services\":[{\"envoy_grpc\":{\"cluster_name\":\"ads\","
    "\"retry_policy\":{\"retry_back_off\":{\"base_interval\":\"0.1s\",\"max_interval\":\"0.3s\"}}}}]},"
    "\"lds_config\":{\"ads\":{},\"resource_api_version\":\"V3\",\"initial_fetch_timeout\":\"0s\"},"
    "\"cds_config\":{\"ads\":{},\"resource_api_version\":\"V3\",\"initial_fetch_timeout\":\"0s\"}},"
    "\"static_resources\":{\"clusters\":[{\"name\":\"ads\",\"type\":\"STATIC\",\"connect_timeout\":\"2s\","
    "\"load_assignment\":{\"cluster_name\":\"ads\",\"endpoints\":[{\"lb_endpoints\":[{\"endpoint\":{\"address\":"
    "{\"socket_address\":{\"address\":\"127.0.0.1\",\"port_value\":%2$u}}}}]}]},"
    "\"typed_extension_protocol_options\":{\"envoy.extensions.upstreams.http.v3.HttpProtocolOptions\":{\"@type\":"
    "\"type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\",\"explicit_http_config\":"
    "{\"http2_protocol_options\":{}}}},"
    "\"transport_socket\":{\"name\":\"envoy.transport_sockets.tls\",\"typed_config\":{\"@type\":"
    "\"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext\","
    "\"sni\":\"osm-controller.osm-system.svc\",\"common_tls_context\":{\"alpn_protocols\":[\"h2\"],"
    "\"tls_params\":{\"tls_minimum_protocol_version\":\"TLSv1_3\",\"tls_maximum_protocol_version\":\"TLSv1_3\"},"
    "\"tls_certificates\":[{\"certificate_chain\":{\"filename\":\"%1$s/chain.pem\"},"
    "\"private_key\":{\"filename\":\"%1$s/key.pem\"}}],"
    "\"validation_context\":{\"trusted_ca\":{\"filename\":\"%1$s/roots.pem\"},\"match_typed_subject_alt_names\":"
    "[{\"san_type\":\"DNS\",\"matcher\":{\"exact\":\"osm-controller.osm-system.svc\"}}]}}}}}]}}";

static void start_envoy(struct lab *l)
{
    char config[128], log[128];
    write_file(l, "chain.pem", l->w->alice.chain);
    write_file(l, "key.pem", l->w->alice.key);
    write_file(l, "roots.pem", l->w->pki.root_pem);
    write_file(l, "bootstrap.json", str_fmt(l->w->a, bootstrap, l->dir, (unsigned)l->w->port));
    snprintf(config, sizeof config, "%s/bootstrap.json", l->dir);
    snprintf(log, sizeof log, "%s/log", l->dir);
    l->envoy = fork();
    if (l->envoy) return;
    int fd = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    signal(SIGPIPE, SIG_DFL);
    execl(envoy_path(), "envoy", "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "info",
          (char *)NULL);
    _exit(127);
}
static void say(struct http_exchange *x) { http_reply(x, 200, "text/plain", str_of(x->arg)); }
static const struct http_route routes[] = {{"GET", "/*", say}, {"GET", "/", say}, {NULL, NULL, NULL}};

static uint16_t free_port(void)
{
    struct err err = {0};
    int fd = listen_tcp("127.0.0.1", 0, &err);
    uint16_t port = listen_port(fd);
    close(fd);
    return port;
}
static void publish_lab(struct lab *l)
{
    view(l->w, "v", "p");
    node(l->w, "pod-a", TD "a/sa/alice", "v");
    give_cluster(l, 1);
    give_endpoint(l, http_server_port(l->one));
    give_listener(l, "l1", l->port, ROUTER);
    give_route(l);
    publish(l->w);
}
static int setup(void **state)
{
    struct err err = {0};
    struct lab *l = calloc(1, sizeof *l);
    *state = l;
    l->w = world_new((struct xds_options){.threads = 2});
    snprintf(l->dir, sizeof l->dir, "/tmp/osm-xds-XXXXXX");
    assert_non_null(mkdtemp(l->dir));
    snprintf(l->admin, sizeof l->admin, "%s/admin.sock", l->dir);
    struct http_server_options o = {.address = "127.0.0.1", .routes = routes, .arg = "one"};
    l->one = http_server_new(l->w->base, &o, &err);
    o.arg = "two";
    l->two = http_server_new(l->w->base, &o, &err);
    l->client = http_client_new(l->w->base, &err);
    l->port = free_port();
    return 0;
}
static int teardown(void **state)
{
    struct lab *l = *state;
    struct err err = {0};
    if (l->envoy > 0) kill(l->envoy, SIGTERM);
    if (l->envoy > 0) waitpid(l->envoy, NULL, 0);
    http_client_free(l->client);
    http_server_free(l->one);
    http_server_free(l->two);
    if (!getenv("OSM_TEST_LOG")) assert_true(tree_remove(l->dir, &err));
    world_free(l->w);
    free(l);
    return 0;
}

/* ---- looking ---- */
static void on_done(void *arg, const struct http_answer *answer)
{
    struct lab *l = arg;
    l->is_done = true;
    l->status = answer->ok ? answer->status : 0;
    snprintf(l->body, sizeof l->body, "%.*s", STR_FMT(answer->body));
}
static bool body_is(struct lab *l, uint16_t port, const char *text)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    l->is_done = false;
    http_call_start(l->client, &(struct http_call_options){.url = url}, on_done, l);
    while (!l->is_done) event_base_loop(l->w->base, EVLOOP_ONCE);
    return l->status == 200 && strcmp(l->body, text) == 0;
}
static bool is_live(struct lab *l)
{
    l->is_done = false;
    struct http_call_options o = {.url = "http://envoy/ready", .unix_path = l->admin};
    http_call_start(l->client, &o, on_done, l);
    while (!l->is_done) event_base_loop(l->w->base, EVLOOP_ONCE);
    return l->status == 200;
}
static bool has_accepted(struct lab *l, size_t refusals)
{
    struct status_copy st = status_of(l->w);
    bool ok = st.st.accepted == 1 && st.st.refusals.n == refusals;
    arena_free(st.a);
    return ok;
}
#define WAIT_FOR(what)                                                                                                 \
    do {                                                                                                               \
        int64_t end_ = clock_mono_ns() + 20000000000;                                                                  \
        while (!(what)) {                                                                                              \
            assert_true(clock_mono_ns() < end_);                                                                       \
            usleep(2000);                                                                                              \
        }                                                                                                              \
    } while (0)

static void envoy_becomes_live_updates_refuses_and_reconnects(void **state)
{
    struct lab *l = *state;
    if (!envoy_path()) skip();
    publish_lab(l);
    start_envoy(l);
    WAIT_FOR(has_accepted(l, 0));
    WAIT_FOR(is_live(l));
    WAIT_FOR(body_is(l, l->port, "one"));
    struct status_copy st = status_of(l->w);
    unsigned major, minor;
    assert_int_equal(sscanf(str_c(st.a, st.st.proxies.v[0].envoy), "%u.%u.", &major, &minor), 2);
    assert_true(major == 1 && minor >= 40);
    arena_free(st.a);

    give_endpoint(l, http_server_port(l->two));
    publish(l->w);
    WAIT_FOR(body_is(l, l->port, "two"));
    give_cluster(l, 2); /* a changed cluster keeps working: its endpoints follow unasked */
    publish(l->w);
    WAIT_FOR(has_accepted(l, 0));
    assert_true(body_is(l, l->port, "two"));

    uint16_t other = free_port();
    give_listener(l, "bad", free_port(), "type.googleapis.com/no.such.Type");
    give_listener(l, "good", other, ROUTER);
    publish(l->w);
    WAIT_FOR(has_accepted(l, 1));
    WAIT_FOR(body_is(l, other, "two"));
    st = status_of(l->w);
    assert_true(str_is(st.st.refusals.v[0].resource, "bad"));
    assert_non_null(memmem(st.st.refusals.v[0].text.p, st.st.refusals.v[0].text.n, "no.such.Type", 12));
    arena_free(st.a);

    /* A controller's restart: nothing is sent again. */
    uint16_t port = l->w->port;
    xds_server_free(l->w->server);
    assert_true(body_is(l, l->port, "two"));
    world_serve(l->w, (struct xds_options){.threads = 2, .port = port});
    double before = metric_value(&xds_resources_sent);
    publish_lab(l);
    give_cluster(l, 2);
    give_endpoint(l, http_server_port(l->two));
    give_listener(l, "good", other, ROUTER);
    publish(l->w);
    WAIT_FOR(has_accepted(l, 0));
    assert_true(metric_value(&xds_resources_sent) == before);
    assert_true(body_is(l, l->port, "two"));

    drop(l->w, "p", XDS_LISTENER, "good");
    publish(l->w);
    WAIT_FOR(!body_is(l, other, "two"));
    assert_true(body_is(l, l->port, "two"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(envoy_becomes_live_updates_refuses_and_reconnects, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
