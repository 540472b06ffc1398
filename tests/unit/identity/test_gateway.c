/* The ingress gateway's certificate in its Secret: made, renewed, moved, taken away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "identity/ca.h"
#include "identity/cert.h"
#include "identity/gateway.h"
#include "identity/key.h"
#include "identity/own.h"
#include "identity/ssl.h"

struct world {
    char dir[64];
    struct arena *a;
    struct err err;
    struct event_base *base;
    struct mailbox *mail;
    struct issuer *ca;
    struct secret_sink *sink;
    struct gateway *gateway;
};

static const char *in_dir(struct world *w, const char *name) { return str_fmt(w->a, "%s/%s", w->dir, name).p; }

static void begin(struct world *w)
{
    w->sink = secret_files_new(in_dir(w, "secrets"));
    w->gateway = gateway_new(&(struct gateway_options){w->base, w->mail, w->ca, w->sink});
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    snprintf(w->dir, sizeof w->dir, "/tmp/osm-gateway-XXXXXX");
    w->a = arena_new();
    if (!mkdtemp(w->dir) || !dir_make(in_dir(w, "secrets"), 0700, &w->err)) return -1;
    w->base = loop_base_new(&w->err);
    w->mail = mailbox_new(w->base, &w->err);
    w->ca = ca_open(w->dir, clock_unix_s(), &w->err);
    if (!w->ca) return -1;
    begin(w);
    return 0;
}

static void end(struct world *w)
{
    gateway_free(w->gateway);
    secret_sink_free(w->sink);
}

static int teardown(void **state)
{
    struct world *w = *state;
    end(w);
    mailbox_free(w->mail);
    issuer_free(w->ca);
    event_base_free(w->base);
    bool ok = tree_remove(w->dir, &w->err);
    arena_free(w->a);
    free(w);
    return ok ? 0 : -1;
}

static struct gateway_wish wish(const char *dns, const char *secret, int64_t validity_s)
{
    return (struct gateway_wish){str_of(dns), S("edge"), str_of(secret), validity_s};
}

static void want(struct world *w, const char *dns, const char *secret, int64_t validity_s)
{
    struct gateway_wish g = wish(dns, secret, validity_s);
    gateway_set(w->gateway, &g);
}

static bool is_there(struct world *w, const char *secret)
{
    return access(in_dir(w, str_fmt(w->a, "secrets/edge_%s.json", secret).p), F_OK) == 0;
}

static struct str part(struct world *w, const json_t *doc, const char *name)
{
    struct str out = STR_NULL;
    const char *text = json_string_value(json_object_get(json_object_get(doc, "data"), name));
    assert_true(base64_read(w->a, str_of(text), &out));
    return out;
}

/* What the Secret's certificate says; the rest of the Secret is checked on the way. */
static struct cert_info read_secret(struct world *w, const char *secret)
{
    const char *path = in_dir(w, str_fmt(w->a, "secrets/edge_%s.json", secret).p);
    struct stat st;
    assert_true(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    json_t *doc = json_load_file(path, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(doc, "type")), "kubernetes.io/tls");
    struct str chain = part(w, doc, "tls.crt"), key = part(w, doc, "tls.key"), ca = part(w, doc, "ca.crt");
    assert_true(str_eq(ca, issuer_roots(w->ca)));
    struct cert_info info;
    assert_true(cert_inspect(w->a, chain, &info, &w->err));
    EVP_PKEY *k SCOPED_PKEY = key_of_pem(key, &w->err);
    X509 *x SCOPED_X509 = cert_of_pem(chain, &w->err);
    assert_true(X509_check_private_key(x, k) == 1);
    json_decref(doc);
    return info;
}

static void a_certificate_is_put_into_its_secret(void **state)
{
    struct world *w = *state;
    want(w, "gw.edge.cluster.local", "gw", 3600);
    struct cert_info c = read_secret(w, "gw");
    assert_true(c.dns.n == 1 && str_is(c.dns.v[0], "gw.edge.cluster.local") && str_is(c.cn, "gw.edge.cluster.local"));
    assert_true(c.uris.n == 0 && !c.is_ca);
    assert_in_range(c.not_after - clock_unix_s(), 3590, 3600);
}

static void only_a_change_makes_a_new_one(void **state)
{
    struct world *w = *state;
    want(w, "gw.edge", "gw", 3600);
    struct str first = read_secret(w, "gw").serial;
    want(w, "gw.edge", "gw", 3600);
    assert_true(str_eq(read_secret(w, "gw").serial, first));
    want(w, "gw.edge", "gw", 7200);
    assert_false(str_eq(read_secret(w, "gw").serial, first));
    want(w, "gw2.edge", "gw", 7200);
    assert_true(str_is(read_secret(w, "gw").cn, "gw2.edge"));
}

static void a_secret_of_another_name_goes(void **state)
{
    struct world *w = *state;
    want(w, "gw.edge", "gw", 3600);
    want(w, "gw.edge", "gw-other", 3600);
    assert_true(!is_there(w, "gw") && is_there(w, "gw-other"));
    gateway_set(w->gateway, NULL);
    assert_false(is_there(w, "gw-other"));
}

static void what_an_earlier_run_left_goes(void **state)
{
    struct world *w = *state;
    want(w, "gw.edge", "gw", 3600);
    end(w);
    assert_true(is_there(w, "gw"));
    begin(w);
    gateway_set(w->gateway, NULL);
    assert_false(is_there(w, "gw"));
}

static void run_until(struct world *w, bool (*is_done)(struct world *w, struct str than), struct str than)
{
    int64_t end = clock_mono_ns() + INT64_C(20000000000);
    while (!is_done(w, than)) {
        assert_true(clock_mono_ns() < end);
        event_base_loop(w->base, EVLOOP_ONCE);
    }
}

static bool is_other(struct world *w, struct str than)
{
    return is_there(w, "gw") && !str_eq(read_secret(w, "gw").serial, than);
}

static void it_is_renewed_before_it_ends(void **state)
{
    struct world *w = *state;
    want(w, "gw.edge", "gw", 3);
    struct cert_info first = read_secret(w, "gw");
    run_until(w, is_other, first.serial);
    assert_true(clock_unix_s() <= first.not_after);
}

static void what_could_not_be_written_is_tried_again(void **state)
{
    struct world *w = *state;
    assert_true(tree_remove(in_dir(w, "secrets"), &w->err));
    want(w, "gw.edge", "gw", 3600);
    assert_false(is_there(w, "gw"));
    assert_true(dir_make(in_dir(w, "secrets"), 0700, &w->err));
    run_until(w, is_other, STR_NULL);
}

/* ---- an issuer that takes its time ---- */

struct slow {
    struct issuer base;
    issue_done_fn *done;
    void *arg;
};

static void take(struct issuer *i, const struct issue_request *r, issue_done_fn *done, void *arg)
{
    (void)r;
    ((struct slow *)i)->done = done;
    ((struct slow *)i)->arg = arg;
}

static void no_one_calls_back_after_the_end(void *arg, struct str chain, struct str key)
{
    (void)arg, (void)chain, (void)key;
    fail();
}

static void an_answer_after_the_end_is_passed_over(void **state)
{
    struct world *w = *state;
    static const struct issuer_ops ops = {.name = "slow", .sign = take};
    struct slow slow = {.base = {&ops}};
    struct own_cert *o = own_cert_new(&(struct own_cert_options){.base = w->base,
                                                                 .mail = w->mail,
                                                                 .issuer = &slow.base,
                                                                 .dns = S("gw.edge"),
                                                                 .changed = no_one_calls_back_after_the_end},
                                      &w->err);
    own_cert_free(o);
    slow.done(slow.arg, &S("chain"), NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_certificate_is_put_into_its_secret),   TEST(only_a_change_makes_a_new_one),
        TEST(a_secret_of_another_name_goes),          TEST(what_an_earlier_run_left_goes),
        TEST(it_is_renewed_before_it_ends),           TEST(what_could_not_be_written_is_tried_again),
        TEST(an_answer_after_the_end_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
