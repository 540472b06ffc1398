#include "net/http_client.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"

enum { MAX_BODY = 16 << 20, TIMEOUT_MS = 30000, CONNECT_TIMEOUT_MS = 5000, KEEPALIVE_S = 15, DEAD_PEER_MS = 45000 };

/* One request as curl sees it; shared by the asynchronous and the blocking way. */
struct http_call {
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    struct buf body;
    size_t max_body;
    bool (*data)(void *arg, struct str piece);
    void (*head)(void *arg, int status);
    void *data_arg;
    bool is_too_large;
    char error[CURL_ERROR_SIZE];
    char *url;
    void (*done)(void *arg, const struct http_answer *answer);
    void *arg;
    struct http_client *client;
    struct http_call *prev, *next;
};

struct http_client {
    struct event_base *base;
    CURLM *multi;
    struct event *timer;
    struct http_call *calls;
};

static void init_curl(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

static void init_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
}

static void *data_arg(const struct http_call *c) { return c->data_arg ? c->data_arg : c->arg; }

/* One call per line; the empty one ends a head, of which there may be several (proxies, 100). */
static size_t on_head(char *p, size_t one, size_t n, void *arg)
{
    (void)one;
    struct http_call *c = arg;
    long status = 0;
    if (str_trim(str_make(p, n)).n) return n;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200) c->head(data_arg(c), (int)status);
    return n;
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
    (void)one;
    struct http_call *c = arg;
    long status = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    if (c->data && status >= 200 && status < 300) return c->data(data_arg(c), str_make(p, n)) ? n : 0;
    if (c->body.n + n > c->max_body) {
        c->is_too_large = true;
        return 0;
    }
    buf_add(&c->body, p, n);
    return n;
}

/* Bytes that nobody acknowledges end the connection, keep-alive probes included. */
static int mind_dead_peer(void *arg, curl_socket_t fd, curlsocktype what)
{
    (void)arg, (void)what;
    int ms = DEAD_PEER_MS;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
    return CURL_SOCKOPT_OK;
}

static void set_keepalive(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, mind_dead_peer);
}

static void set_blob(CURL *easy, CURLoption option, struct str pem)
{
    struct curl_blob blob = {(void *)pem.p, pem.n, CURL_BLOB_COPY};
    if (pem.n) curl_easy_setopt(easy, option, &blob);
}

static bool has_header(struct strs headers, struct str name)
{
    for (size_t i = 0; i < headers.n; i++)
        if (str_eq_nocase(str_sub(headers.v[i], 0, name.n), name)) return true;
    return false;
}

static void add_header(struct http_call *c, struct str line)
{
    char *text = xstrndup(line.p, line.n);
    c->headers = curl_slist_append(c->headers, text);
    free(text);
}

static void set_headers(struct http_call *c, const struct http_call_options *o)
{
    for (size_t i = 0; i < o->headers.n; i++) add_header(c, o->headers.v[i]);
    if (o->body.p && !has_header(o->headers, S("Content-Type:"))) add_header(c, S("Content-Type: application/json"));
    add_header(c, S("Expect:"));
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
}

static void set_body(CURL *easy, const struct http_call_options *o)
{
    if (o->body.p) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body.n);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, o->body.p);
    }
    if (o->method && strcmp(o->method, "HEAD") == 0) curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (o->method) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, o->method);
}

static void set_times(CURL *easy, const struct http_call_options *o)
{
    long whole = o->timeout_ms ? (long)o->timeout_ms : TIMEOUT_MS;
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, whole < 0 ? 0L : whole);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     o->connect_timeout_ms ? (long)o->connect_timeout_ms : (long)CONNECT_TIMEOUT_MS);
    if (!o->idle_timeout_ms) return;
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)((o->idle_timeout_ms + 999) / 1000));
}

static void set_place(struct http_call *c, const struct http_call_options *o)
{
    curl_easy_setopt(c->easy, CURLOPT_URL, o->url);
    curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (o->proxy)
        curl_easy_setopt(c->easy, CURLOPT_PROXY, o->proxy);
    else
        curl_easy_setopt(c->easy, CURLOPT_NOPROXY, "*");
    /* Without TLS it is HTTP/1.1, and who waits would wait for an answer's end: streams have none. */
    curl_easy_setopt(c->easy, CURLOPT_PIPEWAIT, (long)(o->few_connections && strncmp(o->url, "https:", 6) == 0));
    if (o->keepalive) set_keepalive(c->easy);
    curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION,
                     (long)(o->h2c ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : CURL_HTTP_VERSION_2TLS));
    curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, (long)o->no_reuse);
    curl_easy_setopt(c->easy, CURLOPT_FORBID_REUSE, (long)o->no_reuse);
    if (o->unix_path) curl_easy_setopt(c->easy, CURLOPT_UNIX_SOCKET_PATH, o->unix_path);
    if (!o->connect_to) return;
    struct buf to SCOPED_BUF = {0};
    buf_fmt(&to, "::%s", o->connect_to);
    buf_char(&to, '\0');
    c->connect_to = curl_slist_append(NULL, to.p);
    curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, c->connect_to);
}

static void set_tls(CURL *easy, const struct http_call_options *o)
{
    set_blob(easy, CURLOPT_CAINFO_BLOB, o->roots);
    if (o->roots.n) curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (o->no_verify) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (!o->chain.n) return;
    curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
    curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
    set_blob(easy, CURLOPT_SSLCERT_BLOB, o->chain);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, o->key);
}

static struct http_call *call_new(const struct http_call_options *o)
{
    init_once();
    struct http_call *c = xcalloc(1, sizeof *c);
    c->easy = curl_easy_init();
    c->url = xstrdup(o->url);
    c->max_body = o->max_body ? o->max_body : MAX_BODY;
    c->data = o->data;
    c->data_arg = o->data_arg;
    c->head = o->head;
    if (o->head) {
        curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_head);
        curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
        curl_easy_setopt(c->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    }
    curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
    curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    set_place(c, o);
    set_times(c->easy, o);
    set_body(c->easy, o);
    set_headers(c, o);
    set_tls(c->easy, o);
    return c;
}

static void call_free(struct http_call *c)
{
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    curl_slist_free_all(c->connect_to);
    buf_free(&c->body);
    free(c->url);
    free(c);
}

static bool is_away(CURLcode code)
{
    return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT ||
           code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR;
}

static void answer_of(struct http_call *c, CURLcode code, struct http_answer *out)
{
    long status = 0;
    const char *type = NULL;
    *out = (struct http_answer){.ok = code == CURLE_OK, .is_away = is_away(code)};
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
    curl_off_t wait_s = 0;
    struct curl_header *warning = NULL;
    curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &wait_s);
    if (curl_easy_header(c->easy, "Warning", 0, CURLH_HEADER, -1, &warning) == CURLHE_OK)
        out->warning = str_of(warning->value);
    out->retry_after_ms = (int64_t)wait_s * 1000;
    out->status = (int)status;
    out->body = buf_view(&c->body);
    out->content_type = str_of(type);
    if (c->is_too_large)
        err_set(&out->err, "%s: the answer is larger than %zu bytes", c->url, c->max_body);
    else if (!out->ok)
        err_set(&out->err, "%s: %s", c->url, c->error[0] ? c->error : curl_easy_strerror(code));
}

/* ---- on the loop ---- */
static void unlink_call(struct http_call *c)
{
    if (c->prev) c->prev->next = c->next;
    if (c->next) c->next->prev = c->prev;
    if (c->client->calls == c) c->client->calls = c->next;
    curl_multi_remove_handle(c->client->multi, c->easy);
}

static void finish(struct http_call *c, CURLcode code)
{
    struct http_answer answer;
    answer_of(c, code, &answer);
    unlink_call(c);
    c->done(c->arg, &answer);
    call_free(c);
}

static void finish_all(struct http_client *client)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(client->multi, &left));) {
        if (m->msg != CURLMSG_DONE) continue;
        struct http_call *c;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
        finish(c, m->data.result);
    }
}

static void on_socket_event(evutil_socket_t fd, short what, void *arg)
{
    struct http_client *client = arg;
    int action = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0), running;
    curl_multi_socket_action(client->multi, fd, action, &running);
    finish_all(client);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct http_client *client = arg;
    int running;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_all(client);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *event)
{
    (void)easy;
    struct http_client *client = arg;
    struct event *ev = event;
    if (ev) event_free(ev);
    ev = NULL;
    if (what != CURL_POLL_REMOVE) {
        short kind = (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);
        ev = event_new(client->base, fd, kind, on_socket_event, client);
        event_add(ev, NULL);
    }
    curl_multi_assign(client->multi, fd, ev);
    return 0;
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    struct http_client *client = arg;
    struct timeval t = {ms / 1000, ms % 1000 * 1000};
    if (ms < 0)
        event_del(client->timer);
    else
        event_add(client->timer, &t);
    return 0;
}

struct http_client *http_client_new(struct event_base *base, struct err *err)
{
    init_once();
    CURLM *multi = curl_multi_init();
    if (!multi) return ERR_NULL(err, "cannot create an HTTP client");
    struct http_client *c = xcalloc(1, sizeof *c);
    c->base = base;
    c->multi = multi;
    c->timer = event_new(base, -1, 0, on_timer, c);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, c);
    return c;
}

void http_client_free(struct http_client *c)
{
    if (!c) return;
    while (c->calls) http_call_cancel(c->calls);
    curl_multi_cleanup(c->multi);
    event_free(c->timer);
    free(c);
}

struct http_call *http_call_start(struct http_client *c, const struct http_call_options *opt,
                                  void (*done)(void *arg, const struct http_answer *answer), void *arg)
{
    struct http_call *call = call_new(opt);
    call->client = c;
    call->done = done;
    call->arg = arg;
    call->next = c->calls;
    if (c->calls) c->calls->prev = call;
    c->calls = call;
    curl_multi_add_handle(c->multi, call->easy);
    return call;
}

void http_call_cancel(struct http_call *call)
{
    if (!call) return;
    unlink_call(call);
    call_free(call);
}

bool http_fetch(const struct http_call_options *opt, struct arena *a, struct http_answer *out, struct err *err)
{
    struct http_call *c = call_new(opt);
    CURLcode code = curl_easy_perform(c->easy);
    answer_of(c, code, out);
    out->body = str_dup(a, out->body);
    out->content_type = str_dup(a, out->content_type);
    out->warning = str_dup(a, out->warning);
    if (!out->ok) err_set(err, "%s", out->err.text);
    call_free(c);
    return out->ok;
}

/* ---- bytes ---- */

struct http_socket {
    struct http_call *call;
    curl_socket_t fd;
};

struct http_socket *http_socket_open(const struct http_call_options *opt, struct err *err)
{
    struct http_call *c = call_new(opt);
    curl_socket_t fd = CURL_SOCKET_BAD;
    curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(c->easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    CURLcode code = curl_easy_perform(c->easy);
    if (code == CURLE_OK) code = curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (code != CURLE_OK || fd == CURL_SOCKET_BAD) {
        err_set(err, "%s: %s", c->url, c->error[0] ? c->error : curl_easy_strerror(code));
        call_free(c);
        return NULL;
    }
    struct http_socket *s = xcalloc(1, sizeof *s);
    *s = (struct http_socket){c, fd};
    return s;
}

void http_socket_close(struct http_socket *s)
{
    if (!s) return;
    call_free(s->call);
    free(s);
}

int http_socket_fd(const struct http_socket *s) { return s->fd; }

static ssize_t moved(CURLcode code, size_t n)
{
    if (code == CURLE_AGAIN) return 0;
    return code == CURLE_OK && n ? (ssize_t)n : HTTP_SOCKET_END;
}

ssize_t http_socket_read(struct http_socket *s, void *p, size_t n)
{
    size_t got = 0;
    CURLcode code = curl_easy_recv(s->call->easy, p, n, &got);
    return moved(code, got);
}

ssize_t http_socket_write(struct http_socket *s, const void *p, size_t n)
{
    size_t sent = 0;
    CURLcode code = curl_easy_send(s->call->easy, p, n, &sent);
    return moved(code, sent);
}
