/* The HTTP/1.1 server and the HTTP client against each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/loop.h"

struct world {
    struct event_base *base;
    struct http_server *server;
    struct http_client *client;
    struct http_exchange *held;
    bool is_gone, is_done;
    struct http_answer last;
    char body[256], path[64], url[128];
    size_t pieces;
};

static void answer_hello(struct http_exchange *x)
{
    struct str who = http_query(x, "who");
    http_reply_header(x, "X-Method", x->method);
    http_reply_json(x, 200,
                    json_pack("{s:s,s:s%}", "hello", who.p ? who.p : "nobody", "header",
                              http_header(x, "x-test").p ? http_header(x, "x-test").p : "",
                              http_header(x, "x-test").n));
}
static void answer_list(struct http_exchange *x)
{
    http_reply(x, 200, "text/plain", str_join(x->arena, http_query_all(x, "x"), S("|")));
}
static void answer_echo(struct http_exchange *x)
{
    http_reply(x, 201, "text/plain", str_fmt(x->arena, "%.*s:%.*s", STR_FMT(x->rest), STR_FMT(x->body)));
}
static void note_gone(void *arg)
{
    struct world *w = arg;
    w->held = NULL;
    w->is_gone = true;
}
static void hold(struct http_exchange *x)
{
    struct world *w = x->arg;
    w->held = x;
    http_on_gone(x, note_gone, w);
}
static void answer_chunks(struct http_exchange *x)
{
    http_reply_start(x, 200, "text/plain");
    http_reply_chunk(x, S("one "));
    http_reply_chunk(x, S("two"));
    http_reply_end(x);
}
static const struct http_route routes[] = {
    {"GET", "/hello", answer_hello}, {"POST", "/echo/*", answer_echo},  {"GET", "/list", answer_list},
    {"GET", "/hold", hold},          {"GET", "/chunks", answer_chunks}, {NULL, NULL, NULL},
};

static int setup(void **state)
{
    struct err err = {0};
    struct world *w = calloc(1, sizeof *w);
    w->base = loop_base_new(&err);
    snprintf(w->path, sizeof w->path, "/tmp/osm-http-%d.sock", (int)getpid());
    struct http_server_options o = {.unix_path = w->path, .routes = routes, .arg = w, .max_body = 1000};
    w->server = http_server_new(w->base, &o, &err);
    w->client = http_client_new(w->base, &err);
    *state = w;
    return w->server && w->client ? 0 : -1;
}
static int teardown(void **state)
{
    struct world *w = *state;
    http_client_free(w->client);
    http_server_free(w->server);
    event_base_free(w->base);
    assert_int_equal(access(w->path, F_OK), -1);
    free(w);
    return 0;
}
static void on_done(void *arg, const struct http_answer *answer)
{
    struct world *w = arg;
    w->is_done = true;
    w->last = *answer;
    snprintf(w->body, sizeof w->body, "%.*s", STR_FMT(answer->body));
}
static void run_until(struct world *w, const bool *flag)
{
    struct timeval limit = {10, 0};
    event_base_loopexit(w->base, &limit);
    while (!*flag && !event_base_got_exit(w->base)) event_base_loop(w->base, EVLOOP_ONCE);
    assert_true(*flag);
}
static void call(struct world *w, const char *method, const char *path, struct str body)
{
    snprintf(w->url, sizeof w->url, "http://osm%s", path);
    struct str header = S("X-Test: yes");
    struct http_call_options o = {
        .method = method, .url = w->url, .unix_path = w->path, .body = body, .headers = {&header, 1}};
    w->is_done = false;
    http_call_start(w->client, &o, on_done, w);
    assert_false(w->is_done);
    run_until(w, &w->is_done);
    assert_true(w->last.ok);
}

static void routes_answer(void **state)
{
    struct world *w = *state;
    struct stat st;
    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    call(w, NULL, "/hello?who=a%20b", STR_NULL);
    assert_int_equal(w->last.status, 200);
    assert_string_equal(w->body, "{\"hello\":\"a b\",\"header\":\"yes\"}");
    call(w, NULL, "/echo/x%2Fy", S("body"));
    assert_int_equal(w->last.status, 201);
    assert_string_equal(w->body, "x/y:body");
    call(w, NULL, "/chunks", STR_NULL);
    assert_string_equal(w->body, "one two");
    call(w, NULL, "/list?x=a&y=b&x=c%26&x=", STR_NULL);
    assert_string_equal(w->body, "a|c&|");
    call(w, NULL, "/list?y=b", STR_NULL);
    assert_string_equal(w->body, "");
    call(w, "HEAD", "/hello", STR_NULL);
    assert_int_equal(w->last.status, 200);
    assert_string_equal(w->body, "");
}
static void what_is_wrong_is_said(void **state)
{
    struct world *w = *state;
    call(w, NULL, "/nowhere", STR_NULL);
    assert_int_equal(w->last.status, 404);
    assert_string_equal(w->body, "{\"error\":\"no such path: /nowhere\"}");
    call(w, "DELETE", "/hello", STR_NULL);
    assert_int_equal(w->last.status, 405);
    call(w, NULL, "/echo/", S("x"));
    assert_int_equal(w->last.status, 404);
    char *big = calloc(1, 2000);
    memset(big, 'x', 2000);
    call(w, NULL, "/echo/a", str_make(big, 2000));
    assert_int_equal(w->last.status, 413);
    call(w, NULL, "/a%00b", STR_NULL);
    assert_int_equal(w->last.status, 400);
    free(big);
}
static void an_answer_may_come_later_and_a_client_may_leave(void **state)
{
    struct world *w = *state;
    struct http_call_options o = {.url = "http://osm/hold", .unix_path = w->path};
    struct http_call *c = http_call_start(w->client, &o, on_done, w);
    struct timeval limit = {10, 0};
    event_base_loopexit(w->base, &limit);
    while (!w->held && !event_base_got_exit(w->base)) event_base_loop(w->base, EVLOOP_ONCE);
    http_call_cancel(c);
    run_until(w, &w->is_gone);
    w->is_done = false;
    http_call_start(w->client, &o, on_done, w);
    while (!w->held && !event_base_got_exit(w->base)) event_base_loop(w->base, EVLOOP_ONCE);
    http_reply(w->held, 200, NULL, S("late"));
    run_until(w, &w->is_done);
    assert_string_equal(w->body, "late");
    /* One that is still open when the server goes (teardown). */
    w->held = NULL;
    http_call_start(w->client, &o, on_done, w);
    while (!w->held && !event_base_got_exit(w->base)) event_base_loop(w->base, EVLOOP_ONCE);
    assert_non_null(w->held);
}
static bool count_pieces(void *arg, struct str piece)
{
    struct world *w = arg;
    w->pieces += piece.n;
    return true;
}
static void failures_name_the_url(void **state)
{
    struct world *w = *state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct http_answer answer;
    struct http_call_options o = {.url = "http://127.0.0.1:1/x"};
    assert_false(http_fetch(&o, a, &answer, &err));
    assert_non_null(strstr(err.text, "http://127.0.0.1:1/x: "));
    o = (struct http_call_options){.url = "http://osm/hello", .unix_path = w->path, .max_body = 3};
    w->is_done = false;
    http_call_start(w->client, &o, on_done, w);
    run_until(w, &w->is_done);
    assert_false(w->last.ok);
    assert_non_null(strstr(w->last.err.text, "larger than 3"));
    o = (struct http_call_options){.url = "http://osm/hello", .unix_path = w->path, .data = count_pieces};
    w->is_done = false;
    http_call_start(w->client, &o, on_done, w);
    run_until(w, &w->is_done);
    assert_true(w->last.ok);
    assert_true(w->pieces > 10);
    assert_int_equal(w->last.body.n, 0);
    /* A second server on the same path is refused, a stale file is not. */
    struct http_server_options so = {.unix_path = w->path, .routes = routes};
    assert_null(http_server_new(w->base, &so, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(routes_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_may_come_later_and_a_client_may_leave, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_name_the_url, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
