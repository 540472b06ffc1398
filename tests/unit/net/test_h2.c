/* Short requests on the HTTP/2 server, over TLS, by the HTTP client; answers that come later and from elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/h2.h"
#include "net/http_client.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/tls.h"
#include "pki.h"

static struct world {
    struct event_base *base;
    struct mailbox *mail;
    struct pki pki;
    struct pki_leaf leaf, alice;
    struct h2_server *server;
    struct http_client *client;
    uint16_t port;
    struct h2_later *later;
    int done, status;
    char body[256], error[256], to[32];
} w;

static void on_request(void *arg, struct h2_request *r)
{
    (void)arg;
    if (str_is(r->path, "/later")) {
        w.later = h2_later_new(r);
        return;
    }
    struct str after = h2_query(r, "after");
    if (str_is(r->path, "/bad")) {
        h2_respond_error(r, 400, "no %s", "\"quotes\"");
        return;
    }
    struct str text =
        str_fmt(r->arena, "%.*s %.*s after=%.*s body=%.*s token=%.*s who=%.*s", STR_FMT(r->method), STR_FMT(r->path),
                STR_FMT(after), STR_FMT(r->body), STR_FMT(h2_header(r, "authorization")), STR_FMT(r->peer->spiffe_id));
    h2_respond(r, 200, "text/plain", text);
}
static void serve(int64_t idle)
{
    static const struct h2_handler other = {on_request, NULL, 16 << 10};
    struct err err = {0};
    struct tls_options t = {w.leaf.chain, w.leaf.key, w.pki.root_pem, false, "h2", STR_NULL};
    SSL_CTX *ctx = tls_server_context(&t, &err);
    int fd = listen_tcp("127.0.0.1", 0, &err);
    w.port = listen_port(fd);
    snprintf(w.to, sizeof w.to, "127.0.0.1:%u", w.port);
    struct h2_server_options o = {.tls = ctx, .listen_fd = fd, .other = &other, .mail = w.mail, .idle_close_ns = idle};
    w.server = h2_server_new(w.base, &o, &err);
    SSL_CTX_free(ctx);
}
static int setup(void **state)
{
    (void)state;
    struct err err = {0};
    memset(&w, 0, sizeof w);
    w.base = loop_base_new(&err);
    w.mail = mailbox_new(w.base, &err);
    w.pki = pki_new();
    w.leaf = pki_issue(&w.pki, "DNS:osm-controller.osm-system.svc", clock_unix_s() + 1000);
    w.alice = pki_issue(&w.pki, "URI:spiffe://td/ns/a/sa/alice", clock_unix_s() + 1000);
    w.client = http_client_new(w.base, &err);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    http_client_free(w.client);
    h2_server_free(w.server);
    mailbox_free(w.mail);
    event_base_free(w.base);
    pki_free(&w.pki);
    return 0;
}
static void on_done(void *arg, const struct http_answer *a)
{
    (void)arg;
    w.done++;
    w.status = a->ok ? a->status : -1;
    snprintf(w.body, sizeof w.body, "%.*s", STR_FMT(a->body));
    snprintf(w.error, sizeof w.error, "%.200s", a->err.text);
}
static struct http_call_options to(const char *url)
{
    return (struct http_call_options){.url = url, .connect_to = w.to, .roots = w.pki.root_pem};
}
static void run_until(int done)
{
    while (w.done < done) event_base_loop(w.base, EVLOOP_ONCE);
}
static void call(const struct http_call_options *o)
{
    int before = w.done;
    http_call_start(w.client, o, on_done, NULL);
    run_until(before + 1);
}
#define HOST "https://osm-controller.osm-system.svc:15128"

static void requests_are_answered(void **state)
{
    (void)state;
    serve(0);
    struct str token = S("Authorization: Bearer x");
    struct http_call_options o = to(HOST "/v1/certificate?x&after=a%20b");
    o.body = S("{}");
    o.headers = (struct strs){&token, 1};
    call(&o);
    assert_int_equal(w.status, 200);
    assert_string_equal(w.body, "POST /v1/certificate after=a b body={} token=Bearer x who=");
    o = to(HOST "/x");
    o.chain = w.alice.chain;
    o.key = w.alice.key;
    call(&o);
    assert_string_equal(w.body, "GET /x after= body= token= who=spiffe://td/ns/a/sa/alice");
    o = to(HOST "/bad");
    call(&o);
    assert_int_equal(w.status, 400);
    assert_string_equal(w.body, "{\"error\":\"no \\\"quotes\\\"\"}");
}
static void limits_hold(void **state)
{
    (void)state;
    serve(0);
    char *big = malloc(40000);
    memset(big, 'x', 40000);
    struct http_call_options o = to(HOST "/x");
    o.body = str_make(big, 40000);
    call(&o);
    assert_int_equal(w.status, 413);
    struct str header = str_make(big, 17000);
    memcpy(big, "X-Long: ", 8);
    o = to(HOST "/x");
    o.headers = (struct strs){&header, 1};
    call(&o);
    assert_int_equal(w.status, 431);
    free(big);
}
static void the_servers_name_and_roots_are_checked(void **state)
{
    (void)state;
    serve(0);
    struct http_call_options o = to("https://another.name:15128/x");
    call(&o);
    assert_int_equal(w.status, -1);
    assert_non_null(strstr(w.error, "another.name"));
    struct pki foreign = pki_new();
    o = to(HOST "/x");
    o.roots = foreign.root_pem;
    call(&o);
    assert_int_equal(w.status, -1);
    pki_free(&foreign);
}
static void *answer_from_elsewhere(void *arg)
{
    h2_later_respond(arg, 200, "text/plain", S("late"));
    return NULL;
}
static void an_answer_may_come_later_from_another_thread(void **state)
{
    (void)state;
    serve(0);
    struct http_call_options o = to(HOST "/later");
    http_call_start(w.client, &o, on_done, NULL);
    while (!w.later) event_base_loop(w.base, EVLOOP_ONCE);
    pthread_t t;
    pthread_create(&t, NULL, answer_from_elsewhere, w.later);
    run_until(1);
    pthread_join(t, NULL);
    assert_string_equal(w.body, "late");
    /* The client leaves first. */
    w.later = NULL;
    struct err err = {0};
    struct http_client *other = http_client_new(w.base, &err);
    http_call_start(other, &o, on_done, NULL);
    while (!w.later) event_base_loop(w.base, EVLOOP_ONCE);
    assert_false(h2_later_is_gone(w.later));
    http_client_free(other);
    while (!h2_later_is_gone(w.later)) event_base_loop(w.base, EVLOOP_ONCE);
    h2_later_respond(w.later, 200, NULL, S("nobody"));
}
static void idle_and_silent_connections_are_closed(void **state)
{
    (void)state;
    serve(1000000000);
    struct http_call_options o = to(HOST "/x");
    call(&o);
    assert_int_equal(h2_server_connections(w.server), 1);
    while (h2_server_connections(w.server)) event_base_loop(w.base, EVLOOP_ONCE);
    call(&o); /* and the client copes */
    assert_int_equal(w.status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_are_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(limits_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(the_servers_name_and_roots_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_may_come_later_from_another_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(idle_and_silent_connections_are_closed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
