/* common.h - what the demo's four programs share: an HTTP server with counters, an HTTP client, a `get` mode.
 *
 * One thread, one loop. Every program serves GET /raw (its counters as JSON), GET / (as text) and /reset. */
#pragma once
#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>

struct counter {
    const char *name;
    long value;
};

struct app {
    const char *name; /* in logs and as the header Identity */
    struct event_base *base;
    struct evhttp *http;
    struct counter *counters; /* ends with name NULL */
};

/* Text and number of an environment variable, or |otherwise|. */
const char *env_text(const char *name, const char *otherwise);
int env_number(const char *name, int otherwise);

/* `PROGRAM get URL` prints the body and ends the program, 0 for a 200. Otherwise prepares the server on PORT (14001).
 */
void app_init(struct app *app, int argc, char **argv);
/* Until SIGTERM; the exit status. */
int app_run(struct app *app);
void app_route(struct app *app, const char *path, void (*fn)(struct evhttp_request *, void *));
/* One line on stdout. */
void say(const struct app *app, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Answers with a text body and closes nothing. */
void reply(struct evhttp_request *req, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

struct call {
    struct app *app;
    enum evhttp_cmd_type method;
    const char *host; /* may be a name; resolved anew at every call */
    int port;
    const char *path;
    const char *headers[8]; /* name, value, name, value, NULL */
    const char *body;       /* or NULL */
    /* |code| 0: no answer, |req| NULL. Called exactly once. */
    void (*done)(int code, struct evhttp_request *req, void *arg);
    void *arg;
};
/* On a connection of its own, so that each call meets the mesh as it is now. Borrowed until done. */
void call_start(const struct call *call);
