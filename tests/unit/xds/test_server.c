/* Who may connect, what is refused how, and what becomes of connections. */
#include "net/h2.h"
#include "world.h"

static struct world *w;

static void begin(struct xds_options o) { w = world_new(o); }
static int end(void **state)
{
    (void)state;
    if (w) world_free(w);
    w = NULL;
    return 0;
}
static struct ads *connected(const struct pki_leaf *leaf) { return ads_new(w->port, &w->pki, leaf); }

/* The status of a stream that is refused. */
static int refusal(struct ads *c)
{
    int status = ads_wait_end(c);
    ads_free(c);
    return status;
}

static void before_the_first_revision_it_is_unavailable(void **state)
{
    (void)state;
    begin((struct xds_options){0});
    struct ads *c = connected(&w->alice);
    first(c, XDS_CLUSTER);
    assert_int_equal(refusal(c), 14);
}
static void identity_comes_from_the_certificate_alone(void **state)
{
    (void)state;
    begin((struct xds_options){0});
    usual(w);
    struct ads *c = connected(NULL);
    first(c, XDS_CLUSTER);
    assert_int_equal(refusal(c), 16);
    c = connected(&w->bob);
    first(c, XDS_CLUSTER);
    assert_int_equal(refusal(c), 7);
    struct pki_leaf nobody = pki_issue(&w->pki, "DNS:osm-controller.osm-system.svc", clock_unix_s() + 100);
    c = connected(&nobody);
    first(c, XDS_CLUSTER);
    assert_int_equal(refusal(c), 7);
    struct pki_leaf two = pki_issue(&w->pki, "URI:" TD "a/sa/alice,URI:" TD "b/sa/bob", clock_unix_s() + 100);
    c = connected(&two);
    first(c, XDS_CLUSTER);
    assert_int_equal(refusal(c), 7);
    /* Alice's certificate, then another node's name. */
    c = synced(w);
    ads_send(c, &(struct ads_request){.node = "pod-b", .type = XDS_CLUSTER});
    assert_int_equal(refusal(c), 7);
    /* Not from our authority, or ended: not even a connection. */
    struct pki foreign = pki_new();
    struct pki_leaf strange = pki_issue(&foreign, "URI:" TD "a/sa/alice", clock_unix_s() + 100);
    c = connected(&strange);
    first(c, XDS_CLUSTER);
    assert_int_equal(refusal(c), -1);
    pki_free(&foreign);
    struct pki_leaf ended = pki_issue(&w->pki, "URI:" TD "a/sa/alice", clock_unix_s() - 10);
    c = connected(&ended);
    first(c, XDS_CLUSTER);
    assert_int_equal(refusal(c), -1);
}
static void an_unknown_node_waits_a_little(void **state)
{
    (void)state;
    begin((struct xds_options){.threads = 1});
    usual(w);
    struct ads *c = connected(&w->bob);
    ads_send(c, &(struct ads_request){.node = "pod-b", .type = XDS_CLUSTER});
    ads_send(c, &(struct ads_request){.type = XDS_LISTENER});
    assert_true(ads_is_silent(c));
    node(w, "pod-b", TD "b/sa/bob", "w");
    publish(w); /* its view is not there yet */
    assert_true(ads_is_silent(c));
    view(w, "w", "p");
    publish(w);
    expect_ack(c, "CDS +c1");
    expect_ack(c, "LDS +l1");
    ads_free(c);
    c = connected(&w->bob);
    ads_send(c, &(struct ads_request){.node = "pod-c", .type = XDS_CLUSTER});
    int64_t from = clock_mono_ns();
    assert_int_equal(refusal(c), 7);
    assert_true(clock_mono_ns() - from < 4000000000);
}
static void a_pod_that_goes_or_changes_loses_its_stream(void **state)
{
    (void)state;
    begin((struct xds_options){0});
    usual(w);
    struct ads *c = synced(w);
    node(w, "pod-a", TD "b/sa/bob", "v");
    publish(w);
    assert_int_equal(refusal(c), 7);
    node(w, "pod-a", TD "a/sa/alice", "v");
    publish(w);
    c = synced(w);
    list_push(w->a, &w->next.nodes, ((struct xds_node_change){.node_id = S("pod-a"), .removed = true}));
    publish(w);
    assert_int_equal(refusal(c), 14);
}
static void what_is_malformed_is_said(void **state)
{
    (void)state;
    begin((struct xds_options){0});
    usual(w);
    struct ads *c = connected(&w->alice);
    ads_send(c, &(struct ads_request){.type = XDS_CLUSTER});
    assert_int_equal(refusal(c), 3); /* no node */
    c = connected(&w->alice);
    ads_send_raw(c, S("\x0a\xff\xff\x01garbage"), 0);
    ads_send_raw(c, S("\x0b\x0c"), 0);
    assert_int_equal(refusal(c), 3);
    c = connected(&w->alice);
    ads_send_raw(c, S(""), 0);
    assert_int_equal(refusal(c), 3);
    c = connected(&w->alice);
    ads_send_raw(c, S("x"), 1); /* compressed */
    assert_int_equal(refusal(c), 12);
    c = ads_connect(w->port, &w->pki, &w->alice, false);
    ads_open(c, "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources", "gzip");
    assert_int_equal(refusal(c), 12);
    c = ads_connect(w->port, &w->pki, &w->alice, false);
    ads_open(c, "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources", "identity");
    assert_int_equal(refusal(c), 12);
    c = synced(w); /* an unknown type is no reason to end */
    ads_send_raw(c, S("\x12\x07unknown\x1a\x01x"), 0);
    assert_true(ads_is_silent(c));
    ads_free(c);
}
static void messages_may_be_cut_and_joined_anyhow(void **state)
{
    (void)state;
    begin((struct xds_options){0});
    usual(w);
    struct ads *c = connected(&w->alice);
    struct buf one = {0}, two = {0}, both = {0};
    ads_encode(&one, &(struct ads_request){.node = "pod-a", .type = XDS_CLUSTER, .ballast = 100});
    ads_encode(&two, &(struct ads_request){.type = XDS_ENDPOINT, .subscribe = {"c1"}});
    buf_add(&both, "\0\0\0\0", 4), buf_char(&both, (char)one.n), buf_str(&both, buf_view(&one));
    buf_add(&both, "\0\0\0\0", 4), buf_char(&both, (char)two.n), buf_str(&both, buf_view(&two));
    assert_true(one.n < 256 && two.n < 256);
    size_t cut = both.n - 100;
    for (size_t i = 0; i < cut; i++) { /* a frame for each byte */
        buf_add(&c->out, both.p + i, 1);
        if (c->is_deferred) nghttp2_session_resume_data(c->ng, c->stream);
        ads_flush(c);
    }
    buf_add(&c->out, both.p + cut, both.n - cut);
    nghttp2_session_resume_data(c->ng, c->stream);
    expect_ack(c, "CDS +c1");
    expect_ack(c, "EDS +c1");
    buf_free(&one), buf_free(&two), buf_free(&both);
    ads_free(c);
}
static void as_many_proxies_as_allowed(void **state)
{
    (void)state;
    begin((struct xds_options){.max_streams = 1});
    usual(w);
    struct ads *c = synced(w), *d = connected(&w->alice);
    first(d, XDS_CLUSTER);
    assert_int_equal(refusal(d), 8);
    xds_server_set_max_streams(w->server, 2);
    d = synced(w);
    ads_free(c);
    ads_free(d);
}

/* ---- time ---- */
static void listeners_do_not_wait_for_ever(void **state)
{
    (void)state;
    begin((struct xds_options){.warm_wait_ns = 150000000});
    usual(w);
    struct ads *c = synced(w);
    put(w, "p", XDS_CLUSTER, "c2", "2", NULL);
    put(w, "p", XDS_LISTENER, "l2", "l", "c2");
    int64_t from = clock_mono_ns();
    publish(w);
    expect(c, "CDS +c2"); /* never acknowledged */
    expect_ack(c, "LDS +l2");
    assert_true(clock_mono_ns() - from >= 150000000);
    ads_free(c);
}
static void clusters_stay_while_listeners_drain(void **state)
{
    (void)state;
    begin((struct xds_options){.drain_ns = 200000000});
    usual(w);
    struct ads *c = synced(w);
    drop(w, "p", XDS_CLUSTER, "c1");
    drop(w, "p", XDS_LISTENER, "l1");
    put(w, "p", XDS_ROUTE, "r1", "nowhere", NULL);
    publish(w);
    expect_ack(c, "LDS -l1");
    int64_t from = clock_mono_ns();
    expect_ack(c, "RDS +r1");
    ads_sync(c);
    struct status_copy st = status_of(w);
    assert_int_equal(st.st.accepted, 1); /* what matters is done */
    arena_free(st.a);
    expect_ack(c, "CDS -c1");
    assert_true(clock_mono_ns() - from >= 190000000);
    ads_free(c);
}
static void an_old_connection_is_sent_away(void **state)
{
    (void)state;
    begin((struct xds_options){.max_age_ns = 1500000000});
    usual(w);
    struct ads *c = synced(w);
    assert_int_equal(ads_wait_end(c), 14);
    assert_true(c->has_goaway);
    ads_free(c);
}
static void who_is_there_is_moved_away_and_who_comes_is_served(void **state)
{
    (void)state;
    begin((struct xds_options){0});
    usual(w);
    struct ads *c = synced(w);
    xds_server_drain(w->server, INT64_C(200000000));
    assert_int_equal(ads_wait_end(c), 14);
    assert_true(c->has_goaway);
    ads_free(c);
    c = synced(w);
    put(w, "p", XDS_CLUSTER, "c1", "new", NULL);
    publish(w);
    expect_ack(c, "CDS +c1");
    ads_free(c);
}
static void a_connection_ends_with_its_certificate(void **state)
{
    (void)state;
    begin((struct xds_options){0});
    usual(w);
    w->alice = pki_issue(&w->pki, "URI:" TD "a/sa/alice", clock_unix_s() + 2);
    struct ads *c = synced(w);
    assert_int_equal(ads_wait_end(c), 14);
    assert_non_null(strstr(c->message, "certificate"));
    ads_free(c);
}
static bool is_alone(size_t streams)
{
    struct status_copy st = status_of(w);
    bool ok = st.st.streams == streams;
    arena_free(st.a);
    return ok;
}
static void wait_for_streams(size_t n)
{
    int64_t until = clock_mono_ns() + 10000000000;
    while (!is_alone(n)) {
        assert_true(clock_mono_ns() < until);
        usleep(5000);
    }
}
static void who_does_not_read_or_answer_is_cut_and_costs_one_change_set(void **state)
{
    (void)state;
    begin((struct xds_options){.keepalive_ns = 100000000, .idle_close_ns = 300000000});
    usual(w);
    struct ads *c = synced(w);
    char *big = malloc(1000001);
    memset(big, 'x', 1000000);
    big[1000000] = '\0';
    for (int i = 0; i < 30; i++) { /* more than socket buffers take, were it all queued */
        big[0] = (char)('a' + i);
        put(w, "p", XDS_ENDPOINT, "c1", big, NULL);
        publish(w);
    }
    free(big);
    wait_for_streams(0);
    while (ads_read(c, 0)) {}
    assert_true(c->received < 1500000);
    ads_free(c);
}
static void who_asks_for_nothing_is_sent_away(void **state)
{
    (void)state;
    begin((struct xds_options){.request_wait_ns = 1000000000});
    usual(w);
    struct ads *silent = connected(&w->alice), *other = connected(&w->alice);
    first(other, XDS_CLUSTER);
    expect_ack(other, "CDS +c1");
    assert_int_equal(refusal(silent), 3);
    assert_true(ads_is_silent(other));
    ads_free(other);
}
static void unfinished_handshakes_keep_nobody_out(void **state)
{
    (void)state;
    begin((struct xds_options){0});
    usual(w);
    enum { N = 300 };
    int half[N];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(w->port)};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    for (int i = 0; i < N; i++) {
        half[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(half[i], (struct sockaddr *)&to, sizeof to), 0);
        assert_int_equal(write(half[i], "\x16\x03\x01", 3), 3);
    }
    struct ads *c = synced(w);
    for (int i = 0; i < N; i++) close(half[i]);
    ads_free(c);
}
static void who_answers_ping_stays(void **state)
{
    (void)state;
    begin((struct xds_options){.keepalive_ns = 200000000, .idle_close_ns = 1200000000});
    usual(w);
    struct ads *c = synced(w);
    int64_t until = clock_mono_ns() + 2500000000;
    while (clock_mono_ns() < until) ads_read(c, 50);
    assert_true(is_alone(1));
    put(w, "p", XDS_ENDPOINT, "c1", "more", NULL);
    publish(w);
    expect_ack(c, "EDS +c1");
    ads_free(c);
}
static void a_small_window_is_respected(void **state)
{
    (void)state;
    begin((struct xds_options){0});
    usual(w);
    char *big = malloc(300001);
    memset(big, 'x', 300000);
    big[300000] = '\0';
    put(w, "p", XDS_CLUSTER, "c1", big, NULL);
    free(big);
    publish(w);
    struct ads *c = ads_connect(w->port, &w->pki, &w->alice, true);
    ads_open(c, "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources", "identity");
    first(c, XDS_CLUSTER);
    struct ads_response *r = expect(c, "CDS +c1");
    assert_int_equal(r->resources[0].bytes.n, 300000);
    ads_free(c);
}
static void many_come_at_once(void **state)
{
    (void)state;
    begin((struct xds_options){0});
    usual(w);
    enum { N = 100 };
    struct ads *c[N];
    for (int i = 0; i < N; i++) {
        c[i] = connected(&w->alice);
        first(c[i], XDS_CLUSTER);
    }
    for (int i = 0; i < N; i++) expect_ack(c[i], "CDS +c1");
    put(w, "p", XDS_CLUSTER, "c1", "again", NULL);
    publish(w);
    for (int i = 0; i < N; i++) expect_ack(c[i], "CDS +c1");
    wait_for_streams(N);
    for (int i = 0; i < N; i++) ads_free(c[i]);
    wait_for_streams(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(before_the_first_revision_it_is_unavailable, end),
        cmocka_unit_test_teardown(identity_comes_from_the_certificate_alone, end),
        cmocka_unit_test_teardown(an_unknown_node_waits_a_little, end),
        cmocka_unit_test_teardown(a_pod_that_goes_or_changes_loses_its_stream, end),
        cmocka_unit_test_teardown(what_is_malformed_is_said, end),
        cmocka_unit_test_teardown(messages_may_be_cut_and_joined_anyhow, end),
        cmocka_unit_test_teardown(as_many_proxies_as_allowed, end),
        cmocka_unit_test_teardown(listeners_do_not_wait_for_ever, end),
        cmocka_unit_test_teardown(clusters_stay_while_listeners_drain, end),
        cmocka_unit_test_teardown(an_old_connection_is_sent_away, end),
        cmocka_unit_test_teardown(who_is_there_is_moved_away_and_who_comes_is_served, end),
        cmocka_unit_test_teardown(a_connection_ends_with_its_certificate, end),
        cmocka_unit_test_teardown(who_does_not_read_or_answer_is_cut_and_costs_one_change_set, end),
        cmocka_unit_test_teardown(who_asks_for_nothing_is_sent_away, end),
        cmocka_unit_test_teardown(unfinished_handshakes_keep_nobody_out, end),
        cmocka_unit_test_teardown(who_answers_ping_stays, end),
        cmocka_unit_test_teardown(a_small_window_is_respected, end),
        cmocka_unit_test_teardown(many_come_at_once, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
