#include "net/http_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metrics.h"
#include "net/listen.h"

enum { MAX_HEADERS = 16 << 10, MAX_BODY = 1 << 20, TIMEOUT_S = 30 };

struct http_internal {
    struct http_exchange x;
    struct http_server *server;
    struct http_internal *prev, *next; /* open exchanges of the server */
    struct evhttp_request *req;
    struct evhttp_connection *con;
    struct event *closed; /* the client's end of stream, only with on_gone */
    struct evkeyvalq query;
    bool has_query, is_chunked;
    const char *route; /* that answers; NULL: none */
    int64_t began;
    void (*on_gone)(void *arg);
    void *gone_arg;
};

struct http_server {
    struct event_base *base;
    struct evhttp *http;
    const struct http_route *routes;
    void *arg;
    char *unix_path;
    SSL_CTX *tls;
    int fd;
    bool is_counted;
    struct http_internal *open;
};

static const struct {
    enum evhttp_cmd_type type;
    const char *name;
} methods[] = {
    {EVHTTP_REQ_GET, "GET"},       {EVHTTP_REQ_POST, "POST"}, {EVHTTP_REQ_PUT, "PUT"},
    {EVHTTP_REQ_DELETE, "DELETE"}, {EVHTTP_REQ_HEAD, "HEAD"}, {EVHTTP_REQ_PATCH, "PATCH"},
};

static const char *method_name(enum evhttp_cmd_type type)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (methods[i].type == type) return methods[i].name;
    return "";
}

/* The archived project's names and bounds; the path is the route's own, so that there are few. */
static const double seconds[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 0};
static struct metric responses = {.name = "osm_http_response_total",
                                  .help = "Answers of the controller's health and metrics server",
                                  .type = METRIC_COUNTER,
                                  .labels = {"code", "method", "path"}};
static struct metric durations = {.name = "osm_http_response_duration",
                                  .help = "Seconds from request to answer there",
                                  .type = METRIC_HISTOGRAM,
                                  .labels = {"code", "method", "path"},
                                  .buckets = seconds};

static void count(const struct http_internal *in, int status)
{
    char code[12];
    if (!in->server->is_counted) return;
    snprintf(code, sizeof code, "%d", status);
    struct str method = str_of(in->x.method), path = in->route ? str_of(in->route) : S("other");
    metric_add(&responses, 1, str_of(code), method, path, STR_NULL);
    metric_observe(&durations, (double)(clock_mono_ns() - in->began) / 1e9, str_of(code), method, path, STR_NULL);
}

/* Ends our side; the request is the caller's to end. */
static void forget(struct http_internal *in)
{
    if (in->con) evhttp_connection_set_closecb(in->con, NULL, NULL);
    if (in->closed) event_free(in->closed);
    if (in->has_query) evhttp_clear_headers(&in->query);
    if (in->prev) in->prev->next = in->next;
    if (in->next) in->next->prev = in->prev;
    if (in->server->open == in) in->server->open = in->next;
    arena_free(in->x.arena);
    free(in);
}

static void tell_gone(struct http_internal *in)
{
    if (in->on_gone) in->on_gone(in->gone_arg);
}

/* evhttp gives up the connection; the unanswered request is left to us. */
static void on_connection_close(struct evhttp_connection *con, void *arg)
{
    (void)con;
    struct http_internal *in = arg;
    struct evhttp_request *req = in->req;
    tell_gone(in);
    in->con = NULL;
    forget(in);
    evhttp_request_free(req);
}

static void hang_up(struct http_internal *in)
{
    struct evhttp_connection *con = in->con;
    tell_gone(in);
    forget(in);
    evhttp_connection_free(con);
}

static void on_client_left(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    hang_up(arg);
}

static struct str body_of(struct evhttp_request *req, struct arena *a)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    size_t n = evbuffer_get_length(in);
    char *p = arena_alloc(a, n + 1);
    evbuffer_copyout(in, p, n);
    return str_make(p, n);
}

static struct http_internal *exchange_new(struct http_server *s, struct evhttp_request *req)
{
    struct http_internal *in = xcalloc(1, sizeof *in);
    in->server = s;
    in->req = req;
    in->began = clock_mono_ns();
    in->con = evhttp_request_get_connection(req);
    in->next = s->open;
    if (s->open) s->open->prev = in;
    s->open = in;
    in->x = (struct http_exchange){
        .method = method_name(evhttp_request_get_command(req)), .arena = arena_new(), .arg = s->arg, .in = in};
    in->x.body = body_of(req, in->x.arena);
    evhttp_connection_set_closecb(in->con, on_connection_close, in);
    return in;
}

static bool set_path(struct http_internal *in)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(in->req);
    const char *raw = uri ? evhttp_uri_get_path(uri) : NULL;
    if (!raw || *raw != '/') return false;
    size_t n = 0;
    char *decoded = evhttp_uridecode(raw, 0, &n);
    if (!decoded) return false;
    in->x.path = str_dup(in->x.arena, str_make(decoded, n));
    free(decoded);
    in->x.query = str_dup(in->x.arena, str_of(evhttp_uri_get_query(uri)));
    return str_find(in->x.path, '\0') < 0;
}

static bool path_fits(const char *pattern, struct str path, struct str *rest)
{
    struct str p = str_of(pattern);
    *rest = STR_NULL;
    if (!str_ends(p, S("*"))) return str_eq(p, path);
    p.n--;
    *rest = str_sub(path, p.n, path.n);
    return str_starts(path, p) && rest->n;
}

static bool method_fits(const char *want, const char *is)
{
    return strcmp(want, is) == 0 || (strcmp(want, "GET") == 0 && strcmp(is, "HEAD") == 0);
}

static void dispatch(struct http_exchange *x, const struct http_route *routes)
{
    bool path_known = false;
    struct str rest;
    for (const struct http_route *r = routes; r->method; r++) {
        if (!path_fits(r->path, x->path, &rest)) continue;
        path_known = true;
        if (!method_fits(r->method, x->method)) continue;
        x->rest = rest;
        x->in->route = r->path;
        r->fn(x);
        return;
    }
    if (path_known)
        http_reply_error(x, 405, "%s is not possible on %.*s", x->method, STR_FMT(x->path));
    else
        http_reply_error(x, 404, "no such path: %.*s", STR_FMT(x->path));
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct http_server *s = arg;
    struct http_internal *in = exchange_new(s, req);
    if (!set_path(in))
        http_reply_error(&in->x, 400, "the request's path is malformed");
    else
        dispatch(&in->x, s->routes);
}

static int open_socket(const struct http_server_options *opt, struct err *err)
{
    if (opt->unix_path) return listen_unix(opt->unix_path, opt->unix_mode ? opt->unix_mode : 0600, err);
    return listen_tcp(opt->address, opt->port, err);
}

static struct bufferevent *new_connection(struct event_base *base, void *arg)
{
    struct http_server *s = arg;
    SSL *ssl = SSL_new(s->tls);
    struct bufferevent *b =
        ssl ? bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE) : NULL;
    if (!b) { /* evhttp would go on in plain text */
        log_error("out of memory for a TLS connection");
        abort();
    }
    bufferevent_openssl_set_allow_dirty_shutdown(b, 1);
    return b;
}

void http_server_set_tls(struct http_server *s, SSL_CTX *tls)
{
    SSL_CTX_up_ref(tls);
    SSL_CTX_free(s->tls);
    s->tls = tls;
}

struct http_server *http_server_new(struct event_base *base, const struct http_server_options *opt, struct err *err)
{
    int fd = open_socket(opt, err);
    if (fd < 0) return NULL;
    struct http_server *s = xcalloc(1, sizeof *s);
    *s = (struct http_server){
        .base = base, .routes = opt->routes, .arg = opt->arg, .fd = fd, .is_counted = opt->is_counted};
    if (s->is_counted) metric_register(&responses);
    if (s->is_counted) metric_register(&durations);
    if (opt->unix_path) s->unix_path = xstrdup(opt->unix_path);
    s->http = evhttp_new(base);
    evhttp_set_max_headers_size(s->http, MAX_HEADERS);
    evhttp_set_max_body_size(s->http, (ev_ssize_t)(opt->max_body ? opt->max_body : MAX_BODY));
    evhttp_set_timeout(s->http, TIMEOUT_S);
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                            EVHTTP_REQ_HEAD | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(s->http, on_request, s);
    if (opt->tls) {
        http_server_set_tls(s, opt->tls);
        evhttp_set_bevcb(s->http, new_connection, s);
    }
    evhttp_accept_socket_with_handle(s->http, fd);
    return s;
}

void http_server_free(struct http_server *s)
{
    if (!s) return;
    while (s->open) hang_up(s->open);
    if (s->unix_path) unlink(s->unix_path);
    evhttp_free(s->http);
    SSL_CTX_free(s->tls);
    free(s->unix_path);
    free(s);
}

uint16_t http_server_port(const struct http_server *s) { return listen_port(s->fd); }

/* False: there is none, or it is not one. */
static bool read_query(struct http_internal *in)
{
    const char *text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(in->req));
    if (!in->has_query) in->has_query = text && !evhttp_parse_query_str(text, &in->query);
    return in->has_query;
}

struct str http_query(struct http_exchange *x, const char *name)
{
    return read_query(x->in) ? str_of(evhttp_find_header(&x->in->query, name)) : STR_NULL;
}

struct strs http_query_all(struct http_exchange *x, const char *name)
{
    struct strs all = {0};
    if (!read_query(x->in)) return all;
    for (const struct evkeyval *p = x->in->query.tqh_first; p; p = p->next.tqe_next)
        if (str_eq_nocase(str_of(p->key), str_of(name))) list_push(x->arena, &all, str_of(p->value));
    return all;
}

struct str http_header(struct http_exchange *x, const char *name)
{
    return str_of(evhttp_find_header(evhttp_request_get_input_headers(x->in->req), name));
}

void http_reply_header(struct http_exchange *x, const char *name, const char *value)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(x->in->req);
    evhttp_remove_header(headers, name);
    evhttp_add_header(headers, name, value);
}

void http_reply(struct http_exchange *x, int status, const char *content_type, struct str body)
{
    struct evhttp_request *req = x->in->req;
    struct evbuffer *out = evbuffer_new();
    evbuffer_add(out, body.p, body.n);
    if (content_type) http_reply_header(x, "Content-Type", content_type);
    count(x->in, status);
    forget(x->in);
    evhttp_send_reply(req, status, NULL, out);
    evbuffer_free(out);
}

void http_reply_json(struct http_exchange *x, int status, json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    http_reply(x, text ? status : 500, "application/json", str_of(text ? text : "{\"error\":\"no text\"}"));
    free(text);
}

void http_reply_error(struct http_exchange *x, int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str text = str_vfmt(x->arena, fmt, ap);
    va_end(ap);
    http_reply_json(x, status, json_pack("{s:s%}", "error", text.p, text.n));
}

void http_reply_start(struct http_exchange *x, int status, const char *content_type)
{
    http_reply_header(x, "Content-Type", content_type);
    x->in->is_chunked = true;
    count(x->in, status);
    evhttp_send_reply_start(x->in->req, status, NULL);
}

void http_reply_chunk(struct http_exchange *x, struct str bytes)
{
    if (!bytes.n) return; /* an empty chunk would end the answer */
    struct evbuffer *out = evbuffer_new();
    evbuffer_add(out, bytes.p, bytes.n);
    evhttp_send_reply_chunk(x->in->req, out);
    evbuffer_free(out);
}

size_t http_reply_queued(const struct http_exchange *x)
{
    return evbuffer_get_length(bufferevent_get_output(evhttp_connection_get_bufferevent(x->in->con)));
}

void http_reply_end(struct http_exchange *x)
{
    struct evhttp_request *req = x->in->req;
    forget(x->in);
    evhttp_send_reply_end(req);
}

void http_on_gone(struct http_exchange *x, void (*fn)(void *arg), void *arg)
{
    struct http_internal *in = x->in;
    in->on_gone = fn;
    in->gone_arg = arg;
    if (in->closed) return;
    /* evhttp does not read while a request is answered, so the end of the stream is watched beside it. */
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(in->con));
    in->closed = event_new(in->server->base, fd, EV_CLOSED, on_client_left, in);
    event_add(in->closed, NULL);
}
