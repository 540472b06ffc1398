/* HTTP/1.1 answers as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/http_text.h"

static void answers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
        const char *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"},
        {"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2\r\nok\r\nA;x=y\r\n0123456789\r\n0\r\nT: x\r\n\r\n",
         200, "ok0123456789"},
        {"HTTP/1.0 404 Not Found\r\n\r\nto the end", 404, "to the end"},
        {"HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
        {"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n", 500, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *a SCOPED_ARENA = arena_new();
        struct err err = {0};
        struct http_text t;
        assert_int_equal(http_text_read(str_of(cases[i].text), true, a, &t, &err), HTTP_TEXT_WHOLE);
        assert_int_equal(t.status, cases[i].status);
        assert_true(str_is(t.body, cases[i].body));
        assert_int_equal(t.used, strlen(cases[i].text));
    }
}

static void a_part_waits_and_an_end_in_it_is_a_fault(void **state)
{
    (void)state;
    static const char *const parts[] = {"", "HT", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",
                                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct arena *a SCOPED_ARENA = arena_new();
        struct err err = {0};
        struct http_text t;
        assert_int_equal(http_text_read(str_of(parts[i]), false, a, &t, &err), HTTP_TEXT_MORE);
        assert_int_equal(http_text_read(str_of(parts[i]), true, a, &t, &err), HTTP_TEXT_BAD);
        assert_non_null(strstr(err.text, "the connection ended"));
    }
}

static void what_is_no_http_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"SSH-2.0", "begins otherwise"},
        {"HTTP/1.1 abc\r\n\r\n", "no status"},
        {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "length is no number"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "another transfer coding"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "no size"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "longer than its size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *a SCOPED_ARENA = arena_new();
        struct err err = {0};
        struct http_text t;
        assert_int_equal(http_text_read(str_of(cases[i].text), false, a, &t, &err), HTTP_TEXT_BAD);
        assert_non_null(strstr(err.text, cases[i].why));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_are_read),
                                       cmocka_unit_test(a_part_waits_and_an_end_in_it_is_a_fault),
                                       cmocka_unit_test(what_is_no_http_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
