/* Exec and port-forward as bytes: the upgrade, frames cut anyhow, how commands end, and one sentence for each fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/base64.h"
#include "kube/channels.h"
#include "kube/websocket.h"

struct world {
    struct websocket *w;
    struct exec_channels exec;
    struct forward_channels port;
    bool is_port;
    struct err err;
};

static bool on_message(void *arg, struct str bytes)
{
    struct world *w = arg;
    return w->is_port ? forward_channels_take(&w->port, bytes, &w->err) : exec_channels_take(&w->exec, bytes, &w->err);
}

static int setup(void **state)
{
    struct world *w = *state = xcalloc(1, sizeof *w);
    w->exec.max = w->port.max = 64;
    w->w = websocket_new(&(struct websocket_options){.target = S("/api/v1/x?command=ls"),
                                                     .host = S("api:6443"),
                                                     .protocols = S("v5.channel.k8s.io, v4.channel.k8s.io"),
                                                     .message = on_message,
                                                     .arg = w});
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    websocket_free(w->w);
    exec_channels_release(&w->exec);
    forward_channels_release(&w->port);
    free(w);
    return 0;
}

static struct str key_of_request(struct world *w)
{
    struct str rest = buf_view(websocket_output(w->w)), line;
    while (rest.p)
        if (str_starts(line = str_cut(&rest, '\n'), S("Sec-WebSocket-Key: ")))
            return str_trim(str_sub(line, 19, line.n));
    return STR_NULL;
}

static bool upgrade(struct world *w, const char *protocol)
{
    struct buf text SCOPED_BUF = {0}, answer SCOPED_BUF = {0};
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    buf_str(&text, key_of_request(w));
    buf_c(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    assert_int_equal(EVP_Digest(text.p, text.n, hash, &n, EVP_sha1(), NULL), 1);
    buf_fmt(&answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: %s\r\n",
            protocol);
    buf_c(&answer, "Sec-WebSocket-Accept: ");
    base64_write(str_make((const char *)hash, n), &answer);
    buf_c(&answer, "\r\n\r\n");
    buf_drop(websocket_output(w->w), websocket_output(w->w)->n);
    return websocket_feed(w->w, buf_view(&answer), &w->err);
}

static bool feed(struct world *w, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!websocket_feed(w->w, str_make(bytes + i, 1), &w->err)) return false;
    return true;
}
#define FEED(w, literal) feed(w, literal, sizeof(literal) - 1)

static void the_request_is_an_upgrade(void **state)
{
    struct world *w = *state;
    struct str request = buf_view(websocket_output(w->w));
    assert_true(str_starts(request, S("GET /api/v1/x?command=ls HTTP/1.1\r\n")));
    assert_int_equal(key_of_request(w).n, 24);
    assert_true(str_ends(request, S("\r\n\r\n")));
}

static void a_command_ends_with_its_code(void **state)
{
    struct world *w = *state;
    int code = -1;
    assert_true(upgrade(w, "v5.channel.k8s.io"));
    assert_true(str_is(websocket_protocol(w->w), "v5.channel.k8s.io"));
    assert_true(FEED(w, "\x82\x04\x01out\x82\x04\x02"
                        "err\x02\x02\x01-\x80\x01+\x82\x02\xff\x01"));
    static const char failed[] = "\x03{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":"
                                 "[{\"reason\":\"ExitCode\",\"message\":\"7\"}]}}";
    const char head[] = {(char)0x82, (char)(sizeof failed - 1)};
    assert_true(feed(w, head, 2) && feed(w, failed, sizeof failed - 1));
    assert_false(websocket_is_closed(w->w));
    assert_true(FEED(w, "\x88\x02\x03\xe8"));
    assert_true(websocket_is_closed(w->w) && websocket_end(w->w, &w->err));
    assert_true(exec_channels_end(&w->exec, &code, &w->err));
    assert_int_equal(code, 7);
    assert_true(str_is(buf_view(&w->exec.out), "out-+") && str_is(buf_view(&w->exec.errors), "err"));
}

static void a_command_that_did_not_run_says_why(void **state)
{
    struct world *w = *state;
    int code;
    struct str said = S("\x03{\"status\":\"Failure\",\"message\":\"container not found (\\\"x\\\")\"}");
    assert_true(exec_channels_take(&w->exec, said, &w->err));
    assert_false(exec_channels_end(&w->exec, &code, &w->err));
    assert_string_equal(w->err.text, "container not found (\"x\")");
    err_clear(&w->err);
    buf_drop(&w->exec.status, w->exec.status.n);
    assert_false(exec_channels_end(&w->exec, &code, &w->err));
    assert_string_equal(w->err.text, "the connection ended before the command");
}

static void a_refusal_is_kept_for_whoever_explains_it(void **state)
{
    struct world *w = *state;
    assert_false(FEED(w, "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"));
    const struct http_text *t = websocket_refusal(w->w);
    assert_non_null(t);
    assert_int_equal(t->status, 403);
    assert_true(str_is(t->body, "{}") && str_is(http_text_header(t, "content-TYPE"), "application/json"));
}

static void a_wrong_upgrade_is_no_websocket(void **state)
{
    struct world *w = *state;
    assert_false(FEED(w, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAA\r\n\r\n"));
    assert_non_null(strstr(w->err.text, "answers the upgrade to a WebSocket wrongly"));
    assert_null(websocket_refusal(w->w));
}

static void a_protocol_that_was_not_offered_is_refused(void **state)
{
    struct world *w = *state;
    assert_false(upgrade(w, "v1.other"));
    assert_string_equal(w->err.text, "the server speaks none of v5.channel.k8s.io, v4.channel.k8s.io");
}

static void a_message_too_large_ends_it(void **state)
{
    struct world *w = *state;
    assert_true(upgrade(w, "v4.channel.k8s.io"));
    assert_false(FEED(w, "\x82\x7f\x00\x00\x00\x00\x7f\x00\x00\x00x"));
    assert_non_null(strstr(w->err.text, "a message of more than 1048576 bytes"));
}

static void frames_that_are_none_end_it(void **state)
{
    struct world *w = *state;
    assert_true(upgrade(w, "v4.channel.k8s.io"));
    assert_false(FEED(w, "\xf2\x01x"));
    assert_non_null(strstr(w->err.text, "the server's frames"));
}

static void a_lost_connection_is_no_end(void **state)
{
    struct world *w = *state;
    assert_false(websocket_end(w->w, &w->err));
    err_clear(&w->err);
    assert_true(upgrade(w, "v4.channel.k8s.io"));
    assert_true(FEED(w, "\x82\x04\x01o"));
    assert_false(websocket_end(w->w, &w->err));
    assert_string_equal(w->err.text, "the connection to the server was lost");
}

static void a_port_carries_bytes_behind_its_number(void **state)
{
    struct world *w = *state;
    w->is_port = true;
    assert_true(upgrade(w, "v4.channel.k8s.io"));
    assert_true(FEED(w, "\x82\x02\x00\x86\x82\x02\x00\x23\x82\x03\x01\x86\x23\x82\x03\x00hi\x82\x03\x01no"));
    assert_true(str_is(buf_view(&w->port.data), "hi") && str_is(buf_view(&w->port.failure), "no"));
    websocket_send(w->w, S("\0x"));
    assert_int_equal((unsigned char)websocket_output(w->w)->p[0], 0x82);
    assert_int_equal((unsigned char)websocket_output(w->w)->p[1], 0x82); /* masked, 2 bytes */
}

static void more_than_was_asked_for_ends_it(void **state)
{
    struct world *w = *state;
    char text[66] = "\x01";
    memset(text + 1, 'x', 65);
    assert_false(exec_channels_take(&w->exec, str_make(text, 66), &w->err));
    assert_string_equal(w->err.text, "the answer is larger than 64 bytes");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_request_is_an_upgrade),           T(a_command_ends_with_its_code),
        T(a_command_that_did_not_run_says_why), T(a_refusal_is_kept_for_whoever_explains_it),
        T(a_wrong_upgrade_is_no_websocket),     T(a_protocol_that_was_not_offered_is_refused),
        T(a_message_too_large_ends_it),         T(frames_that_are_none_end_it),
        T(a_lost_connection_is_no_end),         T(a_port_carries_bytes_behind_its_number),
        T(more_than_was_asked_for_ends_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
