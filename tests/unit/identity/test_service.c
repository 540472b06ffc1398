/* The certificate service over its real server: TLS, HTTP/2, a client of another library. */
#include "../agent/standin.h"

#include <jansson.h>

#include "identity/cert.h"
#include "identity/csr.h"
#include "identity/key.h"
#include "identity/limiter.h"
#include "identity/trust.h"

struct world {
    char dir[64];
    struct controller c;
    struct arena *a;
    char token[TOKEN_TEXT];
    _Atomic(int) pod, asked; /* enum pod_state of every pod; how often it was asked */
};

static enum pod_state pod_state(void *arg, const struct token_subject *s)
{
    struct world *w = arg;
    w->asked++;
    return str_is(s->uid, "uid-1") ? (enum pod_state)w->pod : POD_GONE;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct err err = {0};
    struct token_subject s = {S("ns1"), S("client"), S("client-0"), S("uid-1")};
    w->a = arena_new();
    w->pod = POD_ALIVE;
    w->c.pod_state = pod_state;
    w->c.arg = w;
    snprintf(w->dir, sizeof w->dir, "/tmp/osm-service-XXXXXX");
    if (!mkdtemp(w->dir)) return -1;
    controller_start(&w->c, w->dir, 3600);
    *state = w;
    return token_local_issue(str_fmt(w->a, "%s/tokens", w->dir).p, &s, clock_unix_s() + 60, w->token, &err) ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    if (w->c.loop) controller_stop(&w->c);
    bool ok = tree_remove(w->dir, &err);
    arena_free(w->a);
    free(w);
    return ok ? 0 : -1;
}

/* ---- asking ---- */

struct asked {
    int status;
    json_t *json; /* in the world's arena */
    struct str chain, key;
};

static void drop_json(void *j) { json_decref(j); }

static struct http_answer fetch(struct world *w, struct http_call_options *o, const char *path)
{
    struct err err = {0};
    struct http_answer answer = {0};
    int64_t end = clock_mono_ns() + 5000000000;
    o->url = str_fmt(w->a, "https://" NAME_CONTROLLER_DNS ":15128%s", path).p;
    o->connect_to = "127.0.0.1:15128";
    o->roots = issuer_roots(w->c.ca);
    while (!http_fetch(o, w->a, &answer, &err)) /* the server may not listen yet */
        if (clock_mono_ns() > end) fail_msg("%s", err.text);
    return answer;
}

static struct asked post(struct world *w, const char *bearer, struct str body)
{
    struct str header = str_fmt(w->a, "Authorization: %s", bearer);
    struct http_call_options o = {.headers = {&header, 1}, .body = body};
    struct http_answer answer = fetch(w, &o, "/v1/certificate");
    struct asked out = {.status = answer.status, .json = json_loadb(answer.body.p, answer.body.n, 0, NULL)};
    arena_on_free(w->a, drop_json, out.json);
    out.chain = str_of(json_string_value(json_object_get(out.json, "chain")));
    return out;
}

static struct asked ask(struct world *w)
{
    struct err err = {0};
    struct buf csr SCOPED_BUF = {0}, body SCOPED_BUF = {0}, pem SCOPED_BUF = {0};
    EVP_PKEY *key = key_new(&err);
    assert_true(csr_make(key, &csr, &err) && key_to_pem(key, &pem, &err));
    EVP_PKEY_free(key);
    buf_c(&body, "{\"csr\":");
    buf_json_str(&body, buf_view(&csr));
    buf_char(&body, '}');
    struct asked out = post(w, str_fmt(w->a, "Bearer %s", w->token).p, str_dup(w->a, buf_view(&body)));
    out.key = str_dup(w->a, buf_view(&pem));
    return out;
}

static const char *error_of(struct asked *q)
{
    const char *text = json_string_value(json_object_get(q->json, "error"));
    return text ? text : "";
}

/* ---- certificates ---- */

static void a_pod_gets_its_certificate(void **state)
{
    struct world *w = *state;
    struct asked q = ask(w);
    struct cert_info info;
    struct err err = {0};
    assert_int_equal(q.status, 200);
    assert_true(cert_inspect(w->a, q.chain, &info, &err));
    assert_true(str_is(info.uris.v[0], "spiffe://cluster.local/ns/ns1/sa/client"));
    json_int_t renew = json_integer_value(json_object_get(q.json, "renew_after"));
    int64_t life = info.not_after - clock_unix_s();
    assert_in_range(life, 3595, 3600);
    assert_in_range(renew - clock_unix_s(), 3600 / 2, 3600 * 2 / 3);
    struct strs roots = {(struct str[]){issuer_roots(w->c.ca)}, 1};
    struct trust t;
    assert_true(trust_make(w->a, roots, &t, &err));
    assert_string_equal(json_string_value(json_object_get(q.json, "bundle_id")), t.id.p);
    assert_string_equal(json_string_value(json_object_get(q.json, "bundle")), t.pem.p);
}

static void names_in_the_request_are_ignored(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    struct buf body SCOPED_BUF = {0}, pem SCOPED_BUF = {0};
    EVP_PKEY *key = key_new(&err);
    X509_REQ *req = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *p;
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC, (const unsigned char *)"admin.ns9",
                               -1, -1, 0);
    X509_REQ_set_pubkey(req, key);
    X509_REQ_sign(req, key, EVP_sha256());
    PEM_write_bio_X509_REQ(bio, req);
    buf_c(&body, "{\"csr\":");
    long n = BIO_get_mem_data(bio, &p);
    buf_json_str(&body, str_make(p, (size_t)n));
    buf_char(&body, '}');
    struct asked q = post(w, str_fmt(w->a, "Bearer %s", w->token).p, str_dup(w->a, buf_view(&body)));
    struct cert_info info;
    assert_true(cert_inspect(w->a, q.chain, &info, &err));
    assert_true(str_is(info.cn, "client.ns1.cluster.local"));
    BIO_free(bio);
    X509_REQ_free(req);
    EVP_PKEY_free(key);
}

static void bad_requests_are_told_what_is_wrong(void **state)
{
    struct world *w = *state;
    char *giant = malloc(IDENTITY_MAX_BODY + 1);
    memset(giant, ' ', IDENTITY_MAX_BODY + 1);
    const char *bearer = str_fmt(w->a, "Bearer %s", w->token).p;
    assert_int_equal(post(w, "Basic abc", S("{}")).status, 401);
    assert_int_equal(post(w, bearer, S("{}")).status, 400);
    assert_int_equal(post(w, bearer, S("not json")).status, 400);
    assert_int_equal(post(w, bearer, S("{\"csr\":\"rubbish\"}")).status, 400);
    assert_int_equal(post(w, bearer, str_make(giant, IDENTITY_MAX_BODY + 1)).status, 413);
    w->token[0] = w->token[0] == '0' ? '1' : '0';
    struct asked q = ask(w);
    assert_int_equal(q.status, 401);
    assert_string_equal(error_of(&q), "the token is not known");
    struct http_call_options get = {0};
    assert_int_equal(fetch(w, &get, "/v1/certificate").status, 405);
    assert_int_equal(fetch(w, &get, "/v1/other").status, 404);
    free(giant);
}

static void a_pod_that_has_ended_gets_none(void **state)
{
    struct world *w = *state;
    w->pod = POD_GONE;
    struct asked q = ask(w);
    assert_int_equal(q.status, 403);
    assert_non_null(strstr(error_of(&q), "has ended"));
}

static void *make_known(void *arg)
{
    struct world *w = arg;
    while (w->asked < 2) usleep(1000);
    w->pod = POD_ALIVE;
    return NULL;
}

static void a_pod_that_is_not_known_yet_is_waited_for(void **state)
{
    struct world *w = *state;
    pthread_t t;
    w->pod = POD_UNKNOWN;
    pthread_create(&t, NULL, make_known, w);
    assert_int_equal(ask(w).status, 200);
    pthread_join(t, NULL);
    assert_true(w->asked >= 3);
}

static void a_pod_that_stays_unknown_is_refused_after_three_seconds(void **state)
{
    struct world *w = *state;
    w->pod = POD_UNKNOWN;
    int64_t start = clock_mono_ns();
    assert_int_equal(ask(w).status, 403);
    assert_in_range(clock_mono_ns() - start, 2900000000, 10000000000);
}

static void who_asks_too_often_is_told_to_wait(void **state)
{
    struct world *w = *state;
    int got[1000] = {0};
    for (int i = 0; i < 14; i++) got[ask(w).status]++;
    assert_in_range(got[200], 10, 13);
    assert_true(got[429] > 0);
}

static void no_workload_gets_the_controllers_name(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    struct arena *a SCOPED_ARENA = arena_new();
    struct token_subject s = {S("osm-system"), S("osm-controller"), S("p"), S("uid-1")};
    controller_stop(&w->c);
    w->c.pod_state = pod_state;
    w->c.arg = w;
    w->c.trust_domain = "svc"; /* sa.ns.td is then the controller's own name */
    controller_start(&w->c, w->dir, 3600);
    assert_true(token_local_issue(str_fmt(a, "%s/tokens", w->dir).p, &s, clock_unix_s() + 60, w->token, &err));
    struct asked q = ask(w);
    assert_int_equal(q.status, 403);
    assert_non_null(strstr(error_of(&q), "the controller's own name"));
}

static void *ask_beside(void *arg)
{
    struct world mine = *(struct world *)arg; /* an arena serves one thread */
    mine.a = arena_new();
    intptr_t code = ask(&mine).status;
    arena_free(mine.a);
    return (void *)code;
}

static void the_end_answers_what_is_open(void **state)
{
    struct world *w = *state;
    pthread_t t;
    void *code;
    w->pod = POD_UNKNOWN;
    assert_int_equal(pthread_create(&t, NULL, ask_beside, w), 0);
    while (!w->asked) usleep(1000);
    identity_service_stop(w->c.service);
    pthread_join(t, &code);
    assert_int_equal((intptr_t)code, 503);
    assert_int_equal(ask(w).status, 503);
}

/* ---- the bundle ---- */

static struct http_answer get_bundle(struct world *w, struct asked *who, const char *query)
{
    struct http_call_options o = {.chain = who->chain, .key = who->key};
    return fetch(w, &o, str_fmt(w->a, "/v1/bundle?%s", query).p);
}

static void the_bundle_is_for_members_only(void **state)
{
    struct world *w = *state;
    struct asked nobody = {0}, pod = ask(w);
    assert_int_equal(get_bundle(w, &nobody, "").status, 401);
    assert_int_equal(get_bundle(w, &pod, "").status, 200);
    const char *id = json_string_value(json_object_get(pod.json, "bundle_id"));
    assert_int_equal(get_bundle(w, &pod, str_fmt(w->a, "wait=0&after=%s", id).p).status, 204);
}

static void *add_root(void *arg)
{
    struct world *w = arg;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    usleep(100000); /* lets the poll begin; either order gives the same answer */
    struct issuer *more = ca_open(str_fmt(a, "%s/more", w->dir).p, clock_unix_s(), &err);
    identity_service_set_extra_roots(w->c.service, S("rubbish changes nothing"));
    identity_service_set_extra_roots(w->c.service, issuer_roots(more));
    issuer_free(more);
    return NULL;
}

static void a_new_root_wakes_those_who_wait(void **state)
{
    struct world *w = *state;
    struct asked pod = ask(w);
    const char *id = json_string_value(json_object_get(pod.json, "bundle_id"));
    const char *query = str_fmt(w->a, "after=%s", id).p;
    pthread_t t;
    int64_t start = clock_mono_ns();
    pthread_create(&t, NULL, add_root, w);
    struct http_answer answer = get_bundle(w, &pod, query);
    pthread_join(t, NULL);
    assert_int_equal(answer.status, 200);
    assert_true(clock_mono_ns() - start < 10000000000);
    assert_null(memmem(answer.body.p, answer.body.n, id, strlen(id)));
}

/* ---- pure parts ---- */

static void renewal_is_between_half_and_two_thirds_of_a_life(void **state)
{
    (void)state;
    assert_int_equal(identity_renew_after(1000, 600, 0), 1400);
    assert_int_equal(identity_renew_after(1000, 600, UINT32_MAX), 1340);
}

static void a_limiter_counts_by_name(void **state)
{
    (void)state;
    struct limiter l;
    limiter_init(&l, 1, 2);
    assert_true(limiter_allow(&l, S("a"), 0) && limiter_allow(&l, S("a"), 0));
    assert_false(limiter_allow(&l, S("a"), 0));
    assert_true(limiter_allow(&l, S("b"), 0));
    assert_true(limiter_allow(&l, S("a"), 1000000000));
    assert_false(limiter_allow(&l, S("a"), 1000000000));
    char name[16];
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        limiter_allow(&l, str_of(name), 2000000000);
    }
    assert_true(l.buckets.n <= 8192);
    limiter_release(&l);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    own_network();
    const struct CMUnitTest tests[] = {
        TEST(a_pod_gets_its_certificate),
        TEST(names_in_the_request_are_ignored),
        TEST(bad_requests_are_told_what_is_wrong),
        TEST(a_pod_that_has_ended_gets_none),
        TEST(a_pod_that_is_not_known_yet_is_waited_for),
        TEST(a_pod_that_stays_unknown_is_refused_after_three_seconds),
        TEST(who_asks_too_often_is_told_to_wait),
        TEST(no_workload_gets_the_controllers_name),
        TEST(the_end_answers_what_is_open),
        TEST(the_bundle_is_for_members_only),
        TEST(a_new_root_wakes_those_who_wait),
        cmocka_unit_test(renewal_is_between_half_and_two_thirds_of_a_life),
        cmocka_unit_test(a_limiter_counts_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
