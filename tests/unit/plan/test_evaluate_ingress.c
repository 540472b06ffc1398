/* Callers outside the mesh, judged by the plan that Envoy is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "plan/evaluate.h"

static struct str ranges[] = {S_INIT("10.0.0.0/8"), S_INIT("2001:db8::/32")};
static struct str names[] = {S_INIT("a.example.com"), S_INIT("*.example.org")};
static struct str principals[] = {S_INIT("gw.edge"), S_INIT("spiffe://td/ns/a/sa/b")};

static void judged(const struct plan_ingress *p, struct evaluate_outside r, enum evaluate_verdict want)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct plan_inbound in = {.ingress = {(struct plan_ingress *)p, 1}};
    struct evaluate_answer got;
    if (!r.port) r.port = 80;
    evaluate_outside(&in, &r, a, &got);
    if (got.verdict != want)
        fail_msg("%.*s %.*s: %s (%.*s)", STR_FMT(r.address), STR_FMT(r.principal), evaluate_word(got.verdict),
                 STR_FMT(got.text));
    assert_true(got.text.n > 0);
}

#define ADDRESS(x)                                                                                                     \
    (struct evaluate_outside) { .address = S(x) }
#define TLS(...)                                                                                                       \
    (struct evaluate_outside) { .address = S("10.0.0.1"), .tls = true, __VA_ARGS__ }

static void addresses_decide_in_clear(void **state)
{
    (void)state;
    struct plan_ingress p = {.port = 80, .ranges = {ranges, 2}};
    judged(&p, ADDRESS("10.255.0.1"), EVALUATE_ALLOWED);
    judged(&p, ADDRESS("2001:db8::7"), EVALUATE_ALLOWED);
    judged(&p, ADDRESS("11.0.0.1"), EVALUATE_CLOSED);
    judged(&p, ADDRESS("::1"), EVALUATE_CLOSED);
    judged(&p, ADDRESS("nonsense"), EVALUATE_CLOSED);
    judged(&p, TLS(), EVALUATE_CLOSED);
    judged(&p, (struct evaluate_outside){.address = S("10.0.0.1"), .port = 81}, EVALUATE_CLOSED);
    p.denied = true;
    judged(&p, ADDRESS("10.0.0.1"), EVALUATE_DENIED);
    judged(&p, ADDRESS("11.0.0.1"), EVALUATE_CLOSED);
}

static void names_decide_by_tls(void **state)
{
    (void)state;
    struct plan_ingress p = {.port = 80, .ranges = {ranges, 2}, .tls = true, .principals = {principals, 2}};
    judged(&p, TLS(.principal = S("gw.edge")), EVALUATE_ALLOWED);
    judged(&p, TLS(.principal = S("spiffe://td/ns/a/sa/b")), EVALUATE_ALLOWED);
    judged(&p, TLS(.principal = S("GW.edge")), EVALUATE_CLOSED);
    judged(&p, TLS(), EVALUATE_CLOSED);
    judged(&p, ADDRESS("10.0.0.1"), EVALUATE_CLOSED);
    p.server_names = (struct strs){names, 2};
    judged(&p, TLS(.principal = S("gw.edge")), EVALUATE_CLOSED);
    judged(&p, TLS(.principal = S("gw.edge"), .server_name = S("A.example.com")), EVALUATE_ALLOWED);
    judged(&p, TLS(.principal = S("gw.edge"), .server_name = S("x.y.example.org")), EVALUATE_ALLOWED);
    judged(&p, TLS(.principal = S("gw.edge"), .server_name = S("example.org")), EVALUATE_CLOSED);
    p = (struct plan_ingress){.port = 80, .any_address = true, .tls = true, .principals = {principals, 1}};
    judged(&p, (struct evaluate_outside){.address = S("192.0.2.1"), .tls = true, .principal = S("gw.edge")},
           EVALUATE_ALLOWED);
    p = (struct plan_ingress){.port = 80, .ranges = {ranges, 1}, .tls = true, .any_client = true};
    judged(&p, TLS(), EVALUATE_ALLOWED);
}

static void without_a_plan_nobody(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct evaluate_answer got;
    evaluate_outside(NULL, &(struct evaluate_outside){.address = S("10.0.0.1"), .port = 80}, a, &got);
    assert_int_equal(got.verdict, EVALUATE_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(addresses_decide_in_clear),
                                       cmocka_unit_test(names_decide_by_tls), cmocka_unit_test(without_a_plan_nobody)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
