/* Every n-th allocation of the libraries fails once: an error that is told, no crash, no leak, and never less
 * protection than asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/h2.h"
#include "net/http_client.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/tls.h"
#include "pki.h"

/* ---- the failing allocator ---- */

static long seen, fail_at; /* allocations since begin(); the one that fails, 0: none */

static bool fails(void) { return ++seen == fail_at; }
static void *try_malloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return fails() ? NULL : malloc(n);
}
static void *try_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return n && fails() ? NULL : realloc(p, n);
}
static void try_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    free(p);
}
static void begin(long n)
{
    seen = 0;
    fail_at = n;
}
/* Which number failed, 0: none did; from now on none does. */
static bool over(void)
{
    bool failed = fail_at && seen >= fail_at;
    fail_at = 0;
    ERR_clear_error();
    return failed;
}

static struct pki pki, other;
static struct pki_leaf leaf, alice;
static struct str two_roots, long_chain;

static int setup(void **state)
{
    (void)state;
    pki = pki_new();
    other = pki_new();
    leaf = pki_issue(&pki, "DNS:server", clock_unix_s() + 1000);
    alice = pki_issue(&pki, "URI:spiffe://td/ns/a/sa/alice", clock_unix_s() + 1000);
    two_roots = str_fmt(pki.a, "%.*s%.*s", STR_FMT(pki.root_pem), STR_FMT(other.root_pem));
    long_chain = str_fmt(pki.a, "%.*s%.*s", STR_FMT(leaf.chain), STR_FMT(pki.root_pem));
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    pki_free(&pki);
    pki_free(&other);
    return 0;
}

/* ---- TLS ---- */

static SSL_CTX *make_context(bool server, struct err *err)
{
    struct tls_options o = {long_chain, leaf.key, two_roots, true, "h2", STR_NULL};
    if (server) return tls_server_context(&o, err);
    o.chain = alice.chain, o.key = alice.key;
    return tls_client_context(&o, err);
}

static void a_context_is_whole_or_refused(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++) {
        struct err none = {0};
        SSL_CTX_free(make_context(server, &none)); /* the library sets itself up */
        begin(0);
        SSL_CTX_free(make_context(server, &none));
        for (long n = 1, all = seen; n <= all; n += 1 + all / 250) {
            struct err err = {0};
            begin(n);
            SSL_CTX *c = make_context(server, &err);
            over();
            if (!c) {
                assert_true(err.text[0]);
                continue;
            }
            STACK_OF(X509) *chain = NULL;
            SSL_CTX_get0_chain_certs(c, &chain);
            assert_int_equal(sk_X509_num(chain) > 0 ? sk_X509_num(chain) : 0, server ? 1 : 0);
            assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(c))), 2);
            SSL_CTX_free(c);
        }
    }
}

/* A handshake in memory; true with |peer| when the server takes the client for somebody. */
static bool shake(SSL_CTX *server, SSL_CTX *client, struct arena *a, struct tls_peer *peer)
{
    struct err err = {0};
    BIO *one = NULL, *two = NULL;
    SSL *s = SSL_new(server), *c = SSL_new(client);
    bool ok = s && c && BIO_new_bio_pair(&one, 0, &two, 0) == 1 && tls_expect_name(c, "server", &err);
    if (ok) {
        SSL_set_bio(s, one, one);
        SSL_set_bio(c, two, two);
        SSL_set_accept_state(s);
        SSL_set_connect_state(c);
    } else {
        BIO_free(one);
        BIO_free(two);
    }
    int from_client = 0, from_server = 0;
    for (int i = 0; ok && i < 6 && (from_client != 1 || from_server != 1); i++) {
        from_client = SSL_do_handshake(c);
        from_server = SSL_do_handshake(s);
    }
    ok = ok && from_server == 1 && tls_peer_of(s, a, peer, &err);
    SSL_free(s);
    SSL_free(c);
    return ok;
}

static void a_peer_is_who_it_is_or_nobody(void **state)
{
    (void)state;
    struct err err = {0};
    SSL_CTX *server = make_context(true, &err), *client = make_context(false, &err);
    struct arena *a SCOPED_ARENA = arena_new();
    struct tls_peer peer;
    assert_true(shake(server, client, a, &peer));
    begin(0);
    assert_true(shake(server, client, a, &peer));
    long all = seen, refused = 0;
    for (long n = 1; n <= all; n += 1 + all / 400) {
        begin(n);
        bool ok = shake(server, client, a, &peer);
        assert_true(over());
        refused += !ok;
        if (!ok) continue;
        assert_true(peer.has_certificate);
        assert_true(!peer.spiffe_id.n || str_is(peer.spiffe_id, "spiffe://td/ns/a/sa/alice"));
    }
    assert_true(refused > 20);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

/* ---- the server ---- */

static void on_request(void *arg, struct h2_request *r)
{
    (void)arg;
    h2_respond(r, 200, "text/plain", S("yes"));
}
static const struct h2_handler handler = {on_request, NULL, 16 << 10};

struct world {
    struct event_base *base;
    struct h2_server *server;
    struct http_client *client;
    char to[32];
    uint16_t port;
    int done, status;
};

static void world_begin(struct world *w)
{
    struct err err = {0};
    SSL_CTX *ctx = make_context(true, &err);
    w->base = loop_base_new(&err);
    int fd = listen_tcp("127.0.0.1", 0, &err);
    w->port = listen_port(fd);
    snprintf(w->to, sizeof w->to, "127.0.0.1:%u", w->port);
    struct h2_server_options o = {.tls = ctx, .listen_fd = fd, .other = &handler};
    w->server = h2_server_new(w->base, &o, &err);
    w->client = http_client_new(w->base, &err);
    SSL_CTX_free(ctx);
}
static void world_end(struct world *w)
{
    http_client_free(w->client);
    h2_server_free(w->server);
    event_base_free(w->base);
}
static void on_done(void *arg, const struct http_answer *a)
{
    struct world *w = arg;
    w->done++;
    w->status = a->ok ? a->status : -1;
    if (!a->ok) assert_true(a->err.text[0]);
}
/* |patience_ms|: what fails on the way may leave a call without an answer. */
static int call(struct world *w, int64_t patience_ms)
{
    struct http_call_options o = {.url = "https://server/x",
                                  .connect_to = w->to,
                                  .roots = pki.root_pem,
                                  .chain = alice.chain,
                                  .key = alice.key,
                                  .timeout_ms = patience_ms,
                                  .no_reuse = true};
    int before = w->done;
    http_call_start(w->client, &o, on_done, w);
    while (w->done == before) event_base_loop(w->base, EVLOOP_ONCE);
    return w->status;
}

static void a_server_outlives_what_fails_on_a_connection(void **state)
{
    (void)state;
    struct world w = {0};
    world_begin(&w);
    assert_int_equal(call(&w, 60000), 200);
    begin(0);
    assert_int_equal(call(&w, 60000), 200);
    long all = seen, failed = 0;
    for (long n = 1; n <= all; n += 1 + all / 100) {
        begin(n);
        failed += call(&w, 300) != 200;
        over();
        assert_int_equal(call(&w, 60000), 200);
    }
    assert_true(failed > 10);
    world_end(&w);
}

/* The connection's own TLS state cannot be made: it is closed, and nothing is said in plain text. */
static void a_connection_without_tls_is_closed(void **state)
{
    (void)state;
    struct world w = {0};
    char bytes[64];
    world_begin(&w);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(w.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    begin(1);
    while (seen < 1) event_base_loop(w.base, EVLOOP_ONCE);
    assert_true(over());
    assert_int_equal(h2_server_connections(w.server), 0);
    assert_int_equal(recv(fd, bytes, sizeof bytes, 0), 0);
    close(fd);
    world_end(&w);
}

/* ---- HTTP/2 ---- */

static void *ng_malloc(size_t n, void *arg) { return (void)arg, try_malloc(n, NULL, 0); }
static void *ng_calloc(size_t n, size_t size, void *arg)
{
    (void)arg;
    return fails() ? NULL : calloc(n, size);
}
static void *ng_realloc(void *p, size_t n, void *arg) { return (void)arg, try_realloc(p, n, NULL, 0); }
static void ng_free(void *p, void *arg) { (void)arg, free(p); }

static ssize_t body_read(nghttp2_session *ng, int32_t id, uint8_t *p, size_t n, uint32_t *flags,
                         nghttp2_data_source *source, void *arg)
{
    (void)ng, (void)id, (void)n, (void)source, (void)arg;
    memcpy(p, "\0\0\0\0\1x", 6);
    *flags = NGHTTP2_DATA_FLAG_EOF;
    return 6;
}
#define NV(n, v)                                                                                                       \
    {                                                                                                                  \
        (uint8_t *)(n), (uint8_t *)(v), sizeof(n) - 1, sizeof(v) - 1, 0                                                \
    }

/* What a client says that sends one request and one gRPC message. */
static void client_bytes(struct buf *out)
{
    nghttp2_session_callbacks *c;
    nghttp2_session *ng;
    nghttp2_nv get[] = {NV(":method", "GET"), NV(":scheme", "https"), NV(":path", "/x"), NV(":authority", "a")};
    nghttp2_nv rpc[] = {NV(":method", "POST"), NV(":scheme", "https"), NV(":path", "/s/m"), NV(":authority", "a"),
                        NV("content-type", "application/grpc")};
    nghttp2_data_provider body = {.read_callback = body_read};
    const uint8_t *p;
    nghttp2_session_callbacks_new(&c);
    nghttp2_session_client_new(&ng, c, NULL);
    nghttp2_session_callbacks_del(c);
    nghttp2_submit_settings(ng, 0, NULL, 0);
    nghttp2_submit_request(ng, NULL, get, 4, NULL, NULL);
    nghttp2_submit_request(ng, NULL, rpc, 5, &body, NULL);
    for (ssize_t n; (n = nghttp2_session_mem_send(ng, &p)) > 0;) buf_add(out, p, (size_t)n);
    nghttp2_session_del(ng);
}

static int opened;
static bool accepts(void *arg, struct str path) { return (void)arg, (void)path, true; }
static void *open_rpc(void *arg, struct h2_stream *s, const struct h2_peer *peer)
{
    (void)arg, (void)peer;
    opened++;
    return s;
}
static void on_message(void *state, struct str piece, bool is_last)
{
    (void)piece;
    struct h2_chunk answer = {.p = "y", .n = 1};
    if (is_last) h2_grpc_send(state, &answer, 1);
}
static void on_closed(void *state)
{
    (void)state;
    opened--;
}

static void a_session_answers_or_ends(void **state)
{
    (void)state;
    static const struct h2_grpc grpc = {accepts, open_rpc, on_message, on_closed, NULL, 1000};
    nghttp2_mem memory = {NULL, ng_malloc, ng_free, ng_calloc, ng_realloc};
    struct h2_peer peer = {0};
    struct buf in SCOPED_BUF = {0};
    client_bytes(&in);
    bool failed = true;
    long ended = 0;
    for (long n = 1; failed; n++) {
        struct buf out SCOPED_BUF = {0};
        struct err err = {0};
        struct h2_session_options o = {.peer = &peer, .other = &handler, .grpc = &grpc, .memory = &memory};
        begin(n);
        struct h2_session *s = h2_session_new(&o, &err);
        bool alive = s && h2_session_feed(s, in.p, in.n) && h2_session_take(s, &out, 65536) && !h2_session_is_over(s);
        failed = over();
        if (!s) assert_true(err.text[0]);
        if (alive) assert_int_equal(h2_session_streams(s), 0);
        ended += !alive;
        h2_session_free(s);
        assert_int_equal(opened, 0);
    }
    assert_true(ended > 10);
}

/* ---- libevent ---- */

const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "allocator_may_return_null=1"; }

static void out_of_memory_in_the_loop_ends_the_process_with_one_line(void **state)
{
    (void)state;
    int ends[2], status;
    char text[512] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {0};
        dup2(ends[1], 2);
        signal(SIGABRT, SIG_DFL);
        struct event_base *base = loop_base_new(&err);
        if (base) evbuffer_expand(evbuffer_new(), (size_t)1 << 46);
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    while (read(ends[0], text + strlen(text), sizeof text - 1 - strlen(text)) > 0) {}
    close(ends[0]);
    assert_true(WIFSIGNALED(status));
    assert_non_null(strstr(text, "osm: out of memory asking for "));
}

int main(void)
{
    if (CRYPTO_set_mem_functions(try_malloc, try_realloc, try_free) != 1) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_context_is_whole_or_refused),
        cmocka_unit_test(a_peer_is_who_it_is_or_nobody),
        cmocka_unit_test(a_server_outlives_what_fails_on_a_connection),
        cmocka_unit_test(a_connection_without_tls_is_closed),
        cmocka_unit_test(a_session_answers_or_ends),
        cmocka_unit_test(out_of_memory_in_the_loop_ends_the_process_with_one_line),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
