/* The webhooks over HTTPS: certificates that change, bodies that are too large, many callers at once. */
#include "../net/pki.h"
#include "reviews.h"

#include <sys/resource.h>
#include <unistd.h>

#include "admit/admit.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "net/tls.h"

#define POD "{'metadata':{'generateName':'web-'},'spec':{'containers':[{'name':'web'}]}}"

struct state {
    struct pki pki, other;
    struct admit_server *server;
    struct arena *a;
};

static SSL_CTX *context(struct pki *p)
{
    struct err err = {0};
    struct pki_leaf leaf =
        pki_issue(p, "DNS:osm-injector.osm-system.svc,DNS:osm-validator.osm-system.svc", clock_unix_s() + 3600);
    SSL_CTX *c =
        tls_server_context(&(struct tls_options){.chain = leaf.chain, .key = leaf.key, .alpn = "http/1.1"}, &err);
    if (!c) fail_msg("%s", err.text);
    return c;
}

static struct http_call_options call(struct state *s, struct pki *trusted, const char *name, uint16_t port,
                                     const char *path, struct str body)
{
    return (struct http_call_options){.url = str_fmt(s->a, "https://osm-%s.osm-system.svc%s", name, path).p,
                                      .connect_to = str_fmt(s->a, "127.0.0.1:%d", port).p,
                                      .roots = trusted->root_pem,
                                      .body = body,
                                      .no_reuse = true};
}

static bool ask(struct state *s, struct pki *trusted, struct str body, struct http_answer *out)
{
    struct err err = {0};
    struct http_call_options o =
        call(s, trusted, "injector", admit_server_inject_port(s->server), "/mutate-pod-creation", body);
    return http_fetch(&o, s->a, out, &err);
}

static struct str a_pod(struct state *s) { return review_of(s->a, "CREATE", "Pod", "", POD); }

/* What was posted to the server's thread holds soon. */
static void wait_for(struct state *s, struct pki *trusted, const char *part)
{
    struct http_answer x;
    for (;;) {
        if (ask(s, trusted, a_pod(s), &x) && strstr(str_dup(s->a, x.body).p, part)) return;
        usleep(1000);
    }
}

static int setup(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    struct err err = {0};
    *s = (struct state){.pki = pki_new(), .other = pki_new(), .a = arena_new()};
    SSL_CTX *tls = context(&s->pki);
    s->server = admit_server_new(&(struct admit_options){.address = "127.0.0.1",
                                                         .image = S("osm:1"),
                                                         .controller = S("c:15128"),
                                                         .generation = S("1"),
                                                         .tls = {tls, tls}},
                                 &err);
    SSL_CTX_free(tls);
    if (!s->server) fail_msg("%s", err.text);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct state *s = *state;
    admit_server_free(s->server);
    pki_free(&s->pki);
    pki_free(&s->other);
    arena_free(s->a);
    free(s);
    return 0;
}

static void open_for_pods(struct state *s)
{
    struct mesh_settings set;
    mesh_settings_of(NULL, s->a, &set);
    admit_server_set_settings(s->server, &set);
    struct object *ns = object_from("{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'shop','labels':{"
                                    "'openservicemesh.io/monitored-by':'osm'},'annotations':{"
                                    "'openservicemesh.io/sidecar-injection':'enabled'}}}");
    admit_server_object(s->server, KIND_NAMESPACE, S("shop"), ns);
    object_unref(ns);
    wait_for(s, &s->pki, "\"patchType\"");
}

static void settings_and_namespaces_come_and_go(void **state)
{
    struct state *s = *state;
    wait_for(s, &s->pki, "has not read its configuration");
    open_for_pods(s);
    admit_server_object(s->server, KIND_NAMESPACE, S("shop"), NULL);
    wait_for(s, &s->pki, "is not known to the mesh yet");
}

static void objects_are_validated_on_their_own_port(void **state)
{
    struct state *s = *state;
    struct http_answer x;
    struct err err = {0};
    struct str body = review_of(s->a, "CREATE", "x/Strange", "", "{'apiVersion':'x/v1','kind':'Strange'}");
    struct http_call_options o =
        call(s, &s->pki, "validator", admit_server_validate_port(s->server), "/validate", body);
    assert_true(http_fetch(&o, s->a, &x, &err));
    assert_int_equal(x.status, 200);
    assert_non_null(strstr(str_dup(s->a, x.body).p, "unknown kind"));
}

static void a_renewed_certificate_serves_new_connections(void **state)
{
    struct state *s = *state;
    struct http_answer x;
    open_for_pods(s);
    SSL_CTX *tls = context(&s->other);
    admit_server_set_tls(s->server, ADMIT_MUTATE, tls);
    SSL_CTX_free(tls);
    wait_for(s, &s->other, "\"patchType\"");
    assert_false(ask(s, &s->pki, a_pod(s), &x));
}

static void what_is_too_large_or_plain_is_refused(void **state)
{
    struct state *s = *state;
    struct http_answer x;
    struct err err = {0};
    size_t n = ADMIT_MAX_BODY + 1;
    char *big = arena_alloc(s->a, n);
    memset(big, ' ', n);
    /* The refusal may come while the body is still being sent. */
    if (ask(s, &s->pki, str_make(big, n), &x)) assert_int_equal(x.status, 413);
    struct http_call_options o = {
        .url = str_fmt(s->a, "http://127.0.0.1:%d/healthz", admit_server_inject_port(s->server)).p};
    assert_false(http_fetch(&o, s->a, &x, &err));
    open_for_pods(s);
}

/* ---- many at once ---- */

struct crowd {
    struct event_base *base;
    size_t open, good;
};

static void on_answer(void *arg, const struct http_answer *x)
{
    struct crowd *c = arg;
    c->good += x->ok && x->status == 200;
    if (--c->open == 0) event_base_loopbreak(c->base);
}

static void a_thousand_at_once_are_all_answered(void **state)
{
    struct rlimit files = {4096, 4096}; /* both ends are here */
    setrlimit(RLIMIT_NOFILE, &files);
    struct state *s = *state;
    struct err err = {0};
    struct crowd c = {.base = loop_base_new(&err), .open = 1000};
    struct http_client *client = http_client_new(c.base, &err);
    open_for_pods(s);
    struct http_call_options o =
        call(s, &s->pki, "injector", admit_server_inject_port(s->server), "/mutate-pod-creation", a_pod(s));
    o.timeout_ms = o.connect_timeout_ms = 100 * 1000;
    for (size_t i = 0; i < 1000; i++) http_call_start(client, &o, on_answer, &c);
    event_base_dispatch(c.base);
    assert_int_equal(c.good, 1000);
    http_client_free(client);
    event_base_free(c.base);
}

static void a_port_that_is_taken_is_named(void **state)
{
    struct state *s = *state;
    struct err err = {0};
    SSL_CTX *tls = context(&s->pki);
    struct admit_options o = {
        .address = "127.0.0.1", .tls = {tls, tls}, .inject_port = admit_server_inject_port(s->server)};
    assert_null(admit_server_new(&o, &err));
    assert_non_null(strstr(err.text, "the injection webhook"));
    SSL_CTX_free(tls);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(settings_and_namespaces_come_and_go),
        TEST(objects_are_validated_on_their_own_port),
        TEST(a_renewed_certificate_serves_new_connections),
        TEST(what_is_too_large_or_plain_is_refused),
        TEST(a_thousand_at_once_are_all_answered),
        TEST(a_port_that_is_taken_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
