/* Keys, requests, the built-in CA, bundles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/list.h"
#include "base/names.h"
#include "identity/ca.h"
#include "identity/cert.h"
#include "identity/csr.h"
#include "identity/key.h"
#include "identity/trust.h"

enum { NOW = 1800000000 };

struct world {
    char dir[64];
    struct arena *a;
    struct err err;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    snprintf(w->dir, sizeof w->dir, "/tmp/osm-ca-XXXXXX");
    w->a = arena_new();
    *state = w;
    return mkdtemp(w->dir) ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    bool ok = tree_remove(w->dir, &err);
    arena_free(w->a);
    free(w);
    return ok ? 0 : -1;
}

static void keep_chain(void *arg, const struct str *chain, const struct err *err)
{
    struct buf *out = arg;
    if (chain)
        buf_str(out, *chain);
    else
        buf_c(out, err->text);
}

/* ---- keys and requests ---- */

static void a_key_survives_its_pem(void **state)
{
    struct world *w = *state;
    struct buf pem = {0};
    EVP_PKEY *key = key_new(&w->err);
    assert_true(key_to_pem(key, &pem, &w->err));
    EVP_PKEY *again = key_of_pem(buf_view(&pem), &w->err);
    assert_int_equal(EVP_PKEY_eq(key, again), 1);
    EVP_PKEY_free(key);
    EVP_PKEY_free(again);
    key_wipe(&pem);
    assert_null(pem.p);
}

static void keys_other_than_p256_are_refused(void **state)
{
    struct world *w = *state;
    struct buf pem SCOPED_BUF = {0};
    EVP_PKEY *rsa = EVP_RSA_gen(1024), *p384 = EVP_EC_gen("P-384");
    assert_true(key_to_pem(rsa, &pem, &w->err));
    assert_null(key_of_pem(buf_view(&pem), &w->err));
    assert_false(key_is_p256(p384));
    buf_reset(&pem);
    assert_true(csr_make(p384, &pem, &w->err));
    assert_null(csr_check(buf_view(&pem), &w->err));
    assert_string_equal(w->err.text, "the signing request's key is not an EC key on P-256");
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p384);
}

/* P-256, but written as numbers: such a certificate would be refused by every peer. */
static void a_curve_by_numbers_is_refused(void **state)
{
    struct world *w = *state;
    struct buf csr SCOPED_BUF = {0};
    EVP_PKEY *key = key_new(&w->err);
    assert_true(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit") == 1);
    assert_true(csr_make(key, &csr, &w->err));
    assert_null(csr_check(buf_view(&csr), &w->err));
    EVP_PKEY_free(key);
}

static void a_request_shows_its_key(void **state)
{
    struct world *w = *state;
    struct buf csr SCOPED_BUF = {0};
    EVP_PKEY *key = key_new(&w->err);
    assert_true(csr_make(key, &csr, &w->err));
    EVP_PKEY *shown = csr_check(buf_view(&csr), &w->err);
    assert_int_equal(EVP_PKEY_eq(key, shown), 1);
    EVP_PKEY_free(key);
    EVP_PKEY_free(shown);
}

/* A request for somebody else's key, signed by one's own: no proof of possession. */
static void a_request_signed_by_another_key_is_refused(void **state)
{
    struct world *w = *state;
    EVP_PKEY *victim = key_new(&w->err), *own = key_new(&w->err);
    X509_REQ *req = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *p;
    X509_REQ_set_pubkey(req, victim);
    assert_true(X509_REQ_sign(req, own, EVP_sha256()) > 0);
    PEM_write_bio_X509_REQ(bio, req);
    long n = BIO_get_mem_data(bio, &p);
    assert_null(csr_check(str_make(p, (size_t)n), &w->err));
    assert_non_null(strstr(w->err.text, "not signed by the key it names"));
    BIO_free(bio);
    X509_REQ_free(req);
    EVP_PKEY_free(victim);
    EVP_PKEY_free(own);
}

static void rubbish_and_giants_are_no_requests(void **state)
{
    struct world *w = *state;
    char *giant = calloc(1, CSR_MAX + 1);
    struct str encrypted =
        S("-----BEGIN CERTIFICATE REQUEST-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
          "AES-256-CBC,00000000000000000000000000000000\n\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
    assert_null(csr_check(STR_NULL, &w->err));
    assert_null(
        csr_check(S("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"), &w->err));
    assert_null(csr_check(encrypted, &w->err)); /* and nobody is asked for a password */
    assert_null(csr_check(str_make(giant, CSR_MAX + 1), &w->err));
    assert_non_null(strstr(w->err.text, "more than"));
    free(giant);
}

/* ---- the CA ---- */

static struct buf issue(struct world *w, struct issuer *ca, int64_t validity, const char *sa)
{
    struct buf chain = {0};
    EVP_PKEY *key = key_new(&w->err);
    struct issue_request r = {
        .key = key,
        .uri = spiffe_id(w->a, S("cluster.local"), S("ns1"), str_of(sa)),
        .dns = dns_identity(w->a, S("cluster.local"), S("ns1"), str_of(sa)),
        .now = NOW,
        .validity = validity,
    };
    issuer_sign(ca, &r, keep_chain, &chain);
    EVP_PKEY_free(key);
    return chain;
}

static const char *path(struct world *w, const char *name) { return str_fmt(w->a, "%s/%s", w->dir, name).p; }

static void a_leaf_says_who_it_is_for_and_verifies(void **state)
{
    struct world *w = *state;
    struct issuer *ca = ca_open(path(w, "ca"), NOW, &w->err);
    struct buf chain = issue(w, ca, 3600, "client");
    struct cert_info leaf;
    assert_true(cert_inspect(w->a, buf_view(&chain), &leaf, &w->err));
    assert_int_equal(leaf.not_after, NOW + 3600);
    assert_int_equal(leaf.not_before, NOW - CA_BACKDATE_S);
    assert_true(str_is(leaf.cn, "client.ns1.cluster.local"));
    assert_true(str_is(leaf.issuer_cn, CA_COMMON_NAME));
    assert_int_equal(leaf.uris.n, 1);
    assert_true(str_is(leaf.uris.v[0], "spiffe://cluster.local/ns/ns1/sa/client"));
    assert_int_equal(leaf.dns.n, 1);
    assert_true(str_is(leaf.dns.v[0], "client.ns1.cluster.local"));
    assert_false(leaf.is_ca);
    assert_true(leaf.serial.n > 24);

    X509 *cert = cert_of_pem(buf_view(&chain), &w->err), *root = cert_of_pem(issuer_roots(ca), &w->err);
    assert_int_equal(X509_get_key_usage(cert), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_extended_key_usage(cert), XKU_SSL_SERVER | XKU_SSL_CLIENT);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, root);
    X509_STORE_CTX_init(ctx, store, cert, NULL);
    X509_STORE_CTX_set_time(ctx, 0, NOW);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
    assert_int_equal(X509_verify_cert(ctx), 1);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(cert);
    X509_free(root);
    buf_free(&chain);
    issuer_free(ca);
}

static void serials_differ(void **state)
{
    struct world *w = *state;
    struct issuer *ca = ca_open(path(w, "ca"), NOW, &w->err);
    struct buf one = issue(w, ca, 60, "a"), two = issue(w, ca, 60, "a");
    struct cert_info i, j;
    assert_true(cert_inspect(w->a, buf_view(&one), &i, &w->err) && cert_inspect(w->a, buf_view(&two), &j, &w->err));
    assert_false(str_eq(i.serial, j.serial));
    buf_free(&one);
    buf_free(&two);
    issuer_free(ca);
}

/* X.520 allows 64 bytes; then the subject is empty and the alternative names are critical. */
static void a_long_account_has_no_common_name(void **state)
{
    struct world *w = *state;
    struct issuer *ca = ca_open(path(w, "ca"), NOW, &w->err);
    struct buf chain = issue(w, ca, 60, "an-account-with-a-name-that-is-rather-long.and-has-a-dot-too-to-be-longer");
    struct cert_info leaf;
    assert_true(cert_inspect(w->a, buf_view(&chain), &leaf, &w->err));
    assert_true(str_empty(leaf.cn));
    assert_int_equal(leaf.uris.n, 1);
    X509 *cert = cert_of_pem(buf_view(&chain), &w->err);
    int critical = 0;
    GENERAL_NAMES_free(X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL));
    assert_int_equal(critical, 1);
    X509_free(cert);
    buf_free(&chain);
    issuer_free(ca);
}

static void no_leaf_outlives_the_root(void **state)
{
    struct world *w = *state;
    struct issuer *ca = ca_open(path(w, "ca"), NOW, &w->err);
    struct cert_info root, leaf;
    struct buf chain = issue(w, ca, (int64_t)20 * 365 * 86400, "client");
    assert_true(cert_inspect(w->a, issuer_roots(ca), &root, &w->err));
    assert_true(cert_inspect(w->a, buf_view(&chain), &leaf, &w->err));
    assert_int_equal(root.not_after, NOW + (int64_t)3650 * 86400);
    assert_int_equal(leaf.not_after, root.not_after);
    assert_true(root.is_ca);
    buf_free(&chain);
    issuer_free(ca);
}

static void the_root_is_kept_and_only_the_owner_reads_its_key(void **state)
{
    struct world *w = *state;
    struct issuer *ca = ca_open(path(w, "ca"), NOW, &w->err);
    struct str first = str_dup(w->a, issuer_roots(ca));
    struct stat st;
    issuer_free(ca);
    ca = ca_open(path(w, "ca"), NOW + 1000, &w->err);
    assert_true(str_eq(first, issuer_roots(ca)));
    issuer_free(ca);
    assert_int_equal(stat(path(w, "ca"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(path(w, "ca/" CA_FILE_KEY), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct buf root SCOPED_BUF = {0};
    assert_true(file_read(path(w, "ca/" CA_FILE_ROOT), 65536, &root, &w->err));
    assert_true(str_eq(buf_view(&root), first));
}

static void a_bad_key_file_is_refused_with_a_reason(void **state)
{
    struct world *w = *state;
    issuer_free(ca_open(path(w, "ca"), NOW, &w->err));
    chmod(path(w, "ca/" CA_FILE_KEY), 0644);
    assert_null(ca_open(path(w, "ca"), NOW, &w->err));
    assert_non_null(strstr(w->err.text, "others may read it"));
    chmod(path(w, "ca/" CA_FILE_KEY), 0600);
    assert_null(ca_open(path(w, "ca"), NOW + (int64_t)11 * 365 * 86400, &w->err));
    assert_non_null(strstr(w->err.text, "has ended"));

    /* the key of one with the root of another */
    struct buf mixed SCOPED_BUF = {0};
    EVP_PKEY *key = key_new(&w->err);
    assert_true(key_to_pem(key, &mixed, &w->err));
    EVP_PKEY_free(key);
    assert_true(file_read(path(w, "ca/" CA_FILE_ROOT), 65536, &mixed, &w->err));
    assert_true(file_write_atomic(path(w, "ca/" CA_FILE_KEY), buf_view(&mixed), 0600, &w->err));
    assert_null(ca_open(path(w, "ca"), NOW, &w->err));
    assert_non_null(strstr(w->err.text, "do not belong together"));
    assert_true(file_write_atomic(path(w, "ca/" CA_FILE_KEY), S("rubbish"), 0600, &w->err));
    assert_null(ca_open(path(w, "ca"), NOW, &w->err));
    assert_non_null(strstr(w->err.text, CA_FILE_KEY));
}

/* ---- bundles ---- */

static void equal_sets_of_roots_are_equal_bundles(void **state)
{
    struct world *w = *state;
    struct issuer *a = ca_open(path(w, "a"), NOW, &w->err), *b = ca_open(path(w, "b"), NOW, &w->err);
    struct str ab[] = {issuer_roots(a), issuer_roots(b)}, ba[] = {issuer_roots(b), issuer_roots(a), issuer_roots(b)};
    struct str text = str_fmt(w->a, "a comment\n%.*s\n\n%.*s", STR_FMT(ab[0]), STR_FMT(ab[1]));
    struct trust one, two, three, single;
    assert_true(trust_make(w->a, (struct strs){ab, 2}, &one, &w->err));
    assert_true(trust_make(w->a, (struct strs){ba, 3}, &two, &w->err));
    assert_true(trust_make(w->a, (struct strs){&text, 1}, &three, &w->err));
    assert_true(trust_make(w->a, (struct strs){ab, 1}, &single, &w->err));
    assert_int_equal(one.n, 2);
    assert_int_equal(one.id.n, 32);
    assert_true(str_eq(one.id, two.id) && str_eq(one.id, three.id) && str_eq(one.pem, two.pem));
    assert_false(str_eq(one.id, single.id));
    issuer_free(a);
    issuer_free(b);
}

static void a_bundle_that_does_not_parse_is_refused(void **state)
{
    struct world *w = *state;
    struct issuer *a = ca_open(path(w, "a"), NOW, &w->err);
    struct str broken =
        str_fmt(w->a, "%.*s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", STR_FMT(issuer_roots(a)));
    struct str nothing = S("nothing");
    struct trust t;
    assert_false(trust_make(w->a, (struct strs){&broken, 1}, &t, &w->err));
    assert_non_null(strstr(w->err.text, "certificate 2"));
    assert_false(trust_make(w->a, (struct strs){&nothing, 1}, &t, &w->err));
    assert_false(trust_make(w->a, (struct strs){0}, &t, &w->err));
    issuer_free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_survives_its_pem),
        TEST(keys_other_than_p256_are_refused),
        TEST(a_curve_by_numbers_is_refused),
        TEST(a_request_shows_its_key),
        TEST(a_request_signed_by_another_key_is_refused),
        TEST(rubbish_and_giants_are_no_requests),
        TEST(a_leaf_says_who_it_is_for_and_verifies),
        TEST(serials_differ),
        TEST(a_long_account_has_no_common_name),
        TEST(no_leaf_outlives_the_root),
        TEST(the_root_is_kept_and_only_the_owner_reads_its_key),
        TEST(a_bad_key_file_is_refused_with_a_reason),
        TEST(equal_sets_of_roots_are_equal_bundles),
        TEST(a_bundle_that_does_not_parse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
