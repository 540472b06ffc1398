/* Contexts, resumption, and who is at the other end. Both ends in memory, no sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <unistd.h>

#include "net/tls.h"
#include "pki.h"

static struct pki pki;
static struct pki_leaf server_leaf;
static SSL_SESSION *saved;

static int setup(void **state)
{
    (void)state;
    pki = pki_new();
    server_leaf = pki_issue(&pki, "DNS:server,IP:127.0.0.1", clock_unix_s() + 1000);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    SSL_SESSION_free(saved);
    saved = NULL;
    pki_free(&pki);
    return 0;
}
static SSL_CTX *server_context(bool require)
{
    struct err err = {0};
    struct tls_options o = {server_leaf.chain, server_leaf.key, pki.root_pem, require, "h2", STR_NULL};
    SSL_CTX *c = tls_server_context(&o, &err);
    assert_non_null(c);
    return c;
}
static int keep_session(SSL *ssl, SSL_SESSION *s)
{
    (void)ssl;
    SSL_SESSION_free(saved);
    saved = s;
    return 1;
}
static SSL_CTX *client_context(const struct pki_leaf *leaf)
{
    struct err err = {0};
    struct tls_options o = {.roots = pki.root_pem, .alpn = "h2"};
    if (leaf) o.chain = leaf->chain, o.key = leaf->key;
    SSL_CTX *c = tls_client_context(&o, &err);
    assert_non_null(c);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(c, keep_session);
    return c;
}
struct pair {
    SSL *server, *client;
    bool ok;
};
static struct pair shake(SSL_CTX *server, SSL_CTX *client, const char *name, SSL_SESSION *resume)
{
    struct err err = {0};
    struct pair p = {SSL_new(server), SSL_new(client), false};
    BIO *a, *b;
    BIO_new_bio_pair(&a, 0, &b, 0);
    SSL_set_bio(p.server, a, a);
    SSL_set_bio(p.client, b, b);
    SSL_set_accept_state(p.server);
    SSL_set_connect_state(p.client);
    assert_true(tls_expect_name(p.client, name, &err));
    if (resume) SSL_set_session(p.client, resume);
    int c = 0, s = 0;
    for (int i = 0; i < 10 && (c != 1 || s != 1); i++) {
        c = SSL_do_handshake(p.client);
        s = SSL_do_handshake(p.server);
    }
    char byte;
    p.ok = c == 1 && s == 1 && SSL_write(p.server, "x", 1) == 1 && SSL_read(p.client, &byte, 1) == 1;
    return p;
}
static void pair_free(struct pair p)
{
    /* A connection that was not shut down would spoil its session. */
    SSL_set_shutdown(p.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(p.server);
    SSL_free(p.client);
}

static void a_peer_is_its_only_spiffe_uri(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct tls_peer peer;
    const char *const sans[] = {"URI:spiffe://td/ns/a/sa/b,DNS:b.a.td",
                                "URI:spiffe://td/ns/a/sa/b,URI:spiffe://td/ns/c/sa/d", "URI:https://x", "DNS:b.a.td"};
    SSL_CTX *server = server_context(true);
    for (size_t i = 0; i < 4; i++) {
        struct pki_leaf leaf = pki_issue(&pki, sans[i], clock_unix_s() + 100);
        SSL_CTX *client = client_context(&leaf);
        struct pair p = shake(server, client, "server", NULL);
        assert_true(p.ok);
        assert_string_equal(SSL_get_version(p.server), "TLSv1.3");
        assert_true(tls_peer_of(p.server, a, &peer, &err));
        assert_true(peer.has_certificate && peer.serial.n > 0 && peer.ends > clock_unix_s());
        assert_true(str_is(peer.spiffe_id, i ? "" : "spiffe://td/ns/a/sa/b"));
        pair_free(p);
        SSL_CTX_free(client);
    }
    SSL_CTX_free(server);
}
static void names_and_missing_certificates_are_refused(void **state)
{
    (void)state;
    SSL_CTX *server = server_context(true), *open = server_context(false), *client = client_context(NULL);
    struct pair p = shake(server, client, "server", NULL);
    assert_false(p.ok);
    pair_free(p);
    p = shake(open, client, "server", NULL);
    assert_true(p.ok);
    pair_free(p);
    p = shake(open, client, "127.0.0.1", NULL);
    assert_true(p.ok);
    pair_free(p);
    p = shake(open, client, "other", NULL);
    assert_false(p.ok);
    pair_free(p);
    SSL_CTX_free(server);
    SSL_CTX_free(open);
    SSL_CTX_free(client);
}
static void a_ticket_dies_with_the_client_certificate_and_with_the_context(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct tls_peer peer;
    struct pki_leaf leaf = pki_issue(&pki, "URI:spiffe://td/ns/a/sa/b", clock_unix_s() + 2);
    SSL_CTX *server = server_context(true), *next = server_context(true), *client = client_context(&leaf);
    struct pair p = shake(server, client, "server", NULL);
    assert_true(p.ok);
    assert_true(tls_peer_of(p.server, a, &peer, &err));
    pair_free(p);
    assert_non_null(saved);
    /* A client uses a ticket once: three copies of the same. */
    SSL_SESSION *tickets[] = {SSL_SESSION_dup(saved), SSL_SESSION_dup(saved), SSL_SESSION_dup(saved)};
    p = shake(server, client, "server", tickets[0]);
    assert_true(p.ok && SSL_session_reused(p.server));
    assert_true(tls_peer_of(p.server, a, &peer, &err));
    assert_true(str_is(peer.spiffe_id, "spiffe://td/ns/a/sa/b"));
    pair_free(p);
    p = shake(next, client, "server", tickets[1]);
    assert_false(SSL_session_reused(p.server));
    pair_free(p);
    while (clock_unix_s() < peer.ends) usleep(10000);
    p = shake(server, client, "server", tickets[2]);
    assert_true(SSL_session_reused(p.server)); /* the library would let it in */
    assert_false(tls_peer_of(p.server, a, &peer, &err));
    pair_free(p);
    for (size_t i = 0; i < 3; i++) SSL_SESSION_free(tickets[i]);
    SSL_CTX_free(server);
    SSL_CTX_free(next);
    SSL_CTX_free(client);
}
static SSL_CTX *server_with_tickets(struct str roots, struct str secret)
{
    struct err err = {0};
    struct tls_options o = {server_leaf.chain, server_leaf.key, roots, true, "h2", secret};
    SSL_CTX *c = tls_server_context(&o, &err);
    assert_non_null(c);
    return c;
}
static void tickets_of_one_secret_outlive_the_context_but_not_the_roots(void **state)
{
    (void)state;
    struct pki other = pki_new();
    struct pki_leaf leaf = pki_issue(&pki, "URI:spiffe://td/ns/a/sa/b", clock_unix_s() + 3600);
    struct str both = str_fmt(pki.a, "%.*s%.*s", STR_FMT(pki.root_pem), STR_FMT(other.root_pem));
    SSL_CTX *client = client_context(&leaf), *first = server_with_tickets(pki.root_pem, S("secret")),
            *again[] = {server_with_tickets(pki.root_pem, S("secret")), server_with_tickets(pki.root_pem, S("other")),
                        server_with_tickets(both, S("secret"))};
    struct pair p = shake(first, client, "server", NULL);
    assert_true(p.ok);
    assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(saved), 86400);
    pair_free(p);
    SSL_SESSION *tickets[] = {SSL_SESSION_dup(saved), SSL_SESSION_dup(saved), SSL_SESSION_dup(saved)};
    for (size_t i = 0; i < 3; i++) {
        p = shake(again[i], client, "server", tickets[i]);
        assert_true(p.ok);
        assert_int_equal(SSL_session_reused(p.server), i == 0);
        pair_free(p);
        SSL_SESSION_free(tickets[i]);
        SSL_CTX_free(again[i]);
    }
    SSL_CTX_free(first);
    SSL_CTX_free(client);
    pki_free(&other);
}
static void bad_input_is_named(void **state)
{
    (void)state;
    struct err err = {0};
    struct pki_leaf other = pki_issue(&pki, "DNS:other", clock_unix_s() + 100);
    struct tls_options o = {S("junk"), server_leaf.key, STR_NULL, false, NULL, STR_NULL};
    assert_null(tls_server_context(&o, &err));
    assert_non_null(strstr(err.text, "certificate is not readable"));
    o.chain = server_leaf.chain;
    o.key = other.key;
    assert_null(tls_server_context(&o, &err));
    assert_non_null(strstr(err.text, "does not fit"));
    o.key = server_leaf.key;
    o.roots = S("junk");
    assert_null(tls_server_context(&o, &err));
    assert_non_null(strstr(err.text, "roots"));
    o.roots = STR_NULL;
    assert_null(tls_client_context(&o, &err));
    struct tls_files f = {.chain = "/does/not/exist", .key = "/x"};
    assert_null(tls_server_context_files(&f, &err));
    assert_non_null(strstr(err.text, "/does/not/exist"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_peer_is_its_only_spiffe_uri, setup, teardown),
        cmocka_unit_test_setup_teardown(names_and_missing_certificates_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_ticket_dies_with_the_client_certificate_and_with_the_context, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tickets_of_one_secret_outlive_the_context_but_not_the_roots, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_input_is_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
