/* The delta protocol: the scenarios of the conformance list, over real connections. */
#include "world.h"

static int setup(void **state)
{
    *state = world_new((struct xds_options){0});
    return 0;
}
static int setup_one_thread(void **state)
{
    *state = world_new((struct xds_options){.threads = 1});
    return 0;
}
static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static void an_empty_wildcard_is_answered(void **state)
{
    struct world *w = *state;
    view(w, "v", "p");
    node(w, "pod-a", TD "a/sa/alice", "v");
    publish(w);
    struct ads *c = ads_new(w->port, &w->pki, &w->alice);
    first(c, XDS_CLUSTER);
    expect_ack(c, "CDS");
    first(c, XDS_LISTENER);
    expect_ack(c, "LDS");
    assert_true(ads_is_silent(c));
    ads_free(c);
}
static void everything_comes_in_order_and_bytes_are_intact(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = ads_new(w->port, &w->pki, &w->alice);
    ads_send(c, &(struct ads_request){.node = "pod-a", .type = XDS_CLUSTER, .ballast = 60000});
    struct ads_response *r = expect(c, "CDS +c1");
    assert_true(str_is(r->resources[0].bytes, "cluster one"));
    char hex[33];
    hash128_hex(hash128_of("cluster one", 11), hex);
    assert_true(str_is(r->resources[0].version, hex));
    ads_free(c);
}
static void an_unknown_name_is_removed_at_once_and_sent_when_it_comes(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    ask(c, XDS_ENDPOINT, "later");
    expect_ack(c, "EDS -later");
    put(w, "p", XDS_ENDPOINT, "later", "x", NULL);
    publish(w);
    expect_ack(c, "EDS +later");
    drop(w, "p", XDS_ENDPOINT, "later");
    publish(w);
    expect_ack(c, "EDS -later");
    put(w, "p", XDS_ENDPOINT, "later", "y", NULL);
    publish(w);
    expect_ack(c, "EDS +later");
    assert_true(ads_is_silent(c));
    ads_free(c);
}
static void asking_again_is_answered_again_even_with_a_response_in_flight(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    ask(c, XDS_ENDPOINT, "c1");
    struct ads_response *r = expect(c, "EDS +c1");
    ask(c, XDS_ENDPOINT, "c1");
    assert_true(ads_is_silent(c)); /* one unacknowledged response at most */
    ads_ack(c, r);
    expect_ack(c, "EDS +c1");
    assert_true(ads_is_silent(c));
    ads_free(c);
}
static void after_unsubscribing_nothing_comes(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    ads_send(c, &(struct ads_request){.type = XDS_ENDPOINT, .unsubscribe = {"c1"}});
    assert_true(ads_is_silent(c));
    put(w, "p", XDS_ENDPOINT, "c1", "changed", NULL);
    publish(w);
    assert_true(ads_is_silent(c));
    ads_free(c);
}
static void a_name_beside_the_wildcard_is_answered_when_it_goes(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    ask(c, XDS_CLUSTER, "c1");
    expect_ack(c, "CDS +c1");
    expect_ack(c, "EDS +c1");
    ads_send(c, &(struct ads_request){.type = XDS_CLUSTER, .unsubscribe = {"c1"}});
    expect_ack(c, "CDS +c1");
    expect_ack(c, "EDS +c1");
    ask(c, XDS_CLUSTER, "none");
    expect_ack(c, "CDS -none");
    ads_send(c, &(struct ads_request){.type = XDS_CLUSTER, .unsubscribe = {"none"}});
    expect_ack(c, "CDS -none");
    ads_send(c, &(struct ads_request){.type = XDS_CLUSTER, .unsubscribe = {"*"}});
    assert_true(ads_is_silent(c));
    put(w, "p", XDS_CLUSTER, "c1", "changed", NULL);
    publish(w);
    assert_true(ads_is_silent(c));
    ads_free(c);
}

/* ---- reconnecting ---- */
static struct ads_resource held(struct world *w, const char *name, const char *bytes)
{
    char hex[33];
    hash128_hex(hash128_of(bytes, strlen(bytes)), hex);
    return (struct ads_resource){own_str(w, name), own_str(w, hex), STR_NULL};
}
static void reconnect(struct world *w, struct ads *c)
{
    ads_send(c, &(struct ads_request){
                    .node = "pod-a", .type = XDS_CLUSTER, .held = {held(w, "c1", "cluster one")}, .n_held = 1});
    ads_send(c, &(struct ads_request){
                    .type = XDS_ENDPOINT, .subscribe = {"c1"}, .held = {held(w, "c1", "endpoints one")}, .n_held = 1});
    ads_send(c, &(struct ads_request){.type = XDS_LISTENER, .held = {held(w, "l1", "listener one")}, .n_held = 1});
    ads_send(c, &(struct ads_request){
                    .type = XDS_ROUTE, .subscribe = {"r1"}, .held = {held(w, "r1", "route one")}, .n_held = 1});
}
static void reconnecting_costs_nothing(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = ads_new(w->port, &w->pki, &w->alice);
    reconnect(w, c);
    expect_ack(c, "CDS");
    expect_ack(c, "LDS");
    assert_true(ads_is_silent(c));
    struct status_copy st = status_of(w);
    assert_int_equal(st.st.accepted, 1);
    assert_int_equal(st.st.proxies.v[0].resources, 4);
    arena_free(st.a);
    /* Also after a restart: another server with the same input. */
    ads_free(c);
    xds_server_free(w->server);
    world_serve(w, (struct xds_options){.threads = 1});
    usual(w);
    c = ads_new(w->port, &w->pki, &w->alice);
    reconnect(w, c);
    expect_ack(c, "CDS");
    expect_ack(c, "LDS");
    assert_true(ads_is_silent(c));
    ads_free(c);
}
static void reconnecting_gets_exactly_what_is_stale_gone_or_new(void **state)
{
    struct world *w = *state;
    usual(w);
    put(w, "p", XDS_CLUSTER, "new", "n", NULL);
    put(w, "p", XDS_CLUSTER, "stale", "s2", NULL);
    put(w, "p", XDS_ENDPOINT, "stale", "e", NULL);
    publish(w);
    struct ads *c = ads_new(w->port, &w->pki, &w->alice);
    ads_send(
        c, &(struct ads_request){.node = "pod-a",
                                 .type = XDS_CLUSTER,
                                 .n_held = 3,
                                 .held = {held(w, "c1", "cluster one"), held(w, "stale", "s1"), held(w, "gone", "g")}});
    struct ads_response *r = expect(c, "CDS +new +stale -gone");
    expect_ack(c, "EDS +stale"); /* unasked: Envoy will not ask again for a cluster that it has */
    ads_ack(c, r);
    assert_true(ads_is_silent(c));
    ads_free(c);
}

/* ---- refusals ---- */
static void a_refused_update_is_not_offered_again_until_it_changes(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    put(w, "p", XDS_LISTENER, "l1", "bad", NULL);
    publish(w);
    ads_answer(c, expect(c, "LDS +l1"), "Error adding/updating listener(s) l1: so bad");
    assert_true(ads_is_silent(c));
    struct status_copy st = status_of(w);
    assert_int_equal(st.st.refusals.n, 1);
    assert_true(str_is(st.st.refusals.v[0].resource, "l1"));
    assert_true(str_is(st.st.refusals.v[0].origin, "Service a/origin"));
    assert_true(str_is(st.st.refusals.v[0].node, "pod-a"));
    assert_non_null(strstr(st.st.refusals.v[0].text.p, "so bad"));
    assert_int_equal(st.st.accepted, 1);
    arena_free(st.a);
    /* Other types flow, a second proxy and a reconnect do not get it. */
    put(w, "p", XDS_ENDPOINT, "c1", "more", NULL);
    publish(w);
    expect_ack(c, "EDS +c1");
    for (int i = 0; i < 3; i++) { /* whatever thread it lands on */
        struct ads *d = ads_new(w->port, &w->pki, &w->alice);
        first(d, XDS_LISTENER);
        expect_ack(d, "LDS");
        ads_free(d);
    }
    put(w, "p", XDS_LISTENER, "l1", "good", NULL);
    publish(w);
    expect_ack(c, "LDS +l1");
    ads_free(c);
}
static void the_good_neighbours_of_a_refused_one_are_sent_again_alone(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    put(w, "p", XDS_CLUSTER, "g1", "1", NULL);
    put(w, "p", XDS_CLUSTER, "b2", "2", NULL);
    put(w, "p", XDS_CLUSTER, "g3", "3", NULL);
    publish(w);
    ads_answer(c, expect(c, "CDS +g1 +b2 +g3"), "Error adding/updating cluster(s) b2: no");
    expect_ack(c, "CDS +g1 +g3");
    assert_true(ads_is_silent(c));
    ads_free(c);
}
static void a_refusal_without_names_is_searched_by_halves(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    put(w, "p", XDS_CLUSTER, "a", "1", NULL);
    put(w, "p", XDS_CLUSTER, "b", "2", NULL);
    put(w, "p", XDS_CLUSTER, "c", "3", NULL);
    put(w, "p", XDS_CLUSTER, "d", "4", NULL);
    publish(w);
    ads_answer(c, expect(c, "CDS +a +b +c +d"), "Unable to unpack");
    ads_answer(c, expect(c, "CDS +a +b"), "Unable to unpack");
    ads_answer(c, expect(c, "CDS +a"), "Unable to unpack");
    expect_ack(c, "CDS +b");
    expect_ack(c, "CDS +c +d");
    assert_true(ads_is_silent(c));
    struct status_copy st = status_of(w);
    assert_int_equal(st.st.refusals.n, 1);
    assert_true(str_is(st.st.refusals.v[0].resource, "a"));
    arena_free(st.a);
    put(w, "p", XDS_CLUSTER, "b", "2b", NULL);
    put(w, "p", XDS_CLUSTER, "d", "4b", NULL);
    publish(w);
    expect_ack(c, "CDS +b +d"); /* whole responses again */
    ads_free(c);
}

static size_t refusals(struct world *w)
{
    struct status_copy st = status_of(w);
    size_t n = st.st.refusals.n;
    arena_free(st.a);
    return n;
}
static void a_refused_response_with_removals_is_said_again_apart(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    put(w, "p", XDS_LISTENER, "l2", "good", NULL);
    drop(w, "p", XDS_LISTENER, "l1");
    publish(w);
    ads_answer(c, expect(c, "LDS +l2 -l1"), "duplicate name l2 found in the union of added+removed resources");
    expect_ack(c, "LDS -l1");
    expect_ack(c, "LDS +l2");
    assert_true(ads_is_silent(c));
    assert_int_equal(refusals(w), 0);
    put(w, "p", XDS_LISTENER, "l3", "bad", NULL);
    drop(w, "p", XDS_LISTENER, "l2");
    publish(w);
    ads_answer(c, expect(c, "LDS +l3 -l2"), "no");
    expect_ack(c, "LDS -l2");
    ads_answer(c, expect(c, "LDS +l3"), "no");
    assert_true(ads_is_silent(c));
    assert_int_equal(refusals(w), 1);
    put(w, "p", XDS_LISTENER, "l3", "mended", NULL);
    put(w, "p", XDS_LISTENER, "l4", "4", NULL);
    publish(w);
    expect_ack(c, "LDS +l3 +l4");
    assert_int_equal(refusals(w), 0);
    ads_free(c);
}
static void a_refused_removal_is_searched_and_given_up(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    put(w, "p", XDS_LISTENER, "l2", "2", NULL);
    put(w, "p", XDS_LISTENER, "l3", "3", NULL);
    publish(w);
    expect_ack(c, "LDS +l2 +l3");
    for (int i = 1; i <= 3; i++) drop(w, "p", XDS_LISTENER, i == 1 ? "l1" : i == 2 ? "l2" : "l3");
    publish(w);
    ads_answer(c, expect(c, "LDS -l1 -l2 -l3"), "no");
    ads_answer(c, expect(c, "LDS -l1 -l2"), "no");
    ads_answer(c, expect(c, "LDS -l3"), "no");
    expect_ack(c, "LDS -l1");
    expect_ack(c, "LDS -l2");
    assert_true(ads_is_silent(c));
    assert_int_equal(refusals(w), 0);
    put(w, "p", XDS_LISTENER, "l3", "3", NULL);
    publish(w);
    expect_ack(c, "LDS +l3");
    ads_free(c);
}
static void only_who_heads_an_item_of_envoys_list_is_to_blame(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    put(w, "p", XDS_LISTENER, "b1", "1", NULL);
    put(w, "p", XDS_LISTENER, "b2", "2", NULL);
    put(w, "p", XDS_LISTENER, "g", "3", NULL);
    publish(w);
    ads_answer(c, expect(c, "LDS +b1 +b2 +g"),
               "Error adding/updating listener(s) b1: g: is not b2:, b2: likewise g: x");
    expect_ack(c, "LDS +g");
    assert_true(ads_is_silent(c));
    assert_int_equal(refusals(w), 2);
    ads_free(c);
}
static struct ads *of_version(struct world *w, int minor)
{
    struct ads *c = ads_new(w->port, &w->pki, &w->alice);
    ads_send(c, &(struct ads_request){.node = "pod-a", .type = XDS_LISTENER, .minor = minor});
    return c;
}
static void another_version_of_envoy_gets_what_one_refused(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = of_version(w, 40);
    ads_answer(c, expect(c, "LDS +l1"), "Error adding/updating listener(s) l1: unknown filter");
    assert_true(ads_is_silent(c));
    assert_int_equal(refusals(w), 1);
    for (int i = 0; i < 3; i++) { /* whatever thread it lands on */
        struct ads *d = of_version(w, 41), *e = of_version(w, 40);
        expect_ack(d, "LDS +l1");
        expect_ack(e, "LDS");
        ads_free(d);
        ads_free(e);
    }
    ads_free(c);
}

/* What its listeners still had to say is refused elsewhere meanwhile: no acknowledgement will come for it. */
static void a_cluster_goes_when_the_last_listener_is_not_to_be_said_any_more(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w), *d = synced(w);
    put(w, "p", XDS_LISTENER, "l2", "bad", NULL);
    put(w, "p", XDS_ROUTE, "r1", "to nowhere", NULL);
    drop(w, "p", XDS_LISTENER, "l1");
    drop(w, "p", XDS_CLUSTER, "c1");
    drop(w, "p", XDS_ENDPOINT, "c1");
    publish(w);
    ads_answer(c, expect(c, "LDS +l2 -l1"), "no");
    expect_ack(c, "RDS +r1");
    struct ads_response *removal = expect(c, "LDS -l1");
    ads_answer(d, expect(d, "LDS +l2 -l1"), "Error adding/updating listener(s) l2: bad");
    expect_ack(d, "RDS +r1");
    expect_ack(d, "LDS -l1");
    expect_ack(d, "CDS -c1");
    expect_ack(d, "EDS -c1");
    assert_int_equal(refusals(w), 1);
    ads_ack(c, removal);
    expect_ack(c, "CDS -c1");
    expect_ack(c, "EDS -c1");
    assert_true(ads_is_silent(c));
    struct status_copy st = status_of(w);
    assert_int_equal(st.st.accepted, 2);
    arena_free(st.a);
    ads_free(c);
    ads_free(d);
}

/* ---- order ---- */
static void endpoints_follow_their_cluster_and_listeners_wait_for_it(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    put(w, "p", XDS_CLUSTER, "c2", "two", NULL);
    put(w, "p", XDS_ENDPOINT, "c2", "", NULL);
    put(w, "p", XDS_LISTENER, "l2", "l two", "c2");
    put(w, "p", XDS_LISTENER, "l3", "l three", NULL);
    put(w, "p", XDS_ROUTE, "r1", "to both", "c1,c2");
    publish(w);
    struct ads_response *cds = expect(c, "CDS +c2");
    expect_ack(c, "EDS +c2");
    expect_ack(c, "LDS +l3"); /* names no cluster: need not wait */
    assert_true(ads_is_silent(c));
    struct status_copy st = status_of(w);
    assert_int_equal(st.st.accepted, 0);
    arena_free(st.a);
    ads_ack(c, cds);
    expect_ack(c, "LDS +l2");
    expect_ack(c, "RDS +r1");
    assert_true(ads_is_silent(c));
    st = status_of(w);
    assert_int_equal(st.st.accepted, 1);
    arena_free(st.a);
    /* An update, too, with unchanged endpoints. */
    put(w, "p", XDS_CLUSTER, "c2", "two'", NULL);
    publish(w);
    expect_ack(c, "CDS +c2");
    expect_ack(c, "EDS +c2");
    ads_free(c);
}
static void removals_come_last_and_in_order(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    drop(w, "p", XDS_CLUSTER, "c1");
    drop(w, "p", XDS_ENDPOINT, "c1");
    drop(w, "p", XDS_LISTENER, "l1");
    put(w, "p", XDS_ROUTE, "r1", "to nowhere", NULL);
    publish(w);
    struct ads_response *lds = expect(c, "LDS -l1"), *rds = expect(c, "RDS +r1");
    assert_true(ads_is_silent(c));
    ads_ack(c, lds);
    assert_true(ads_is_silent(c));
    ads_ack(c, rds);
    struct ads_response *cds = expect(c, "CDS -c1");
    assert_true(ads_is_silent(c));
    ads_ack(c, cds);
    expect_ack(c, "EDS -c1");
    assert_true(ads_is_silent(c));
    ads_free(c);
}
/* Envoy refuses a response that names something twice, and with it everything else in it. */
static void a_removal_that_waits_through_changes_of_the_view_is_said_once(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    drop(w, "p", XDS_CLUSTER, "c1");
    drop(w, "p", XDS_ENDPOINT, "c1");
    drop(w, "p", XDS_LISTENER, "l1");
    publish(w);
    struct ads_response *lds = expect(c, "LDS -l1");
    view(w, "v", "p,p2");
    publish(w);
    view(w, "v", "p");
    publish(w);
    assert_true(ads_is_silent(c));
    ads_ack(c, lds);
    expect_ack(c, "CDS -c1");
    expect_ack(c, "EDS -c1");
    assert_true(ads_is_silent(c));
    ads_free(c);
}
static void what_comes_back_before_its_removal_is_not_removed(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    drop(w, "p", XDS_CLUSTER, "c1");
    drop(w, "p", XDS_LISTENER, "l1");
    publish(w);
    struct ads_response *lds = expect(c, "LDS -l1");
    put(w, "p", XDS_CLUSTER, "c1", "cluster one'", NULL);
    publish(w);
    expect_ack(c, "CDS +c1");
    expect_ack(c, "EDS +c1");
    ads_ack(c, lds);
    assert_true(ads_is_silent(c));
    ads_free(c);
}
static void what_moves_to_another_part_is_not_sent(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    view(w, "other", "p2");
    node(w, "pod-a", TD "a/sa/alice", "other");
    put(w, "p2", XDS_CLUSTER, "c1", "cluster one", NULL);
    put(w, "p2", XDS_ENDPOINT, "c1", "endpoints one", NULL);
    put(w, "p2", XDS_LISTENER, "l1", "listener one", "c1");
    put(w, "p2", XDS_ROUTE, "r1", "route one'", "c1");
    drop(w, "p", XDS_LISTENER, "l1");
    publish(w);
    expect_ack(c, "RDS +r1");
    assert_true(ads_is_silent(c));
    view(w, "other", "p2,p3");
    put(w, "p3", XDS_CLUSTER, "c3", "3", NULL);
    drop(w, "p2", XDS_CLUSTER, "c1");
    put(w, "p3", XDS_CLUSTER, "c1", "cluster one", NULL);
    publish(w);
    expect_ack(c, "CDS +c3");
    assert_true(ads_is_silent(c));
    ads_free(c);
}
static void of_two_parts_with_one_name_the_first_holds(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    put(w, "front", XDS_ROUTE, "r1", "route in front", "c1");
    view(w, "v", "front,p");
    publish(w);
    expect_ack(c, "RDS +r1");
    put(w, "p", XDS_ROUTE, "r1", "changed behind", "c1");
    publish(w);
    assert_true(ads_is_silent(c));
    drop(w, "p", XDS_ROUTE, "r1");
    publish(w);
    assert_true(ads_is_silent(c));
    put(w, "p", XDS_ROUTE, "r1", "back behind", "c1");
    publish(w);
    assert_true(ads_is_silent(c));
    put(w, "front", XDS_ROUTE, "r1", "changed in front", "c1");
    publish(w);
    expect_ack(c, "RDS +r1");
    drop(w, "front", XDS_ROUTE, "r1");
    publish(w);
    expect_ack(c, "RDS +r1");
    put(w, "p", XDS_ROUTE, "r1", "seen again", "c1");
    publish(w);
    expect_ack(c, "RDS +r1");
    put(w, "front", XDS_ROUTE, "r1", "seen again", "c1");
    publish(w);
    assert_true(ads_is_silent(c)); /* the same bytes */
    view(w, "v", "p");
    publish(w);
    assert_true(ads_is_silent(c));
    ads_free(c);
}

static void of_one_name_in_two_parts_the_first_holds(void **state)
{
    struct world *w = *state;
    view(w, "v", "front,back");
    node(w, "pod-a", TD "a/sa/alice", "v");
    for (int i = 0; i < 9; i++) put(w, "back", XDS_LISTENER, str_fmt(w->a, "l%d", i).p, "back", NULL);
    publish(w);
    struct ads *c = ads_new(w->port, &w->pki, &w->alice);
    first(c, XDS_LISTENER);
    expect_ack(c, "LDS +l0 +l1 +l2 +l3 +l4 +l5 +l6 +l7 +l8");
    put(w, "front", XDS_LISTENER, "l2", "front", NULL);
    publish(w);
    struct ads_response *r = expect(c, "LDS +l2");
    assert_true(str_is(r->resources[0].bytes, "front"));
    ads_ack(c, r);
    put(w, "back", XDS_LISTENER, "l2", "back again", NULL); /* behind the other */
    publish(w);
    assert_true(ads_is_silent(c));
    drop(w, "front", XDS_LISTENER, "l2");
    publish(w);
    r = expect(c, "LDS +l2");
    assert_true(str_is(r->resources[0].bytes, "back again"));
    ads_ack(c, r);
    /* Parts that come in front and go. */
    put(w, "new", XDS_LISTENER, "l4", "new", NULL);
    view(w, "v", "new,back");
    publish(w);
    r = expect(c, "LDS +l4");
    assert_true(str_is(r->resources[0].bytes, "new"));
    ads_ack(c, r);
    view(w, "v", "back");
    publish(w);
    r = expect(c, "LDS +l4");
    assert_true(str_is(r->resources[0].bytes, "back"));
    ads_ack(c, r);
    assert_true(ads_is_silent(c));
    ads_free(c);
}
static void changes_merge_while_a_response_is_in_flight(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    put(w, "p", XDS_ENDPOINT, "c1", "0", NULL);
    publish(w);
    struct ads_response *r = expect(c, "EDS +c1");
    for (int i = 1; i < 200; i++) {
        char text[8];
        snprintf(text, sizeof text, "%d", i);
        put(w, "p", XDS_ENDPOINT, "c1", text, NULL);
        publish(w);
    }
    assert_true(ads_is_silent(c));
    ads_ack(c, r);
    r = expect(c, "EDS +c1");
    assert_true(str_is(r->resources[0].bytes, "199"));
    ads_ack(c, r);
    assert_true(ads_is_silent(c));
    ads_free(c);
}
static void a_subscription_with_an_old_nonce_is_honoured(void **state)
{
    struct world *w = *state;
    usual(w);
    struct ads *c = synced(w);
    put(w, "p", XDS_ENDPOINT, "c2", "2", NULL);
    publish(w);
    assert_true(ads_is_silent(c));
    ads_send(c, &(struct ads_request){.type = XDS_ENDPOINT, .nonce = "1", .subscribe = {"c2"}});
    expect_ack(c, "EDS +c2");
    ads_free(c);
}
static void large_answers_are_split_but_not_the_first(void **state)
{
    struct world *w = *state;
    char *big = malloc(400001);
    memset(big, 'x', 400000);
    big[400000] = '\0';
    usual(w);
    for (int i = 0; i < 6; i++) {
        char name[8];
        snprintf(name, sizeof name, "e%d", i);
        put(w, "p", XDS_ENDPOINT, name, big, NULL);
        put(w, "p", XDS_CLUSTER, name, big, NULL);
    }
    publish(w);
    free(big);
    struct ads *c = ads_new(w->port, &w->pki, &w->alice);
    first(c, XDS_CLUSTER);
    expect_ack(c, "CDS +c1 +e0 +e1 +e2 +e3 +e4 +e5");
    ads_send(c, &(struct ads_request){.type = XDS_ENDPOINT, .subscribe = {"e0", "e1", "e2", "e3", "e4", "e5"}});
    expect_ack(c, "EDS +e0 +e1 +e2");
    expect_ack(c, "EDS +e3 +e4 +e5");
    assert_true(ads_is_silent(c));
    ads_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_wildcard_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_comes_in_order_and_bytes_are_intact, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_name_is_removed_at_once_and_sent_when_it_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(asking_again_is_answered_again_even_with_a_response_in_flight, setup, teardown),
        cmocka_unit_test_setup_teardown(after_unsubscribing_nothing_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_beside_the_wildcard_is_answered_when_it_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(reconnecting_costs_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(reconnecting_gets_exactly_what_is_stale_gone_or_new, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_update_is_not_offered_again_until_it_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(the_good_neighbours_of_a_refused_one_are_sent_again_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_without_names_is_searched_by_halves, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_response_with_removals_is_said_again_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_removal_is_searched_and_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(only_who_heads_an_item_of_envoys_list_is_to_blame, setup, teardown),
        cmocka_unit_test_setup_teardown(another_version_of_envoy_gets_what_one_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cluster_goes_when_the_last_listener_is_not_to_be_said_any_more,
                                        setup_one_thread, teardown),
        cmocka_unit_test_setup_teardown(endpoints_follow_their_cluster_and_listeners_wait_for_it, setup, teardown),
        cmocka_unit_test_setup_teardown(removals_come_last_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_removal_that_waits_through_changes_of_the_view_is_said_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_back_before_its_removal_is_not_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_moves_to_another_part_is_not_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(of_two_parts_with_one_name_the_first_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(of_one_name_in_two_parts_the_first_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_merge_while_a_response_is_in_flight, setup, teardown),
        cmocka_unit_test_setup_teardown(a_subscription_with_an_old_nonce_is_honoured, setup, teardown),
        cmocka_unit_test_setup_teardown(large_answers_are_split_but_not_the_first, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
