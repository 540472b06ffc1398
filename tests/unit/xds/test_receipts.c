/* For every change: which proxies must accept it, which have, who is missing and who refused. */
#include "world.h"

static int setup(void **state)
{
    struct world *w = *state = world_new((struct xds_options){0});
    view(w, "v", "p");
    view(w, "other", "q");
    node(w, "pod-a", TD "a/sa/alice", "v");
    node(w, "pod-b", TD "b/sa/bob", "v");
    node(w, "pod-c", TD "a/sa/alice", "other");
    put(w, "p", XDS_CLUSTER, "c1", "one", NULL);
    publish(w);
    return 0;
}
static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static struct ads *proxy(struct world *w, const struct pki_leaf *leaf, const char *name, const char *clusters)
{
    struct ads *c = ads_new(w->port, &w->pki, leaf);
    ads_send(c, &(struct ads_request){.node = name, .type = XDS_CLUSTER});
    expect_ack(c, clusters);
    ads_send(c, &(struct ads_request){.type = XDS_LISTENER});
    expect_ack(c, "LDS");
    assert_true(ads_is_silent(c));
    return c;
}

static void change(struct world *w, const char *bytes)
{
    put(w, "p", XDS_CLUSTER, "c1", bytes, NULL);
    list_push(w->a, &w->next.causes, S("Service a/one generation 7"));
    w->next.n_causes = 3;
    publish(w);
}

/* The newest change; free with arena_free(st->a). */
static struct xds_change_status newest(struct world *w, struct status_copy *st)
{
    *st = status_of(w);
    assert_true(st->st.changes.n > 0);
    return st->st.changes.v[st->st.changes.n - 1];
}

static void expect_counts(struct world *w, uint32_t accepted, uint32_t expected, uint32_t refused, const char *waiting)
{
    struct status_copy st;
    struct xds_change_status c = newest(w, &st);
    assert_int_equal(c.revision, w->revision);
    assert_int_equal(c.accepted, accepted);
    assert_int_equal(c.expected, expected);
    assert_int_equal(c.refused, refused);
    assert_int_equal(c.last_ns > 0, accepted > 0);
    assert_string_equal(str_c(st.a, str_join(st.a, c.waiting, S(" "))), waiting);
    arena_free(st.a);
}

static void a_change_is_followed_until_all_whom_it_concerns_have_it(void **state)
{
    struct world *w = *state;
    struct ads *a = proxy(w, &w->alice, "pod-a", "CDS +c1"), *b = proxy(w, &w->bob, "pod-b", "CDS +c1"),
               *c = proxy(w, &w->alice, "pod-c", "CDS"); /* whom it does not concern */
    change(w, "two");
    struct ads_response *of_b = expect(b, "CDS +c1");
    expect_ack(a, "CDS +c1");
    ads_sync(a);
    expect_counts(w, 1, 2, 0, "pod-b");
    struct status_copy st;
    struct xds_change_status at = newest(w, &st);
    assert_string_equal(str_c(st.a, at.causes.v[0]), "Service a/one generation 7");
    assert_int_equal(at.n_causes, 3);
    assert_true(at.at_s > 0);
    arena_free(st.a);
    ads_answer(b, of_b, "Error adding/updating cluster(s) c1: bad");
    ads_sync(b);
    expect_counts(w, 2, 2, 1, "");
    publish(w); /* concerns nobody */
    ads_sync(a);
    expect_counts(w, 0, 0, 0, "");
    ads_free(a), ads_free(b), ads_free(c);
}

static void who_leaves_is_not_waited_for(void **state)
{
    struct world *w = *state;
    struct ads *a = proxy(w, &w->alice, "pod-a", "CDS +c1"), *b = proxy(w, &w->bob, "pod-b", "CDS +c1");
    change(w, "two");
    expect_ack(a, "CDS +c1");
    expect(b, "CDS +c1");
    ads_free(b);
    struct status_copy st = {0};
    do {
        if (st.a) arena_free(st.a);
        st = status_of(w);
    } while (st.st.streams > 1);
    arena_free(st.a);
    ads_sync(a);
    expect_counts(w, 1, 1, 0, "");
    ads_free(a);
}

static void a_slow_one_owes_all_changes_that_are_still_known(void **state)
{
    struct world *w = *state;
    struct ads *a = proxy(w, &w->alice, "pod-a", "CDS +c1");
    change(w, "two");
    struct ads_response *r = expect(a, "CDS +c1");
    char bytes[16];
    for (int i = 0; i < 100; i++) {
        snprintf(bytes, sizeof bytes, "%d", i);
        change(w, bytes);
    }
    ads_sync(a);
    expect_counts(w, 0, 1, 0, "pod-a");
    ads_ack(a, r);
    expect_ack(a, "CDS +c1");
    ads_sync(a);
    expect_counts(w, 1, 1, 0, "");
    struct status_copy st = status_of(w);
    assert_int_equal(st.st.changes.n, 64);
    for (each(c, st.st.changes)) assert_true(c->expected == 1 && c->accepted == 1);
    arena_free(st.a);
    ads_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_change_is_followed_until_all_whom_it_concerns_have_it, setup, teardown),
        cmocka_unit_test_setup_teardown(who_leaves_is_not_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_one_owes_all_changes_that_are_still_known, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
