#include "common.h"

#include <event2/buffer.h>
#include <event2/http_struct.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALL_SECONDS = 3 };

const char *env_text(const char *name, const char *otherwise)
{
    const char *v = getenv(name);
    return v && *v ? v : otherwise;
}

int env_number(const char *name, int otherwise)
{
    const char *v = getenv(name);
    return v && *v ? atoi(v) : otherwise;
}

void say(const struct app *app, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("%s: ", app->name);
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
}

void reply(struct evhttp_request *req, int code, const char *fmt, ...)
{
    struct evbuffer *body = evbuffer_new();
    va_list ap;
    va_start(ap, fmt);
    evbuffer_add_vprintf(body, fmt, ap);
    va_end(ap);
    evhttp_send_reply(req, code, NULL, body);
    evbuffer_free(body);
}

static void serve_raw(struct evhttp_request *req, void *arg)
{
    struct app *app = arg;
    struct evbuffer *body = evbuffer_new();
    evbuffer_add_printf(body, "{\"name\":\"%s\"", app->name);
    for (struct counter *c = app->counters; c->name; c++) evbuffer_add_printf(body, ",\"%s\":%ld", c->name, c->value);
    evbuffer_add_printf(body, "}\n");
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "application/json");
    evhttp_send_reply(req, HTTP_OK, NULL, body);
    evbuffer_free(body);
}

static void serve_text(struct evhttp_request *req, void *arg)
{
    struct app *app = arg;
    struct evbuffer *body = evbuffer_new();
    evbuffer_add_printf(body, "%s\n", app->name);
    for (struct counter *c = app->counters; c->name; c++) evbuffer_add_printf(body, "%-16s %ld\n", c->name, c->value);
    evhttp_send_reply(req, HTTP_OK, NULL, body);
    evbuffer_free(body);
}

static void serve_reset(struct evhttp_request *req, void *arg)
{
    struct app *app = arg;
    for (struct counter *c = app->counters; c->name; c++) c->value = 0;
    reply(req, HTTP_OK, "reset\n");
}

void app_route(struct app *app, const char *path, void (*fn)(struct evhttp_request *, void *))
{
    evhttp_set_cb(app->http, path, fn, app);
}

/* --- the client --- */
struct running {
    const struct call *call;
    struct evhttp_connection *connection;
};

static void free_connection(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    evhttp_connection_free(arg);
}

static void call_done(struct evhttp_request *req, void *arg)
{
    struct running *r = arg;
    const struct call *call = r->call;
    int code = req ? evhttp_request_get_response_code(req) : 0;
    /* libevent still uses the connection behind this callback: free it from the loop. */
    event_base_once(call->app->base, -1, EV_TIMEOUT, free_connection, r->connection, &(struct timeval){0, 0});
    free(r);
    call->done(code, code ? req : NULL, call->arg);
}

void call_start(const struct call *call)
{
    struct running *r = calloc(1, sizeof *r);
    r->call = call;
    r->connection = evhttp_connection_base_new(call->app->base, NULL, call->host, (unsigned short)call->port);
    evhttp_connection_set_timeout(r->connection, CALL_SECONDS);
    struct evhttp_request *req = evhttp_request_new(call_done, r);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    char host[300];
    snprintf(host, sizeof host, "%s:%d", call->host, call->port);
    evhttp_add_header(headers, "Host", host);
    evhttp_add_header(headers, "Connection", "close");
    for (size_t i = 0; i + 1 < 8 && call->headers[i]; i += 2)
        evhttp_add_header(headers, call->headers[i], call->headers[i + 1]);
    if (call->body) evbuffer_add(evhttp_request_get_output_buffer(req), call->body, strlen(call->body));
    evhttp_make_request(r->connection, req, call->method, call->path); /* a failure ends in call_done too */
}

/* --- `get URL` --- */
static void get_done(int code, struct evhttp_request *req, void *arg)
{
    struct app *app = arg;
    struct evbuffer *body = req ? evhttp_request_get_input_buffer(req) : NULL;
    while (body && evbuffer_get_length(body)) evbuffer_write(body, 1);
    if (code != HTTP_OK) fprintf(stderr, "%s: status %d\n", app->name, code);
    app->counters[0].value = code == HTTP_OK;
    event_base_loopexit(app->base, NULL);
}

static int get(struct app *app, const char *url)
{
    struct evhttp_uri *uri = evhttp_uri_parse(url);
    if (!uri || !evhttp_uri_get_host(uri)) {
        fprintf(stderr, "%s: %s is no http URL\n", app->name, url);
        return 2;
    }
    const char *path = evhttp_uri_get_path(uri);
    int port = evhttp_uri_get_port(uri);
    struct call call = {.app = app,
                        .method = EVHTTP_REQ_GET,
                        .host = evhttp_uri_get_host(uri),
                        .done = get_done,
                        .port = port > 0 ? port : 80,
                        .path = path && *path ? path : "/",
                        .arg = app};
    call_start(&call);
    event_base_dispatch(app->base);
    evhttp_uri_free(uri);
    return app->counters[0].value ? 0 : 1;
}

/* --- the program's frame --- */
static void stop(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_base_loopexit(arg, NULL);
}

static void stop_on(struct app *app, int signal_number)
{
    struct event *ev = evsignal_new(app->base, signal_number, stop, app->base);
    event_add(ev, NULL);
}

void app_init(struct app *app, int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    app->base = event_base_new();
    if (argc == 3 && strcmp(argv[1], "get") == 0) exit(get(app, argv[2]));
    app->http = evhttp_new(app->base);
    int port = env_number("PORT", 14001);
    if (evhttp_bind_socket(app->http, "0.0.0.0", (unsigned short)port) != 0) {
        fprintf(stderr, "%s: cannot listen on port %d\n", app->name, port);
        exit(1);
    }
    app_route(app, "/", serve_text);
    app_route(app, "/raw", serve_raw);
    app_route(app, "/reset", serve_reset);
    stop_on(app, SIGTERM);
    stop_on(app, SIGINT);
    say(app, "listening on port %d", port);
}

int app_run(struct app *app)
{
    event_base_dispatch(app->base);
    evhttp_free(app->http);
    return 0;
}
