/* bookbuyer.c - asks for the bookstore's sales and buys a book, again and again. Compiled twice: the thief does the
 * same under its own name; only its identity differs. */
#include <stdio.h>
#include <string.h>

#include "common.h"

enum { REQUESTS, OK, DENIED, UNANSWERED, OTHER, LAST_CODE, BOOKS, BOOKS_V1, BOOKS_V2 };
#ifdef THIEF
#define ROLE       "bookthief"
#define BOOKS_NAME "booksStolen"
#else
#define ROLE       "bookbuyer"
#define BOOKS_NAME "booksBought"
#endif
static struct counter counters[] = {
    {"requests", 0}, {"ok", 0},       {"denied", 0},        {"unanswered", 0},    {"other", 0},
    {"lastCode", 0}, {BOOKS_NAME, 0}, {BOOKS_NAME "V1", 0}, {BOOKS_NAME "V2", 0}, {NULL, 0},
};

static struct app app = {.name = ROLE, .counters = counters};
static struct call ask, buy;
static bool busy; /* one pair of calls at a time */

/* `failed` of the story: every request that did not get 200. */
static void count(int code)
{
    counters[REQUESTS].value++;
    counters[code == 200 ? OK : code == 403 ? DENIED : code == 0 ? UNANSWERED : OTHER].value++;
    if (counters[LAST_CODE].value != code) say(&app, "answer changed from %ld to %d", counters[LAST_CODE].value, code);
    counters[LAST_CODE].value = code;
}

static void bought(int code, struct evhttp_request *req, void *arg)
{
    (void)arg;
    busy = false;
    count(code);
    if (code != 200) return;
    const char *who = evhttp_find_header(evhttp_request_get_input_headers(req), "Identity");
    counters[BOOKS].value++;
    if (who && strncmp(who, "bookstore-v1", 12) == 0) counters[BOOKS_V1].value++;
    if (who && strncmp(who, "bookstore-v2", 12) == 0) counters[BOOKS_V2].value++;
    if (counters[BOOKS].value % 100 == 1) say(&app, "%s %ld", BOOKS_NAME, counters[BOOKS].value);
}

static void asked(int code, struct evhttp_request *req, void *arg)
{
    (void)req;
    (void)arg;
    count(code);
    call_start(&buy);
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    if (busy) return;
    busy = true;
    call_start(&ask);
}

static struct call call_to(const char *path, void (*done)(int, struct evhttp_request *, void *))
{
    return (struct call){
        .app = &app,
        .method = EVHTTP_REQ_GET,
        .host = env_text("BOOKSTORE", "bookstore.bookstore"),
        .port = env_number("BOOKSTORE_PORT", 14001),
        .path = path,
        .headers = {"client-app", ROLE, "User-Agent", "Go-http-client/1.1"},
        .done = done,
    };
}

int main(int argc, char **argv)
{
    app_init(&app, argc, argv);
    ask = call_to("/books-bought", asked);
    buy = call_to("/buy-a-book/new", bought);
    int ms = env_number("INTERVAL_MS", 1000);
    struct event *timer = event_new(app.base, -1, EV_PERSIST, tick, NULL);
    event_add(timer, &(struct timeval){ms / 1000, ms % 1000 * 1000});
    return app_run(&app);
}
