/* bench_admit: pods through the injection webhook over kept-alive TLS connections.
 *
 *   bench_admit CONNECTIONS PER_SECOND SECONDS    PER_SECOND 0: as fast as the answers come
 *
 * Server and caller are threads of one process; prints {"answers", "server_cpu_s", "wall_s", "p50_us", "p99_us",
 * "max_us"}. The server's CPU time is its thread's own. A paced call counts from when it was due, so that a slow
 * answer also counts against those that wait behind it. */
#include <dirent.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admit/admit.h"
#include "base/clock.h"
#include "net/loop.h"
#include "net/tls.h"

#include "../tests/unit/net/pki.h"

enum { MAX_CALLS = 4 << 20, POD_BYTES = 6000 };

/* One kept-alive connection; the request's bytes are always the same. */
struct caller {
    struct bench *b;
    struct bufferevent *bev;
    int64_t from; /* of the call under way; 0: idle */
};
struct bench {
    struct event_base *base;
    struct caller *callers;
    struct str request;
    int64_t began, ends, every_ns; /* every_ns 0: closed loop */
    int64_t *took;
    size_t n, due, open, connections, failed;
};

/* ---- the world ---- */

static json_t *pod(void)
{
    json_t *container =
        json_pack("{s:s, s:s, s:[{s:i, s:s}], s:{s:{s:s, s:s}}}", "name", "web", "image", "web:1", "ports",
                  "containerPort", 8080, "name", "http", "readinessProbe", "httpGet", "path", "/ready", "port", "http");
    json_t *env = json_array();
    json_object_set_new(container, "env", env);
    json_t *p = json_pack("{s:s, s:s, s:{s:s, s:{s:s}}, s:{s:[o], s:s}}", "apiVersion", "v1", "kind", "Pod", "metadata",
                          "generateName", "web-7d4b9c6f5-", "labels", "app", "web", "spec", "containers", container,
                          "serviceAccountName", "web");
    for (int i = 0; json_dumpb(p, NULL, 0, JSON_COMPACT) < POD_BYTES; i++)
        json_array_append_new(env, json_pack("{s:o, s:s}", "name", json_sprintf("SETTING_NUMBER_%d", i), "value",
                                             "a value as people write them"));
    return p;
}

static struct str request(struct arena *a)
{
    json_t *r =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:{s:s, s:s, s:s}, s:o}}", "apiVersion", "admission.k8s.io/v1", "kind",
                  "AdmissionReview", "request", "uid", "0a1b2c3d-0000-4000-8000-00000000abcd", "operation", "CREATE",
                  "namespace", "shop", "kind", "group", "", "version", "v1", "kind", "Pod", "object", pod());
    char *text = json_dumps(r, JSON_COMPACT);
    struct str out =
        str_fmt(a,
                "POST /mutate-pod-creation?timeout=10s HTTP/1.1\r\nHost: osm-injector.osm-system.svc:443\r\n"
                "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                strlen(text), text);
    free(text);
    json_decref(r);
    return out;
}

static void fill(struct admit_server *s, struct arena *a)
{
    struct mesh_settings set;
    struct problems probs = {0};
    mesh_settings_of(NULL, a, &set);
    admit_server_set_settings(s, &set);
    json_t *doc = json_pack("{s:s, s:s, s:{s:s, s:{s:s}, s:{s:s}}}", "apiVersion", "v1", "kind", "Namespace",
                            "metadata", "name", "shop", "labels", "openservicemesh.io/monitored-by", "osm",
                            "annotations", "openservicemesh.io/sidecar-injection", "enabled");
    struct object *ns = object_of_json(doc, a, &probs);
    admit_server_object(s, KIND_NAMESPACE, S("shop"), ns);
    object_unref(ns);
    json_decref(doc);
}

/* ---- the callers ---- */

static void call(struct caller *c, int64_t from)
{
    c->from = from;
    c->b->open++;
    bufferevent_write(c->bev, c->b->request.p, c->b->request.n);
}

static void fire_due(struct bench *b)
{
    int64_t now = clock_mono_ns();
    for (size_t i = 0; i < b->connections; i++) {
        int64_t at = b->began + (int64_t)b->due * b->every_ns;
        if (b->callers[i].from) continue;
        if (at > now || at >= b->ends) break;
        b->due++;
        call(&b->callers[i], at);
    }
}

static void answered(struct caller *c, bool good)
{
    struct bench *b = c->b;
    b->open--;
    b->failed += !good;
    if (b->n < MAX_CALLS) b->took[b->n++] = clock_mono_ns() - c->from;
    c->from = 0;
    bool over = clock_mono_ns() >= b->ends;
    if (!over && b->every_ns)
        fire_due(b);
    else if (!over)
        call(c, clock_mono_ns());
    else if (b->open == 0)
        event_base_loopbreak(b->base);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct evbuffer *in = bufferevent_get_input(bev);
    struct evbuffer_ptr head = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    if (head.pos < 0) return;
    const char *text = (const char *)evbuffer_pullup(in, head.pos), *length;
    bool ok = head.pos > 12 && memcmp(text, "HTTP/1.1 200", 12) == 0;
    length = memmem(text, (size_t)head.pos, "Content-Length: ", 16);
    size_t body = length ? (size_t)strtoul(length + 16, NULL, 10) : 0, all = (size_t)head.pos + 4 + body;
    if (evbuffer_get_length(in) < all) return;
    text = (const char *)evbuffer_pullup(in, (ssize_t)all);
    ok = ok && memmem(text, all, "JSONPatch", 9);
    evbuffer_drain(in, all);
    answered(arg, ok);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev, (void)arg;
    if (what & BEV_EVENT_CONNECTED) return;
    fprintf(stderr, "bench_admit: a connection broke\n");
    exit(1);
}

static void connect_all(struct bench *b, SSL_CTX *tls, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    b->callers = xcalloc(b->connections, sizeof *b->callers);
    for (size_t i = 0; i < b->connections; i++) {
        struct caller *c = &b->callers[i];
        c->b = b;
        c->bev = bufferevent_openssl_socket_new(b->base, -1, SSL_new(tls), BUFFEREVENT_SSL_CONNECTING,
                                                BEV_OPT_CLOSE_ON_FREE);
        bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
        bufferevent_enable(c->bev, EV_READ | EV_WRITE);
        bufferevent_socket_connect(c->bev, (struct sockaddr *)&to, sizeof to);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct bench *b = arg;
    if (clock_mono_ns() < b->ends && b->every_ns)
        fire_due(b);
    else if (clock_mono_ns() >= b->ends && b->open == 0)
        event_base_loopbreak(b->base);
}

/* ---- figures ---- */

/* CPU nanoseconds of this process's thread of that name. */
static int64_t thread_cpu(const char *name)
{
    DIR *d = opendir("/proc/self/task");
    int64_t ns = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[320], text[64] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        FILE *f = fopen(path, "r");
        bool found = f && fgets(text, sizeof text, f) && strncmp(text, name, strlen(name)) == 0;
        if (f) fclose(f);
        if (!found) continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", e->d_name);
        f = fopen(path, "r");
        long long run = 0;
        if (f && fscanf(f, "%lld", &run) == 1) ns = run;
        if (f) fclose(f);
    }
    if (d) closedir(d);
    return ns;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void run(struct bench *b, int64_t seconds)
{
    b->n = b->due = b->failed = 0;
    b->began = clock_mono_ns();
    b->ends = b->began + seconds * 1000000000;
    if (b->every_ns)
        fire_due(b);
    else
        for (size_t i = 0; i < b->connections; i++) call(&b->callers[i], b->began);
    event_base_dispatch(b->base);
}

static int measure(struct bench *b, int64_t per_second, int64_t seconds)
{
    struct timeval ms = {.tv_usec = 200};
    struct event *tick = event_new(b->base, -1, EV_PERSIST, on_tick, b);
    event_add(tick, &ms);
    run(b, 1); /* connections, caches */
    b->every_ns = per_second ? 1000000000 / per_second : 0;
    int64_t cpu = thread_cpu("osm-admit"), wall = clock_mono_ns();
    run(b, seconds);
    cpu = thread_cpu("osm-admit") - cpu;
    wall = clock_mono_ns() - wall;
    event_free(tick);
    if (b->failed || !b->n) {
        fprintf(stderr, "%zu of %zu calls were not answered with a patch\n", b->failed, b->n);
        return 1;
    }
    qsort(b->took, b->n, sizeof *b->took, by_value);
    printf("{\"answers\": %zu, \"server_cpu_s\": %.3f, \"wall_s\": %.3f, \"p50_us\": %.0f, \"p99_us\": %.0f, "
           "\"max_us\": %.0f}\n",
           b->n, (double)cpu / 1e9, (double)wall / 1e9, (double)b->took[b->n / 2] / 1e3,
           (double)b->took[b->n * 99 / 100] / 1e3, (double)b->took[b->n - 1] / 1e3);
    return 0;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: bench_admit CONNECTIONS PER_SECOND SECONDS\n");
        return 2;
    }
    struct arena *a = arena_new();
    struct pki pki = pki_new();
    struct pki_leaf leaf = pki_issue(&pki, "DNS:osm-injector.osm-system.svc", clock_unix_s() + 3600);
    SSL_CTX *tls =
        tls_server_context(&(struct tls_options){.chain = leaf.chain, .key = leaf.key, .alpn = "http/1.1"}, &err);
    struct admit_server *s = admit_server_new(&(struct admit_options){.address = "127.0.0.1",
                                                                      .image = S("osm:1"),
                                                                      .controller = S("osm-controller:15128"),
                                                                      .generation = S("1"),
                                                                      .tls = {tls, tls}},
                                              &err);
    struct bench b = {.base = loop_base_new(&err), .connections = (size_t)atoi(argv[1])};
    SSL_CTX *client = tls_client_context(&(struct tls_options){.roots = pki.root_pem}, &err);
    if (!s || !b.base || !client) {
        fprintf(stderr, "bench_admit: %s\n", err.text);
        return 1;
    }
    fill(s, a);
    b.took = xcalloc(MAX_CALLS, sizeof *b.took);
    b.request = request(a);
    connect_all(&b, client, admit_server_inject_port(s));
    int rc = measure(&b, atoi(argv[2]), atoi(argv[3]));
    for (size_t i = 0; i < b.connections; i++) bufferevent_free(b.callers[i].bev);
    event_base_free(b.base);
    admit_server_free(s);
    SSL_CTX_free(client);
    SSL_CTX_free(tls);
    pki_free(&pki);
    free(b.callers);
    free(b.took);
    arena_free(a);
    return rc;
}
