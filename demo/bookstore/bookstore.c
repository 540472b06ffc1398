/* bookstore.c - sells books, and has each sale restocked by the warehouse. */
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

enum { SOLD, RESTOCKED, RESTOCK_FAILED };
static struct counter counters[] = {{"booksSold", 0}, {"restocked", 0}, {"restockFailed", 0}, {NULL, 0}};
static struct app app = {.counters = counters};
static struct call restock;

static void restocked(int code, struct evhttp_request *req, void *arg)
{
    (void)req;
    (void)arg;
    counters[code == 200 ? RESTOCKED : RESTOCK_FAILED].value++;
}

/* A trace goes on only if the application passes these headers along. */
static void pass_trace(struct evhttp_request *req)
{
    static const char *const names[] = {"x-request-id",      "x-b3-traceid", "x-b3-spanid",
                                        "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *v = evhttp_find_header(evhttp_request_get_input_headers(req), names[i]);
        if (v) evhttp_add_header(evhttp_request_get_output_headers(req), names[i], v);
    }
}

static void answer(struct evhttp_request *req)
{
    char sold[32];
    snprintf(sold, sizeof sold, "%ld", counters[SOLD].value);
    evhttp_add_header(evhttp_request_get_output_headers(req), "Identity", app.name);
    evhttp_add_header(evhttp_request_get_output_headers(req), "Booksbought", sold);
    pass_trace(req);
    reply(req, HTTP_OK, "%s\n", sold);
}

static void sell(struct evhttp_request *req, void *arg)
{
    (void)arg;
    counters[SOLD].value++;
    call_start(&restock);
    answer(req);
}

/* GET tells the sales; POST sets them to the number in the body. */
static void books_bought(struct evhttp_request *req, void *arg)
{
    (void)arg;
    if (evhttp_request_get_command(req) == EVHTTP_REQ_POST) {
        struct evbuffer *body = evhttp_request_get_input_buffer(req);
        evbuffer_add(body, "", 1);
        counters[SOLD].value = atol((const char *)evbuffer_pullup(body, -1));
    }
    answer(req);
}

static void alive(struct evhttp_request *req, void *arg)
{
    (void)arg;
    reply(req, HTTP_OK, "ok\n");
}

int main(int argc, char **argv)
{
    app.name = env_text("IDENTITY", "bookstore");
    app_init(&app, argc, argv);
    restock = (struct call){
        .app = &app,
        .method = EVHTTP_REQ_POST,
        .host = env_text("BOOKWAREHOUSE", "bookwarehouse.bookwarehouse"),
        .port = env_number("BOOKWAREHOUSE_PORT", 14001),
        .path = "/restock-books",
        .headers = {"Identity", app.name},
        .body = "1",
        .done = restocked,
    };
    app_route(&app, "/books-bought", books_bought);
    app_route(&app, "/update-books-bought", books_bought);
    app_route(&app, "/buy-a-book/new", sell);
    app_route(&app, "/liveness", alive);
    app_route(&app, "/readiness", alive);
    app_route(&app, "/startup", alive);
    return app_run(&app);
}
